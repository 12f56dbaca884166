"""Walking at a commanded speed: which episodes are made of movements, what the terms give, and when one succeeds."""

from __future__ import annotations

import attrs
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mimic_core import ConfigError, DataError, DataWarning
from mimic_core.chain import parted, plan_training
from mimic_core.testing import check_component, floating_model, random_step, step_on_reference
from mimic_core.testing.records import going_clips
from mimic_kinematics.size import span
from mimic_walk import terms
from mimic_walk.body import middle_of, up_of
from mimic_walk.episodes import Commanded
from mimic_walk.settings import Fallen, Upright, Walk, WalkCommand, Walked, WalkSpeed

PARTS = ("walk", "walk_speed", "upright", "walked", "walk_command", "fallen")
DT = 0.0025
"""s, the control step of steps that the kit makes"""


@pytest.fixture(scope="module")
def model(plugins):
    return floating_model(plugins)


@pytest.fixture(scope="module")
def clips(model):
    """Two clips, 0.2 s and 0.15 s at 200 Hz, of a body that goes along x at 0.1 m/s."""
    return going_clips(model, 0.1)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in ("walk", "walked") else pytest.mark.conformance) for n in PARTS]
)
def test_every_part_conforms(plugins, name):
    (part,) = [p for p in plugins.provided() if p.name == name and p.plugin == "mimic-neuro:walk"]
    check_component(part, plugins)


@pytest.mark.parametrize("build", [Commanded, *(getattr(terms, name) for name in PARTS[1:])])
def test_a_body_fixed_in_space_cannot_walk(build, toy_model):
    config = Walk() if build is Commanded else Fallen()
    with pytest.raises(ConfigError, match=r"body toy is fixed in space and cannot walk; take a body with a free root"):
        build(config, toy_model)


# -- episodes -----------------------------------------------------------------------------------------------------


def turned(clips, model, turn: Rotation):
    """The clips with every root turned about its own origin; where the keypoints are then is not computed."""
    at, qpos = model.root_qposadr, clips.qpos.copy()
    for c, n in enumerate(clips.n_frames):
        quat = Rotation.from_quat(qpos[c, :n, at + 3 : at + 7], scalar_first=True)
        qpos[c, :n, at + 3 : at + 7] = (turn * quat).as_quat(scalar_first=True)
    return attrs.evolve(clips, qpos=qpos)


@examples(max_examples=25, deadline=None)
@given(
    st.integers(0, 99),
    st.integers(1, 50),
    st.tuples(st.floats(1.0, 500.0), st.floats(1.0, 500.0)).map(sorted),
    st.floats(-180, 180),
    st.floats(-60, 60),
    st.sampled_from(["rest", "moving"]),
)
def test_episodes_go_along_their_heading(clips, model, seed, per_clip, speeds, yaw, pitch, begin):
    assume(abs(abs(pitch) - 45) > 0.01)
    given_ = turned(clips, model, Rotation.from_euler("ZY", [yaw, pitch], degrees=True))
    config = Walk(per_clip=per_clip, speeds_mm_s=tuple(speeds), episode_seed=seed, duration_s=0.1, begin=begin)
    if abs(pitch) > 45:
        with pytest.raises(DataError, match=r"points up or down; name its axis by task.forward"):
            Commanded(config, model)(given_)
        return
    made, of = Commanded(config, model)(given_)
    assert len(set(made.clip_names)) == len(of) and np.bincount(of).tolist() == [min(per_clip, n) for n in (40, 30)]
    heading = np.array([np.cos(np.deg2rad(yaw)), np.sin(np.deg2rad(yaw)), 0.0])
    at, dof = model.root_qposadr, model.root_dofadr
    velocity = made.qvel[:, 0, dof : dof + 3]
    speed = velocity @ heading
    np.testing.assert_allclose(velocity, speed[:, None] * heading, atol=1e-9)
    assert (speed >= 1e-3 * speeds[0] - 1e-9).all() and (speed <= 1e-3 * speeds[1] + 1e-9).all()
    along = made.qpos - made.start[:, None]
    np.testing.assert_allclose(along[:, 20, at : at + 3], 0.1 * velocity, atol=1e-9)
    along[..., at : at + 3] = 0
    assert not along.any() and made.qpos.shape[1] == 21  # nothing but the root's place changes
    np.testing.assert_allclose(made.site_pos[:, 20] - made.site_pos[:, 0], np.stack([0.1 * velocity] * 2, 1), atol=1e-9)
    for i, c in enumerate(of):
        frame = (given_.qpos[c] == made.start[i]).all(-1).nonzero()[0]
        assert frame.size and (made.site_pos[i, 0] == given_.site_pos[c, frame[0]]).all()
        assert begin == "rest" or (made.start_qvel[i] == given_.qvel[c, frame[0]]).all()
    assert (made.start_qvel is None) == (begin == "rest")


