"""Rewards and costs of the distance from the reference, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import attrs
import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mimic_core.body.model import BodyModel
from mimic_core.errors import ConfigError
from mimic_core.testing.steps import floating_model, random_step, step_on_reference


@pytest.fixture(scope="module")
def floating(plugins):
    return floating_model(plugins)


def build(plugins, name, model, **config):
    spec = plugins.get("reward", name)
    return spec.build(spec.config(**config), model)


def step(**fields):
    ref = {k.removeprefix("ref_"): jnp.asarray(v) for k, v in fields.items() if k.startswith("ref_")}
    here = {k: jnp.asarray(v) for k, v in fields.items() if not k.startswith("ref_")}
    return SimpleNamespace(**here, ref=SimpleNamespace(**ref))


def moved(model: BodyModel, **by_mm):
    """A step whose named keypoints are off by (x, y, z) mm, the others where they should be."""
    off = np.zeros((len(model.keypoint_names), 3))
    for name, mm in by_mm.items():
        off[model.keypoint(name)] = 1e-3 * np.asarray(mm)
    return step(site_pos=off, ref_site_pos=np.zeros_like(off))


# -- velocities and the root ----------------------------------------------------------------------------------


def test_joint_velocity_by_hand(plugins, toy_model):
    """Off by 3 and −4 rad/s: Σ² = 25; exp(−0.01·25) = 0.778801."""
    term = build(plugins, "joint_velocity", toy_model)
    assert float(term(step(joint_vel=[5.0, -3.0], ref_joint_vel=[2.0, 1.0]))) == pytest.approx(0.778801, abs=1e-6)


def test_position_by_hand(plugins, floating):
    """Off by 0.3 and 0.4 mm: 2.5e-7 m²; at α = 4e6/m² exp(−1), and by default 1/e at a quarter of the body."""
    at = step(root_pos=[0.3e-3, 0.0, 1.0], ref_root_pos=[0.0, 0.4e-3, 1.0])
    assert float(build(plugins, "position", floating, scale=4e6)(at)) == pytest.approx(np.exp(-1), rel=1e-4)
    apart = span(floating)
    at = step(root_pos=[0.25 * apart, 0.0, 0.0], ref_root_pos=[0.0, 0.0, 0.0])
    assert float(build(plugins, "position", floating)(at)) == pytest.approx(np.exp(-1), rel=1e-5)


def span(model: BodyModel) -> float:
    """The greatest distance (m) between two keypoints in the reference pose."""
    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    at = data.site_xpos[model.keypoint_site_ids]
    return float(np.linalg.norm(at[:, None] - at, axis=-1).max())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), copies=st.integers(1, 6))
def test_a_mean_does_not_grow_with_the_number_of_joints(plugins, toy_model, seed, copies):
    rng = np.random.default_rng(seed)
    own, wanted = rng.normal(size=(2, 5))
    once = step(joint_pos=own, ref_joint_pos=wanted, joint_vel=own, ref_joint_vel=wanted)
    again = {"joint_pos": np.tile(own, copies), "ref_joint_pos": np.tile(wanted, copies)}
    often = step(**again, joint_vel=again["joint_pos"], ref_joint_vel=again["ref_joint_pos"])
    for name in ("joint", "joint_velocity"):
        mean = build(plugins, name, toy_model, over="mean", scale=0.3)
        assert float(mean(often)) == pytest.approx(float(mean(once)), rel=1e-5)
        summed = build(plugins, name, toy_model, scale=0.3)
        assert float(summed(often)) == pytest.approx(float(summed(once)) ** copies, rel=1e-4)
        assert float(mean(once)) == pytest.approx(np.exp(-0.3 * ((own - wanted) ** 2).mean()), rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_pose_counts_where_the_root_has_strayed(plugins, floating, seed):
    """In the root's frame, points are compared as MuJoCo has them in the frame of either root."""
    at = random_step(floating, seed)
    seen = [
        Rotation.from_quat(np.array(now.root_quat, float), scalar_first=True)
        .inv()
        .apply(np.array(now.body_pos, float) - np.array(now.root_pos, float))
        for now in (at, at.ref)
    ]
    wanted = np.exp(-300.0 * ((seen[0] - seen[1]) ** 2).sum(-1).mean())
    term = build(plugins, "body_position", floating, frame="root", over="mean", scale=300.0)
    assert float(term(at)) == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    there = step_on_reference(floating, seed)
    strayed = there._replace(root_pos=there.root_pos + 1.0, site_pos=there.site_pos + 1.0)
    ends = build(plugins, "end_effector", floating, frame="root", scale=1e4)
    assert float(ends(strayed)) == pytest.approx(1.0, abs=1e-4)
    assert float(build(plugins, "end_effector", floating, scale=1e4)(strayed)) < 1e-6


