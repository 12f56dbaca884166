"""Reaching to targets: which episodes are made of movements, when one has succeeded, and the force field."""

from __future__ import annotations

import attrs
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from mimic_core import ConfigError, DataError, DataWarning
from mimic_core.chain import parted, plan_training
from mimic_core.testing import random_step
from mimic_kinematics.size import span
from mimic_reach import build_curl_field, build_reach
from mimic_reach.body import hand_of
from mimic_reach.episodes import Commanded
from mimic_reach.field import curl_field
from mimic_reach.settings import CurlField, HandDistance, Reach, Reached, Target
from mimic_reach.terms import hand_distance, reached, target

HAND = 2
"""place of the toy arm's hand among its keypoints"""


def test_the_hand_is_the_outermost_keypoint(toy_model, mouse_model):
    assert toy_model.keypoint_names[hand_of(toy_model)] == "hand"
    assert mouse_model.keypoint_names[hand_of(mouse_model)] == "paw"
    assert hand_of(toy_model, "elbow") == toy_model.keypoint_names.index("elbow")
    assert span(toy_model) == pytest.approx(0.02)


# -- episodes -----------------------------------------------------------------------------------------------------


@examples(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.integers(1, 15), st.floats(0.0, 0.3))
def test_episodes_are_postures_of_one_movement(toy_clips, toy_model, seed, per_clip, least):
    config = Reach(per_clip=per_clip, least_share=least, episode_seed=seed, duration_s=0.1)
    made, of = Commanded(config, toy_model)(toy_clips)
    assert len(set(made.clip_names)) == len(of) <= 6 * per_clip and (np.bincount(of) <= per_clip).all()
    for start, qpos, site_pos, c in zip(made.start, made.qpos, made.site_pos, of, strict=True):
        begins, held = ((toy_clips.qpos[c] == q).all(-1).nonzero()[0] for q in (start, qpos[0]))
        assert begins.size and held.size and (qpos == qpos[0]).all() and len(qpos) == 21
        np.testing.assert_array_equal(site_pos[0], toy_clips.site_pos[c, held[0]])
        apart = np.linalg.norm(toy_clips.site_pos[c, begins[0], HAND] - site_pos[0, HAND])
        assert apart >= least * span(toy_model) and begins[0] != held[0]


def test_a_movement_too_small_to_reach_in_is_said(toy_clips, toy_model):
    still = attrs.evolve(toy_clips, qpos=toy_clips.qpos.copy(), site_pos=toy_clips.site_pos.copy())
    still.site_pos[1] = still.site_pos[1, :1]
    with pytest.warns(DataWarning, match="left out since the hand moves less than 4 mm: clip_1$"):
        _, of = Commanded(Reach(), toy_model)(still)
    assert set(of.tolist()) == {0, 2, 3, 4, 5}
    still.site_pos[:] = still.site_pos[:, :1]
    with pytest.raises(DataError, match="no hand moves 4 mm"):
        Commanded(Reach(), toy_model)(still)


def test_targets_of_held_out_movements_are_held_out(plugins, toy_clips):
    plan = plan_training(
        {"policy": {"name": "bottleneck_ppo"}, "task": "reach", "holdout": ["clip_2"]}, plugins, toy_clips
    )
    made, held = parted(toy_clips, plan, plugins)
    assert {name.split(" to ")[0] for name, h in zip(made.clip_names, held, strict=True) if h} == {"clip_2"}
    assert held.sum() == plan.settings["task"]["per_clip"]


# -- terms --------------------------------------------------------------------------------------------------------


def at(model, mm, key=0):
    """A step whose hand is so many mm from its target."""
    step = random_step(model, key)
    site_pos = jnp.asarray(step.ref.site_pos).at[HAND, 0].add(1e-3 * mm)
    return step._replace(site_pos=site_pos)


