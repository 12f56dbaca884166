"""A trained run by its type: what it is, what it does, on its own clips and on others."""

from __future__ import annotations

import json

import attrs
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mimic_core import Choice, ConfigError, Controller, DataError, Decision, PluginError, PolicySpec, file_hash
from mimic_core.chain import HOOKS, TrainedRun, do
from mimic_core.chain.loading import LoadedPlugins
from mimic_core.config import structure
from mimic_core.plugins.manager import Provided
from mimic_core.records.rollouts import Rollouts
from mimic_core.records.training import Training


class Drift:
    """Pulls every muscle a little more in every iteration."""

    iterations = 4

    def __init__(self, config, task):
        self.size = task.action_size

    def control_steps(self, iteration):
        return 100 * iteration

    def initial(self, seed):
        return {"bias": jnp.full(self.size, -1.0)}

    def iterate(self, state):
        return {"bias": state["bias"] + 0.2}, {"reward": state["bias"].mean()}

    def controller(self, state):
        return Controller(variables=state["bias"], start=lambda batch: (), act=act)


def act(bias, observation, carry, key):
    action = jnp.broadcast_to(bias, (len(observation.reference), len(bias)))
    action = action if key is None else action + 0.1 * jax.random.normal(key, action.shape)
    return Decision(jnp.clip(action, -1, 1), carry, {"bias": action})


@pytest.fixture(scope="module")
def drifting(plugins):
    """The installed plugins and a policy of one's own."""
    return plugins.having("policy", PolicySpec(name="drift", build=Drift, summary="a test"))


@pytest.fixture(scope="module")
def run(drifting, toy_clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    clips = toy_clips.save(folder / "clips.h5")
    summary = do(drifting, "train", clips=clips, out=folder / "run", policy={"name": "drift"}, seed=2)
    assert summary["policy"] == "drift" and summary["training"]["control_steps"] == 400
    return TrainedRun.open(folder / "run", drifting)


def test_what_it_consists_of(run, toy_clips):
    assert (run.plan.policy, run.plan.seed, run.folder.name) == ("drift", 2, "run")
    assert run.training.body == toy_clips.body and run.training.clips == file_hash(run.folder.parent / "clips.h5")
    assert structure(json.loads((run.folder / "run.json").read_text()), Training, "run") == run.training
    assert run.clips.clip_names == toy_clips.clip_names and run.split.count("held_out") == 1
    assert run.model.actuator_names == ("flexor", "extensor") and run.task.n_steps.tolist() == [79] * 5 + [99]
    np.testing.assert_allclose(run.controller().variables, -0.2, atol=1e-6)


def test_rollouts_tell_where_they_are_from(run, tmp_path):
    rollouts = run.roll_out()
    assert (rollouts.training, rollouts.checkpoint, rollouts.seed) == (run.training, "last", None)
    assert rollouts.perturbation is None and rollouts.origin == "synthetic"
    assert rollouts.clips == file_hash(run.folder / "clips.h5") and "mimic-neuro" in rollouts.provenance["versions"]
    np.testing.assert_allclose(rollouts.record["bias"][:, 1:79], rollouts.action[:, 1:79])
    again = Rollouts.load(rollouts.save(tmp_path / "rollouts.h5"))
    assert again.training == run.training and again.split == run.split


def test_a_seed_a_checkpoint_and_a_perturbation(run, plugins):
    assert run.roll_out(seed=3).seed == 3
    with pytest.raises(ConfigError, match="checkpoint: 'first'; must be one of last, best"):
        run.roll_out(checkpoint="first")
    with pytest.raises(ConfigError, match="force_N: names no perturbation; add --perturb NAME"):
        run.roll_out(perturb=Choice(None, {"force_N": 1.0}))
    pushed = run.roll_out(perturb=Choice("weakening", {}), label="weak")
    assert (pushed.perturbation.name, pushed.perturbation.label) == ("weakening", "weak")
    assert pushed.perturbation.onset_ms == (0.0,) * 6
    assert np.nanmax(np.abs(pushed.qpos - run.roll_out(perturb=Choice()).qpos)) > 1e-4


def test_on_other_clips(run, toy_clips, tmp_path):
    renamed = attrs.evolve(toy_clips, clip_names=(*toy_clips.clip_names[:-1], "unknown"))
    other = run.on(renamed.save(tmp_path / "other.h5"), "mujoco")
    assert (other.clips.clip_names[-1], other.split[-1], other.engine.name) == ("unknown", "held_out", "mujoco")
    assert run.on(renamed).roll_out().clips == ""  # it has not been a file
    foreign = attrs.evolve(toy_clips, body=attrs.evolve(toy_clips.body, name="else"))
    with pytest.raises(DataError, match="clips: registered to body else, but the policy controls toy; register"):
        run.on(foreign)


def test_a_policy_that_is_not_installed(run, plugins):
    with pytest.raises(PluginError) as e:
        TrainedRun.open(run.folder, plugins)
    assert str(e.value) == (
        f"{run.folder}: policy 'drift', which this run was trained with, is not installed; "
        "give its file with --plugin, or install its package"
    )


def test_a_reward_that_is_not_installed(run, drifting):
    without = LoadedPlugins(HOOKS)
    without._provided = [p for p in drifting.provided() if (p.kind, p.name) != ("reward", "joint")]
    assert all(isinstance(p, Provided) for p in without._provided)
    with pytest.raises(PluginError, match="reward 'joint', which this run was trained with, is not installed"):
        TrainedRun.open(run.folder, without)