def test_the_frame_of_a_root_needs_a_root(plugins, toy_model):
    for name in ("body_position", "end_effector"):
        with pytest.raises(ConfigError, match=rf"rewards\.{name}\.frame: body .* is fixed in space"):
            build(plugins, name, toy_model, frame="root")


def test_angular_velocity_by_hand(plugins, floating):
    """Off by (1, −2, 2) rad/s: Σ² = 9; exp(−0.5·9) = 0.011109."""
    at = step(root_angvel=[1.0, 0.0, 2.0], ref_root_angvel=[0.0, 2.0, 0.0])
    assert float(build(plugins, "angular_velocity", floating)(at)) == pytest.approx(0.011109, rel=1e-4)


def test_quaternion_by_hand(plugins, floating):
    """Turned by 90° about x: θ = π/4, exp(−4·π²/16) = 0.084805. By 180°, the farthest: exp(−π²) = 5.172e-5."""
    term = build(plugins, "quaternion", floating)
    half = np.sqrt(0.5)
    quarter = step(root_quat=[half, half, 0.0, 0.0], ref_root_quat=[1.0, 0.0, 0.0, 0.0])
    assert float(term(quarter)) == pytest.approx(0.084805, rel=1e-5)
    opposite = step(root_quat=[0.0, 0.0, 1.0, 0.0], ref_root_quat=[1.0, 0.0, 0.0, 0.0])
    assert float(term(opposite)) == pytest.approx(5.172e-5, rel=1e-3)


unit = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1)


@settings(max_examples=60, deadline=None)
@given(a=unit, b=unit)
def test_quaternion_is_half_the_angle_whatever_the_sign(plugins, floating, a, b):
    a, b = (np.array(q) / np.linalg.norm(q) for q in (a, b))
    term = build(plugins, "quaternion", floating, scale=1.0)
    values = [float(term(step(root_quat=s * a, ref_root_quat=t * b))) for s in (1, -1) for t in (1, -1)]
    np.testing.assert_allclose(values, values[0], rtol=1e-5)
    turn = Rotation.from_quat(np.roll(a, -1)).inv() * Rotation.from_quat(np.roll(b, -1))
    assert values[0] == pytest.approx(np.exp(-((turn.magnitude() / 2) ** 2)), rel=2e-4)
    assert 0 < values[0] <= 1


def test_quaternion_slopes_at_and_near_perfect_tracking(plugins, floating):
    """Turned by a small angle φ about x, r = exp(−α φ²/4), whose slope along φ is −α φ/2."""
    term = build(plugins, "quaternion", floating)

    def turned(phi):
        quat = jnp.stack([jnp.cos(phi / 2), jnp.sin(phi / 2), 0.0 * phi, 0.0 * phi])
        return term(step(root_quat=quat, ref_root_quat=[1.0, 0.0, 0.0, 0.0]))

    assert float(jax.grad(turned)(0.0)) == 0.0
    for phi in (1e-5, 1e-4, 2e-4, 1e-3, 1e-2):
        assert float(jax.grad(turned)(phi)) == pytest.approx(-2 * phi * np.exp(-(phi**2)), rel=1e-3), phi
    at = step_on_reference(floating)
    slope = jax.grad(lambda q: term(at._replace(root_quat=q)))(at.root_quat)
    assert np.abs(slope).max() < 1e-4