def test_speeds_are_those_recorded(clips, model):
    made, _ = Commanded(Walk(), model)(clips)
    speed = np.linalg.norm(made.qvel[:, 0, model.root_dofadr : model.root_dofadr + 3], axis=-1)
    assert 0.05 <= speed.min() < 0.055 and 0.095 < speed.max() <= 0.1 + 1e-9
    larger = attrs.evolve(clips, body=attrs.evolve(clips.body, scale=2.0))
    made, _ = Commanded(Walk(speeds_mm_s=(50.0, 50.0)), model)(larger)  # of the animal, which is twice the model
    np.testing.assert_allclose(made.qvel[:, 0, model.root_dofadr], 0.025)


def test_a_recording_that_stands_still_is_said(plugins, model):
    with pytest.raises(DataError, match=r"goes forward at no more than 0 mm/s; give task.speeds_mm_s, or name by"):
        Commanded(Walk(), model)(going_clips(model, 0.0))
    with pytest.raises(DataError, match=r"task.forward the axis that points where it goes"):
        Commanded(Walk(forward=(-1.0, 0.0, 0.0)), model)(going_clips(model, 0.1))
    with pytest.warns(DataWarning, match=r"the recording hardly walks; commanded are its 1.5 to 3 mm/s"):
        Commanded(Walk(), model)(going_clips(model, 0.003))
    Commanded(Walk(speeds_mm_s=(20.0, 40.0)), model)(going_clips(model, 0.0))


@pytest.mark.parametrize("speeds", [(0.0, 1.0), (2.0, 1.0)])
def test_wrong_speeds_are_refused(speeds):
    with pytest.raises(ValueError, match="must be two speeds above 0, the lower one first"):
        Walk(speeds_mm_s=speeds)


def test_movements_held_out_stay_apart_and_a_reference_keeps_its_speed(plugins, clips, model):
    plan = plan_training(
        {"policy": {"name": "bottleneck_apg"}, "task": "walk", "holdout": ["synthetic_01"]}, plugins, clips
    )
    assert plan.settings["task"]["reference_lowpass_hz"] == 0.0
    made, held = parted(clips, plan, plugins)
    assert {name.split(" from ")[0] for name, h in zip(made.clip_names, held, strict=True) if h} == {"synthetic_01"}
    from mimic_core.task import resample

    found = resample(made, model, 400.0).qvel
    np.testing.assert_allclose(found, np.broadcast_to(made.qvel[:, :1], found.shape), atol=1e-6)


# -- terms --------------------------------------------------------------------------------------------------------


def course(model, away, speed=0.1):
    """Steps of a body that goes along x beside its reference: ``away`` (step, 3) m from where that is."""
    begun = step_on_reference(model, 5)
    for i, off in enumerate(np.asarray(away, float)):
        gone = speed * DT * (i + 1) * np.array([1.0, 0.0, 0.0])
        ref = begun.ref._replace(
            body_pos=begun.body_pos + gone,
            root_pos=begun.root_pos + gone,
            root_linvel=jnp.array([speed, 0.0, 0.0]),
        )
        yield begun._replace(ref=ref, body_pos=ref.body_pos + off, root_pos=ref.root_pos + off)


def values(term, views):
    memory, found = term.init(), []
    for view in views:
        memory, value = term.step(memory, view)
        found.append(float(value))
    return found


def test_the_middle_is_weighted_by_mass(model):
    step = random_step(model, 1)
    trunk, leg = np.asarray(step.body_pos, float)
    np.testing.assert_allclose(middle_of(model)(step), (5.0 * trunk + 0.5 * leg) / 5.5, rtol=1e-5)
    assert up_of(model).tolist() == [0.0, 0.0, 1.0] and span(model) == pytest.approx(0.025)


def test_the_reward_of_speed_by_hand(model):
    """0.1 m/s commanded, 1/2 at 0.05 m/s: keeping up gives 1, standing still 1/(1 + 2²), going twice as fast too."""
    term = terms.walk_speed(WalkSpeed(half_at=0.5, smooth_ms=0.0), model)
    steps = np.arange(1, 5)[:, None] * DT * np.array([0.1, 0.0, 0.0])
    for away, expected in ((0 * steps, 1.0), (-steps, 0.2), (steps, 0.2), (steps[:, [1, 0, 2]], 0.2)):
        first, *later = values(term, course(model, away))
        assert first == pytest.approx(0.2, abs=1e-4)  # no velocity is known yet
        assert later == pytest.approx([expected] * 3, abs=1e-3)
    up = values(term, course(model, steps[:, [1, 2, 0]]))  # going up as well is not counted
    assert up[1:] == pytest.approx([1.0] * 3, abs=1e-3)


def test_the_velocity_is_a_running_mean(model):
    """Weights e^(−t/τ): after one step of standing still and one of keeping up it is 0.1·1/(1 + e^(−dt/τ))."""
    term = terms.walk_speed(WalkSpeed(half_at=1.0, smooth_ms=1e3 * DT), model)
    found = values(term, course(model, np.zeros((2, 3))))
    off = 1.0 - 1.0 / (1.0 + np.exp(-1.0))
    assert found == pytest.approx([0.5, 1.0 / (1.0 + off**2)], abs=1e-4)


