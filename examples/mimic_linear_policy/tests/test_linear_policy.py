import jax.numpy as jnp
import mimic_linear_policy
import numpy as np
import pytest
from mimic_linear_policy.search import act_on

from mimic_core.chain import TrainedRun, do, installed
from mimic_core.task import Observation
from mimic_core.testing import PolicyConformance, toy_clips


class TestLinear(PolicyConformance):
    spec = next(iter(mimic_linear_policy.mimic_policies()))
    config = mimic_linear_policy.Settings(candidates=16, episodes=2, horizon=5)


def test_action_by_hand():
    scale = {"middle": jnp.array([1.0, 0.0, 0.0]), "width": jnp.array([2.0, 1.0, 1.0])}
    seen = Observation(jnp.array([[3.0, 1.0]]), jnp.array([[-1.0]]))  # x = (1, 1, −1, 1)
    matrix = jnp.array([[0.1, 0.2, 0.4, 0.3]])
    np.testing.assert_allclose(act_on(matrix, scale, seen), np.tanh([[0.1 + 0.2 - 0.4 + 0.3]]), rtol=1e-6)


def test_it_learns_to_track(tmp_path):
    """On four movements of the toy arm, one of them held out, it comes much closer than the limp arm."""
    clips = toy_clips().save(tmp_path / "clips.h5")
    settings = {"name": "linear", "generations": 20, "candidates": 32, "evaluations": 2}
    summary = do(installed(), "train", clips=clips, out=tmp_path / "run", policy=settings, seed=1)
    assert summary["tracking_mm"] < 0.6 * summary["passive_mm"]
    run = TrainedRun.open(tmp_path / "run")
    rollouts = run.roll_out()
    held_out = rollouts.clip_errors_mm()[rollouts.split.index("held_out")]
    assert held_out == pytest.approx(summary["tracking_mm"], rel=1e-3)
    assert rollouts.training == run.training and rollouts.training.plan.policy == "linear"