@pytest.mark.parametrize("name", ["position", "quaternion", "angular_velocity"])
def test_terms_of_the_root_refuse_a_body_fixed_in_space(plugins, toy_model, name):
    with pytest.raises(ConfigError) as e:
        build(plugins, name, toy_model)
    assert str(e.value) == (
        f"rewards.{name}: body toy is fixed in space and has no free root to compare; "
        f"leave the term out (rewards.{name} = false) or use a body with a free joint"
    )


# -- positions ------------------------------------------------------------------------------------------------


def test_body_position_by_hand(plugins, toy_model):
    """One body off by 1 mm, one by 2 mm: 5e-6 m²; exp(−2e5·5e-6) = exp(−1)."""
    at = step(body_pos=[[1e-3, 0.0, 0.0], [0.0, 2e-3, 0.0]], ref_body_pos=np.zeros((2, 3)))
    assert float(build(plugins, "body_position", toy_model, scale=2e5)(at)) == pytest.approx(np.exp(-1), rel=1e-5)


def test_body_position_needs_named_bodies(plugins, toy_model):
    mjcf = toy_model.body.mjcf.replace('<body name="upper">', "<body>").replace('<body name="lower" ', "<body ")
    nameless = BodyModel.compile(attrs.evolve(toy_model.body, mjcf=mjcf), toy_model.actuation)
    with pytest.raises(ConfigError, match=r"rewards\.body_position: no moving body of toy has a name; name them"):
        build(plugins, "body_position", nameless)


def test_end_effector_by_hand(plugins, toy_model, mouse_model, floating):
    """Only the ends count. On the mouse the paw off by 1 mm, a twentieth of its extent of 0.02 m: exp(−1)."""
    term = build(plugins, "end_effector", mouse_model)
    assert float(term(moved(mouse_model, paw=(0, 1, 0)))) == pytest.approx(np.exp(-1), rel=1e-5)
    assert float(term(moved(mouse_model, elbow=(1, 2, 3), wrist=(0, 5, 0)))) == 1.0
    both = build(plugins, "end_effector", mouse_model, keypoints=("wrist", "elbow"), scale=1e5)
    assert float(both(moved(mouse_model, wrist=(1, 0, 0), elbow=(0, 0, 2), paw=(9, 0, 0)))) == pytest.approx(
        np.exp(-0.5), rel=1e-5
    )
    assert float(build(plugins, "end_effector", toy_model)(moved(toy_model, elbow=(5, 0, 0)))) == 1.0
    assert float(build(plugins, "end_effector", toy_model)(moved(toy_model, hand=(2, 0, 0)))) < 0.5
    assert float(build(plugins, "end_effector", floating)(moved(floating, nose=(5, 0, 0)))) == 1.0


def test_distances_by_hand(plugins, mouse_model):
    """Elbow off by 3 mm, paw by (3, 0, 4) mm = 5 mm, wrist by nothing; the shoulder cannot move and does not count."""
    at = moved(mouse_model, shoulder=(9, 9, 9), elbow=(0, 3, 0), paw=(3, 0, 4))
    assert float(build(plugins, "bone_distance", mouse_model)(at)) == pytest.approx(8 / 3, abs=0.001)
    assert float(build(plugins, "paw_distance", mouse_model)(at)) == pytest.approx(5, abs=0.001)
    assert float(build(plugins, "paw_distance", mouse_model, keypoints=("wrist", "elbow"))(at)) == pytest.approx(
        1.5, abs=0.001
    )
    assert float(build(plugins, "keypoint", mouse_model, scale_per_mm=1.0)(at)) == pytest.approx(
        np.exp(-8 / 3), rel=1e-3
    )