def test_upright_and_fallen_by_hand(model):
    """Halves at 20° and at a tenth of the 25 mm; fallen beyond 60° and 3.75 mm lower."""
    closeness, fallen = terms.upright(Upright(), model), terms.fallen(Fallen(), model)
    step = step_on_reference(model, 3)
    whole = Rotation.from_quat(np.asarray(step.root_quat, float), scalar_first=True)

    def at(deg=0.0, mm=0.0, yaw=30.0):
        quat = Rotation.from_euler("ZY", [yaw, deg], degrees=True) * whole
        place = step.root_pos + 1e-3 * mm * jnp.array([0.0, 0.0, 1.0])
        return step._replace(root_quat=jnp.asarray(quat.as_quat(scalar_first=True), jnp.float32), root_pos=place)

    assert float(closeness(at())) == pytest.approx(1.0, abs=1e-5)
    assert float(closeness(at(deg=20.0))) == pytest.approx(0.5, abs=1e-4)
    assert float(closeness(at(mm=2.5))) == pytest.approx(0.5, abs=1e-4)
    assert float(closeness(at(deg=20.0, mm=-2.5))) == pytest.approx(1 / 3, abs=1e-4)
    assert [bool(fallen(at(deg=d))) for d in (59.5, 60.5)] == [False, True]
    assert [bool(fallen(at(mm=m))) for m in (50.0, -3.7, -3.8)] == [False, False, True]
    none = terms.fallen(Fallen(max_tilt_deg=None, max_drop_share=None), model)
    assert not none(at(deg=180.0)) and not none(at(mm=-1e3))


def test_success_is_a_stretch_at_the_commanded_velocity(model):
    """Stretches of four steps at 0.1 m/s, 0.3 of it allowed: 0.3 mm after 10 ms, anew in each stretch."""
    term = terms.walked(Walked(after_ms=0.0, over_ms=10.0, within=0.3), model)
    off = 1e-3 * np.array([0, 9, 9, 0.29, 0, 0, 0, 0.6, 0, 0, 0, 0.6])  # only how far it came in all counts
    for axis, expected in (([1, 0, 0], [3, 11]), ([0, -1, 0], [3, 11]), ([0, 0, 1], [3, 7, 11])):
        found = values(term, course(model, off[:, None] * np.array(axis) * (1.0 if axis[2] == 0 else 0.1)))
        assert np.flatnonzero(found).tolist() == expected and set(found) <= {0.0, 1.0}


def test_leaning_forward_before_it_counts_is_no_success(model):
    """5 ms later: two steps, then stretches of four that end at the sixth and the tenth."""
    term = terms.walked(Walked(after_ms=5.0, over_ms=10.0, within=0.3), model)
    off = 1e-3 * np.array([9, 0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.9, 0, 0])[:, None] * np.array([1, 0, 0])
    assert np.flatnonzero(values(term, course(model, off))).tolist() == [5]
    late = terms.walked(Walked(after_ms=5.0, over_ms=10.0, within=0.5), model)
    assert np.flatnonzero(values(late, course(model, off))).tolist() == [5, 9]


def test_who_has_fallen_does_not_succeed(model):
    term = terms.walked(Walked(after_ms=0.0, over_ms=10.0), model)
    views = list(course(model, np.zeros((12, 3))))
    views[5] = views[5]._replace(root_pos=views[5].root_pos - jnp.array([0.0, 0.0, 0.005]))
    assert np.flatnonzero(values(term, views)).tolist() == [3]  # it got up again, which is too late


@examples(max_examples=15, deadline=None)
@given(st.integers(0, 99), st.floats(-180, 180))
def test_the_command_is_seen_along_the_roots_axes(model, seed, yaw):
    """Turned about the vertical together with its reference, and carried elsewhere, the body sees the same."""
    step, seen = random_step(model, seed), terms.walk_command(WalkCommand(), model)
    found = np.asarray(seen(step), float)
    to_root = Rotation.from_quat(np.asarray(step.root_quat, float), scalar_first=True).inv()
    wanted, own = (np.asarray(of.root_linvel, float) for of in (step.ref, step))
    rows = to_root.apply([wanted, wanted - own, [0.0, 0.0, -1.0]]).ravel()
    height = float(step.root_pos[2] - step.ref.root_pos[2])
    np.testing.assert_allclose(found, [*rows, height, *step.joint_pos, *step.joint_vel], rtol=1e-3, atol=1e-4)
    assert terms.walk_command(WalkCommand(posture=False), model)(step).shape == (10,)
    turn, away = Rotation.from_euler("z", yaw, degrees=True), np.array([0.3, -0.2, 0.0])

    def elsewhere(at):
        quat = turn * Rotation.from_quat(np.asarray(at.root_quat, float), scalar_first=True)
        return at._replace(
            root_pos=jnp.asarray(turn.apply(np.asarray(at.root_pos, float)) + away),
            root_quat=jnp.asarray(quat.as_quat(scalar_first=True)),
            root_linvel=jnp.asarray(turn.apply(np.asarray(at.root_linvel, float))),
        )

    again = seen(elsewhere(step)._replace(ref=elsewhere(step.ref)))
    np.testing.assert_allclose(again, found, rtol=1e-3, atol=1e-4)