def test_success_is_being_near_for_long_enough(toy_model):
    """2.5 ms a step, 10 ms to hold: the fourth step in a row; a step outside begins anew."""
    term = reached(Reached(radius_mm=1.0, hold_ms=10.0), toy_model)
    away_mm = [0.9, 0.9, 1.1, 0.9, 0.9, 0.9, 0.9, 0.9, 1.1, 0.5]
    memory, found = term.init(), []
    for mm in away_mm:
        memory, value = term.step(memory, at(toy_model, mm))
        found.append(float(value))
    assert found == [0, 0, 0, 0, 0, 0, 1, 1, 0, 0]
    none = reached(Reached(radius_share=0.1, hold_ms=0.0), toy_model)  # of 20 mm
    assert [float(none.step(none.init(), at(toy_model, mm))[1]) for mm in (1.9, 2.1)] == [1.0, 0.0]


def test_cost_and_target_by_hand(toy_model):
    cost = hand_distance(HandDistance(round_share=0.02), toy_model)
    assert float(cost(at(toy_model, 0.0))) == pytest.approx(0.0, abs=1e-7)
    assert float(cost(at(toy_model, 6.0))) == pytest.approx(np.hypot(0.3, 0.02) - 0.02, rel=1e-4)
    step = at(toy_model, 6.0)
    seen = target(Target(), toy_model)(step)
    np.testing.assert_allclose(seen, [-6e-3, 0, 0, *step.joint_pos, *step.joint_vel], atol=1e-8)
    assert target(Target(posture=False), toy_model)(step).shape == (3,)


# -- the field ----------------------------------------------------------------------------------------------------


def moved(model, qpos, qvel, dt):
    """Views of two instants dt apart, in MuJoCo, and the hand's velocity between them."""
    m, places = model.mj_model, []
    for q in (qpos, qpos + dt * qvel):
        data = mujoco.MjData(m)
        data.qpos[:] = q
        mujoco.mj_forward(m, data)
        places.append((data.site_xpos[model.keypoint_site_ids], data.xpos[model.body_ids], data))
    step = random_step(model, 0)._replace(control_dt=dt)
    views = [step._replace(site_pos=jnp.asarray(s), body_pos=jnp.asarray(b)) for s, b, _ in places]
    return views, (places[1][0][HAND] - places[0][0][HAND]) / dt, places[1][2]


@examples(max_examples=25, deadline=None)
@given(st.lists(st.floats(-0.9, 0.9), min_size=2, max_size=2), st.lists(st.floats(-20, 20), min_size=2, max_size=2))
def test_the_field_pushes_the_hand_sideways(toy_model, qpos, qvel):
    """Its torques about the joints are Jᵀ·F of the hand, as MuJoCo has them; the force does no work."""
    config = CurlField(curl=0.3, axis=(0.0, 2.0, 0.0))
    (first, second), velocity, data = moved(toy_model, np.array(qpos), np.array(qvel), 1e-3)
    term = curl_field(config, toy_model)
    memory, none = term.step(term.init(), first)
    assert not np.asarray(none).any()  # nothing is known of its velocity yet
    _, push = term.step(memory, second)
    push, force = np.asarray(push, float), 0.3 * np.cross([0.0, 1.0, 0.0], velocity)
    m, body = toy_model.mj_model, toy_model.body_ids[-1]
    assert not push[:-1].any()
    np.testing.assert_allclose(push[-1, :3], force, atol=2e-5)
    assert abs(push[-1, :3] @ velocity) < 1e-4 * max(1.0, np.linalg.norm(velocity)) ** 2
    expected, found = np.zeros(m.nv), np.zeros(m.nv)
    mujoco.mj_applyFT(
        m, data, push[-1, :3], np.zeros(3), data.site_xpos[toy_model.keypoint_site_ids[HAND]], body, expected
    )
    mujoco.mj_applyFT(m, data, push[-1, :3], push[-1, 3:], data.xipos[body], body, found)
    np.testing.assert_allclose(found, expected, atol=2e-7)


def test_a_field_of_no_strength_is_none_and_a_fixed_keypoint_has_none(toy_model):
    assert build_reach(Reach(), toy_model).push is None
    assert build_reach(Reach(field=CurlField(curl=0.1)), toy_model).push is not None
    with pytest.raises(ConfigError, match="keypoint shoulder of toy is on no moving body"):
        curl_field(CurlField(keypoint="shoulder"), toy_model)


def test_the_field_disturbs_rollouts_too(toy_model):
    class Context:
        model = toy_model

    assert build_curl_field(CurlField(), Context()).push is not None