def test_the_keypoint_term_is_as_wide_as_the_body_is_large(plugins, mouse_model):
    """0.5 per mm for the mouse's limb, which spans less than 40 mm; one 100 times as large is off 100 times as far."""
    at = moved(mouse_model, shoulder=(9, 9, 9), elbow=(0, 3, 0), paw=(3, 0, 4))
    assert float(build(plugins, "keypoint", mouse_model)(at)) == pytest.approx(np.exp(-4 / 3), rel=1e-3)
    giant = BodyModel.compile(attrs.evolve(mouse_model.body, scale=100.0), mouse_model.actuation)
    of_span = 100.0 * span(mouse_model) / 20
    assert float(build(plugins, "keypoint", giant)(at)) == pytest.approx(np.exp(-800 / 3 / of_span / 1e3), rel=1e-3)


def test_distances_are_millimetres_of_the_animal(plugins, mouse_model):
    """An animal 1.5 times the model's size: 2 mm of the model are 3 mm of the animal."""
    grown = BodyModel.compile(attrs.evolve(mouse_model.body, scale=1.5), mouse_model.actuation)
    assert float(build(plugins, "paw_distance", grown)(moved(grown, paw=(2, 0, 0)))) == pytest.approx(3, abs=0.001)


def test_distances_keep_their_slope_close_to_the_reference(plugins, mouse_model):
    """The slope along a displacement is 1 per mm beyond the rounding of 0.001 mm, and 0, not NaN, at the reference."""
    term = build(plugins, "paw_distance", mouse_model)
    paw, zeros = mouse_model.keypoint("paw"), jnp.zeros((len(mouse_model.keypoint_names), 3))

    def along(mm):
        return term(step(site_pos=zeros.at[paw, 0].set(1e-3 * mm), ref_site_pos=zeros))

    assert float(along(0.0)) == 0.0 and float(jax.grad(along)(0.0)) == 0.0
    assert float(jax.grad(along)(0.01)) == pytest.approx(1.0, abs=0.01)
    assert float(jax.grad(along)(3.0)) == pytest.approx(1.0, abs=1e-4)


def test_distances_count_the_keypoints_that_tracking_errors_count(plugins, mouse_model):
    from toys import make_clips, make_task

    task = make_task(plugins, make_clips(mouse_model, frames=(40,)), mouse_model)
    term = build(plugins, "bone_distance", mouse_model)
    counted = [float(term(moved(mouse_model, **{k: (3, 0, 0)}))) > 0 for k in mouse_model.keypoint_names]
    np.testing.assert_array_equal(counted, task.moving_keypoints)


@pytest.mark.parametrize("name", ["end_effector", "keypoint", "bone_distance", "paw_distance"])
def test_keypoints_are_asked_for_by_name(plugins, toy_model, name):
    with pytest.raises(ConfigError, match="body toy: no keypoint 'hnad'; did you mean hand"):
        build(plugins, name, toy_model, keypoints=("hnad",))
    still = BodyModel.compile(toy_model.body.with_keypoints(("shoulder",)), toy_model.actuation)
    with pytest.raises(ConfigError, match=rf"rewards\.{name}: the joints of body toy move none of its keypoints"):
        build(plugins, name, still)


CLOSE = ["joint", "joint_velocity", "position", "quaternion", "angular_velocity", "body_position", "end_effector"]


@settings(max_examples=10, deadline=None)
@given(key=st.integers(0, 10_000))
def test_rewards_lie_between_0_and_1_and_costs_are_not_negative(plugins, floating, key):
    somewhere, on_it = random_step(floating, key), step_on_reference(floating, key)
    for name in (*CLOSE, "keypoint"):
        term = build(plugins, name, floating)
        assert 0 <= float(term(somewhere)) < 1, name
        assert float(term(on_it)) == pytest.approx(1, abs=1e-6), name
    for name in ("bone_distance", "paw_distance"):
        term = build(plugins, name, floating)
        assert float(term(somewhere)) > 0 and float(term(on_it)) == 0, name
