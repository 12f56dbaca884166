"""Layers beside null models: units without coordination, the movement itself, and the network before training."""

from __future__ import annotations

import attrs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from analysis_cases import analyse

from mimic_core import Controller, DataError, Decision, PolicySpec
from mimic_core.chain import TrainedRun, do
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_latent.nulls import JOINTS, SHUFFLED, UNTRAINED, shuffled
from mimic_latent.settings import Settings
from mimic_latent.untrained import watched

UNITS = 6


def with_layer(values, **change):
    """Rollouts with one layer (clip, step, unit) and an intention of its first four units."""
    r = synthetic_rollouts((60,) * len(values))
    values = values.copy()
    values[:, 0] = np.nan
    return attrs.evolve(r, record={"layer/decoder/layer_1": values, "intention_mean": values[..., :4]}, **change)


def test_independent_units_are_as_wide_as_their_shuffles():
    x = np.random.default_rng(0).standard_normal((20, 60, UNITS))
    result = analyse("latent", rollouts=with_layer(x))
    of = result.metrics["layers"]["decoder/layer_1"]
    assert of["nulls"]["instants_shuffled"]["first_three"] == pytest.approx(of["first_three"]["mean"], abs=0.02)
    assert of["nulls"]["instants_shuffled"]["first_three"] == pytest.approx(3 / UNITS, abs=0.05)


def test_a_plane_stands_out_from_its_shuffles():
    rng = np.random.default_rng(0)
    flat = rng.standard_normal((5, 60, 2)) @ rng.standard_normal((2, UNITS))
    result = analyse("latent", rollouts=with_layer(flat))
    intention, layer = result.headlines
    assert layer.label == "variance of decoder/layer_1 in three components"
    assert layer.value == pytest.approx(100) and layer.nulls[SHUFFLED] < 85
    assert SHUFFLED not in layer.unbeaten and UNTRAINED not in layer.nulls
    assert "left out, as no folder" in result.tables["nulls"].caption
    # two joints have no more than two components, so that the movement itself is as flat
    assert layer.nulls[JOINTS] == intention.nulls[JOINTS] == pytest.approx(100)
    assert "so few dimensions has joint angles (100 %) too" in result.sentence


def test_shuffling_keeps_the_values_of_every_unit():
    x = np.random.default_rng(0).standard_normal((30, 4))
    y = shuffled(x, np.random.default_rng(1))
    np.testing.assert_array_equal(np.sort(x, axis=0), np.sort(y, axis=0))
    assert not np.array_equal(x, y)


# -- the untrained network ----------------------------------------------------------------------------------------


class Doubling:
    """Reads what is to come through random weights, which learning only makes larger, and hardly moves."""

    iterations = 3

    def __init__(self, config, task):
        self.size = task.action_size
        self.inputs = task.observe(task.reset(jax.random.key(0), 1)).reference.shape[-1]

    def control_steps(self, iteration):
        return 100 * iteration

    def initial(self, seed):
        weights = jax.random.normal(jax.random.key(seed), (self.inputs, UNITS))
        return {"weights": weights, "bias": jnp.full(self.size, -1.0)}

    def iterate(self, state):
        return {"weights": 2 * state["weights"], "bias": state["bias"] + 0.3}, {"reward": jnp.zeros(())}

    def controller(self, state):
        return Controller(variables=state, start=lambda batch: (), act=act)


def act(variables, observation, carry, key):
    action = jnp.broadcast_to(variables["bias"], (len(observation.reference), len(variables["bias"])))
    return Decision(action, carry, {"layer/decoder/layer_1": observation.reference @ variables["weights"]})


@pytest.fixture(scope="module")
def doubling(plugins):
    return plugins.having("policy", PolicySpec(name="doubling", build=Doubling, summary="a test"))


@pytest.fixture(scope="module")
def run(doubling, toy_clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    clips = toy_clips.save(folder / "clips.h5")
    do(doubling, "train", clips=clips, out=folder / "run", policy={"name": "doubling"}, seed=5)
    return TrainedRun.open(folder / "run", doubling)


def test_the_untrained_network_is_seen_at_the_inputs_of_the_trained_one(run, doubling):
    """Its weights are those of the trained one but for their size: the layer is the same but for its size."""
    rollouts = run.roll_out()
    result = analyse("latent", plugins=doubling, rollouts=rollouts, training=run.folder)
    of = result.metrics["layers"]["decoder/layer_1"]
    assert of["cka_to_untrained"] == pytest.approx(1, abs=1e-5)
    assert of["nulls"]["untrained"]["first_three"] == pytest.approx(of["first_three"]["mean"], abs=1e-5)
    (headline,) = result.headlines
    assert set(headline.nulls) == {SHUFFLED, JOINTS, UNTRAINED}
    assert result.tables["nulls"].columns[-2:] == ("untrained network (%)", "CKA to untrained")
    assert "before training" in result.methods


def test_the_untrained_network_can_be_left_out(run, doubling):
    rollouts = run.roll_out()
    settings = Settings(untrained=False)
    result = analyse("latent", settings, plugins=doubling, rollouts=rollouts, training=run.folder)
    assert "untrained" not in result.metrics["layers"]["decoder/layer_1"]["nulls"]


def test_trainings_of_other_rollouts_are_refused(run, doubling):
    rollouts = run.roll_out()
    other = attrs.evolve(rollouts, training=attrs.evolve(run.training, plan=attrs.evolve(run.plan, seed=9)))
    with pytest.raises(DataError, match="none of the rollouts is of this training"):
        analyse("latent", plugins=doubling, rollouts=other, training=run.folder)
    moved = attrs.evolve(rollouts, joint_pos=rollouts.joint_pos + 0.1)
    with pytest.raises(DataError, match=r"moves otherwise than in the rollouts \(joint angles differ by up to 5\.7"):
        analyse("latent", plugins=doubling, rollouts=moved, training=run.folder)
    renamed = attrs.evolve(rollouts, clip_names=tuple(f"x{n}" for n in rollouts.clip_names))
    with pytest.raises(DataError, match="of other clips than those of the run"):
        analyse("latent", plugins=doubling, rollouts=renamed, training=run.folder)


def test_the_acting_controller_decides_and_the_watching_one_is_recorded():
    def deciding(action, thought):
        def act(variables, observation, carry, key):
            return Decision(action * variables, carry + 1, {"thought": thought * variables, "key": key is None})

        return Controller(variables=2.0, start=lambda batch: batch, act=act)

    both = watched(deciding(1.0, 10.0), deciding(3.0, 30.0))
    decision = both.act(both.variables, None, both.start(4), "a key")
    assert (decision.action, decision.carry) == (2.0, (5, 5))
    assert decision.record == {"thought": 60.0, "key": True}  # what is only watched draws nothing
