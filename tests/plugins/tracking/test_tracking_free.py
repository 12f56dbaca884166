"""How long a free animal is followed, beside a limp body and one held in its mean pose."""

from __future__ import annotations

import attrs
import jax.numpy as jnp
import numpy as np
import pytest
from analysis_cases import analyse
from free_case import free_model, swaying
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from toys import make_task

from mimic_core.chain import excerpts, passive_controller, plan_training, roll_out
from mimic_core.task import Observation
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_tracking.free import Free
from mimic_tracking.held import held_pose, null_courses
from mimic_tracking.nulls import CONTROLLER, HELD, LIMP

CLIPS = 4


@pytest.fixture(scope="module")
def model():
    return free_model()


@pytest.fixture(scope="module")
def task(plugins, model):
    given = {"policy": {"name": "bottleneck_ppo"}, "actuation": {"name": "torque"}}
    clip = swaying(model, 201)
    cut, _ = excerpts(clip, plan_training(given, plugins, clip))
    return make_task(plugins, cut, model, control_rate_hz=100.0, window=2, window_step_ms=20.0)


@pytest.fixture(scope="module")
def rollouts(plugins, task):
    """A body whose controller is limp, with the null models."""
    split = ["train"] * 3 + ["held_out"]
    nulls = null_courses(task, plugins.get("simulator", "mujoco"), np.array(split) == "train")
    rolled = roll_out(task, passive_controller(task), split=split, simulator="mujoco", provenance={})
    return attrs.evolve(rolled, null_qpos=nulls)


def test_a_limp_body_falls_and_a_held_one_stands(rollouts):
    free = Free.of(rollouts)
    every = np.ones(CLIPS, bool)
    assert free.seconds == pytest.approx(1.0) and free.lost_deg == 30.0
    assert free.lost_mm == pytest.approx(0.1e3 * np.hypot(0.12, 0.0), rel=0.1)  # a tenth of the body
    held, limp, own = (free.numbers(name, every) for name in (HELD, LIMP, CONTROLLER))
    assert held["to_the_end"] == 100.0 and held["followed"] == 100.0 and held["joint_deg_whole"] < 6.0
    assert limp["to_the_end"] == 0.0 and 5.0 < limp["followed"] < 70.0
    assert own == pytest.approx(limp, rel=1e-5)
    assert (np.diff(free.surviving(LIMP, every)) <= 0).all() and free.surviving(LIMP, every)[0] == 1.0


@examples(max_examples=25, deadline=None)
@given(
    speed=st.floats(1.0, 200.0),
    turn=st.floats(0.0, 300.0),
    mm=st.floats(1.0, 50.0),
    deg=st.floats(5.0, 90.0),
    yaw=st.floats(-3.0, 3.0),
)
def test_the_root_is_lost_when_it_leaves_either_limit(rollouts, model, speed, turn, mm, deg, yaw):
    """A body on its reference that drifts away at so many mm/s and turns at so many deg/s."""
    qpos, at = np.array(rollouts.ref_qpos, float), model.root_qposadr
    time = np.arange(qpos.shape[1]) / rollouts.rate_hz
    qpos[..., at : at + 2] += 1e-3 * speed * time[:, None] * np.array([np.cos(yaw), np.sin(yaw)])
    turned = Rotation.from_euler("z", (turn * time)[:, None], degrees=True)
    for c in range(CLIPS):
        n = rollouts.n_steps[c]
        own = Rotation.from_quat(qpos[c, :n, at + 3 : at + 7], scalar_first=True)
        qpos[c, :n, at + 3 : at + 7] = (turned[:n] * own).as_quat(scalar_first=True)
    free = Free.of(attrs.evolve(rollouts, qpos=qpos, null_qpos={}), mm, deg)
    wanted = min(mm / speed, deg / turn if turn else np.inf)
    if abs(wanted * 100.0 - round(wanted * 100.0)) > 1e-2:  # float32 does not tell which side of an instant it is
        lost = free.courses[CONTROLLER].lost
        assert (lost == np.minimum(int(np.floor(wanted * 100.0)) + 1, rollouts.n_steps)).all()
    # what is seen from the root does not drift
    assert np.nanmax(free.courses[CONTROLLER].pose_mm) < 0.05 and np.nanmax(free.courses[CONTROLLER].joint_deg) < 1e-3
    far = np.nanmax(free.courses[CONTROLLER].root_mm)
    assert far == pytest.approx(speed * time[rollouts.n_steps.max() - 1], rel=1e-2)


def test_a_body_that_diverged_is_lost(rollouts):
    name = rollouts.clip_names[1]
    still = attrs.evolve(rollouts, qpos=rollouts.ref_qpos, provenance={"diverged": {name: 12}})
    assert Free.of(still).courses[CONTROLLER].lost.tolist() == [
        12 if c == name else n for c, n in zip(still.clip_names, still.n_steps.tolist(), strict=True)
    ]


def test_a_held_pose_is_the_mean_of_the_training_movements(plugins, task):
    held, controller = held_pose(task, plugins.get("simulator", "mujoco"), np.array([True, True, False, False]))
    m, n = held.model.mj_model, task.n_steps[:2]
    pose = np.concatenate([task.registered.qpos[i, : n[i]] for i in range(2)])[:, task.model.joint_qposadr].mean(0)
    np.testing.assert_allclose(m.actuator_biasprm[:, 0] / -m.actuator_biasprm[:, 1], pose * 0.05, atol=1e-6)
    np.testing.assert_allclose(m.actuator_forcerange, [[-1.0, 1.0]] * 4)  # times the gear of 0.05 N m
    np.testing.assert_allclose(-m.actuator_biasprm[:, 1] * 0.05**2 * 0.5, 0.05)  # full torque at 0.5 rad
    decided = controller.act((), Observation(jnp.zeros((3, 1)), jnp.zeros((3, 1))), (), None)
    np.testing.assert_allclose(decided.action, jnp.zeros((3, 4)), atol=1e-7)


def test_the_analysis_shows_them(rollouts):
    result = analyse("tracking", rollouts=rollouts)
    first = result.headlines[0]
    assert first.label == "windows of 1 s followed to the end, held-out clips" and first.unit == "%"
    assert first.nulls == {LIMP: 0.0, HELD: 100.0} and first.better == "higher"
    table = result.tables["root_followed"]
    assert {(r[0], r[1]) for r in table.rows} == {
        (s, m) for s in ("held-out", "train") for m in (CONTROLLER, LIMP, HELD)
    }
    assert "root_followed" in result.figures and "root_followed" in result.captions


def test_a_body_fixed_in_space_has_none_of_this():
    assert Free.of(synthetic_rollouts((20, 20), split=("train", "held_out"))) is None
