"""Longer and shorter segments: against numbers worked out by hand, and against what MuJoCo compiles."""

from __future__ import annotations

import base64

import attrs
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import compile_body

from mimic_core import Body, BodyModel, ConfigError
from mimic_core.body.scaling import scale_segments
from mimic_kinematics.segments import segments

SKELETON = """
<mujoco>
  <compiler angle="degree"/>
  <asset><mesh name="bone" scale="0.01 0.01 0.01" vertex="0 0 0  1 0 0  0 1 0  0 0 1"/></asset>
  <worldbody>
    <body name="stand" pos="0 0 0.5">
      <site name="stand" pos="0.1 0 0"/>
      <geom name="stand" type="sphere" size="0.05"/>
      <body name="upper" pos="0.3 0 0" euler="20 30 0">
        <joint name="shoulder" axis="0 1 0" pos="0.01 0 0.02" range="-60 60" limited="true" damping="0.1"/>
        <geom name="upper_capsule" type="capsule" size="0.02" fromto="0 0 0 0.2 0 0"/>
        <geom name="upper_box" type="box" size="0.01 0.02 0.03" pos="0.1 0 0.05" mass="0.3"/>
        <geom name="upper_mesh" type="mesh" mesh="bone" pos="0 0.1 0"/>
        <site name="upper" pos="0.1 0.02 0"/>
        <camera name="upper" pos="0 0.3 0"/>
        <body name="plate" pos="0.05 0 0.1" euler="0 45 0">
          <inertial pos="0.01 0.02 0" mass="0.4" fullinertia="2e-3 3e-3 4e-3 1e-4 2e-4 3e-4"/>
          <site name="plate" pos="0 0.03 0"/>
          <body name="lower" pos="0.15 0 0">
            <joint name="elbow" axis="0 1 0" pos="0 0 0.01" range="-80 10" limited="true"/>
            <geom name="lower_capsule" type="capsule" size="0.01" fromto="0 0 0 0 0 0.2"/>
            <geom name="lower_mesh" type="mesh" mesh="bone"/>
            <site name="lower" pos="0.1 0 0.02"/>
            <body name="hand" pos="0.2 0 0">
              <joint name="wrist" type="slide" axis="1 0 0"/>
              <inertial pos="0 0 0" mass="0.1" diaginertia="1e-4 2e-4 2e-4"/>
              <site name="hand" pos="0.01 0 0"/>
            </body>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
</mujoco>
"""


def skeleton(**factors: float) -> mujoco.MjModel:
    spec = mujoco.MjSpec.from_string(SKELETON)
    scale_segments(spec, factors)
    return spec.compile()


def mesh(model: mujoco.MjModel, geom: str) -> np.ndarray:
    """(vertex, 3) of the mesh that a geom shows, without its order."""
    at = int(model.geom(geom).dataid[0])
    first = model.mesh_vertadr[at]
    vertices = model.mesh_vert[first : first + model.mesh_vertnum[at]]
    return vertices[np.lexsort(vertices.T)]


def sites(model: mujoco.MjModel, qpos: np.ndarray | float = 0.0) -> dict[str, np.ndarray]:
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_kinematics(model, data)
    return {model.site(i).name: data.site_xpos[i].copy() for i in range(model.nsite)}


# -- segments -------------------------------------------------------------------------------------------------


def test_a_segment_is_a_body_with_joints_and_what_is_fixed_to_it():
    model = skeleton()
    found = {name: {model.body(b).name for b in ids} for name, ids in segments(model).items()}
    assert found == {"upper": {"upper", "plate"}, "lower": {"lower"}, "hand": {"hand"}}  # no stand: it cannot move


def test_segments_of_the_mouse(mouse_model):
    found = segments(mouse_model.mj_model)
    assert list(found) == ["humerus", "ulna"]
    names = {mouse_model.mj_model.body(b).name for b in found["ulna"]}
    assert names == {"ulna", "radius", "wrist_body"}


# -- one segment twice as long --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair() -> tuple[mujoco.MjModel, mujoco.MjModel]:
    return skeleton(), skeleton(upper=2.0)


def ratio_of(pair, kind: str, name: str, field: str) -> float:
    """By how much every number of a field grew; NaN if not all by the same."""
    before, after = (getattr(getattr(m, kind)(name), field) for m in pair)
    ratios = (after / np.where(before == 0, 1, before))[before != 0]
    assert (after[before == 0] == 0).all() and ratios.size
    return float(ratios[0]) if np.ptp(ratios) < 1e-9 else np.nan


@pytest.mark.parametrize(
    ("kind", "field", "twice", "same"),
    [
        ("body", "pos", ("plate", "lower"), ("stand", "upper", "hand")),  # where the next bodies begin
        ("jnt", "pos", ("shoulder",), ("elbow",)),
        ("site", "pos", ("upper", "plate"), ("stand", "lower", "hand")),
        ("cam", "pos", ("upper",), ()),
        ("geom", "pos", ("upper_capsule", "upper_box"), ("lower_capsule",)),
        ("geom", "size", ("upper_capsule", "upper_box"), ("stand", "lower_capsule")),
        ("body", "ipos", ("upper", "plate"), ("lower",)),
    ],
)
def test_lengths_of_that_segment_double(pair, kind, field, twice, same):
    for name in twice:
        assert ratio_of(pair, kind, name, field) == pytest.approx(2), name
    for name in same:
        assert ratio_of(pair, kind, name, field) == 1, name


def test_mass_grows_with_the_cube_and_inertia_with_the_fifth_power(pair):
    """Of what is worked out from shapes (upper) and of what the model says (plate) alike."""
    for body, mass, inertia in (("upper", 8, 32), ("plate", 8, 32), ("lower", 1, 1), ("hand", 1, 1), ("stand", 1, 1)):
        assert ratio_of(pair, "body", body, "mass") == pytest.approx(mass), body
        assert ratio_of(pair, "body", body, "inertia") == pytest.approx(inertia), body
    # by hand: the box weighs 0.3 kg as the model says, the plate 0.4
    assert pair[1].body("plate").mass == pytest.approx(3.2)


def test_directions_limits_and_damping_stay(pair):
    before, after = pair
    for field in ("body_quat", "body_iquat", "jnt_axis", "jnt_range", "dof_damping"):
        np.testing.assert_allclose(getattr(after, field), getattr(before, field), atol=1e-12, err_msg=field)


def test_a_mesh_of_two_segments_grows_in_one(pair):
    before, after = pair
    np.testing.assert_allclose(mesh(after, "upper_mesh"), 2 * mesh(before, "upper_mesh"), rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(mesh(after, "lower_mesh"), mesh(before, "lower_mesh"))
    both = skeleton(upper=2.0, lower=1.5)
    np.testing.assert_allclose(mesh(both, "lower_mesh"), 1.5 * mesh(before, "lower_mesh"), rtol=1e-6, atol=1e-12)
    # the model's own and one for each size
    assert skeleton(upper=2.0, lower=2.0).nmesh == 2 and both.nmesh == 3


# -- kinematics -----------------------------------------------------------------------------------------------

ARM = """
<mujoco><compiler angle="radian"/><worldbody>
  <body name="upper" pos="1 2 3">
    <joint name="shoulder" axis="0 0 1"/>
    <geom size="0.1"/>
    <site name="elbow" pos="0.3 0 0"/>
    <body name="lower" pos="0.3 0 0">
      <joint name="elbow" axis="0 0 1"/>
      <geom size="0.1"/>
      <site name="hand" pos="0.2 0.1 0"/>
    </body>
  </body>
</worldbody></mujoco>
"""


@given(f=st.floats(0.3, 3.0), g=st.floats(0.3, 3.0), a=st.floats(-3, 3), b=st.floats(-3, 3))
@settings(max_examples=50, deadline=None)
def test_an_arm_with_two_factors_by_trigonometry(f, g, a, b):
    spec = mujoco.MjSpec.from_string(ARM)
    scale_segments(spec, {"upper": f, "lower": g})
    found = sites(spec.compile(), [a, b])
    elbow = np.array([1, 2, 3]) + 0.3 * f * np.array([np.cos(a), np.sin(a), 0])
    c, s = np.cos(a + b), np.sin(a + b)
    hand = elbow + g * np.array([0.2 * c - 0.1 * s, 0.2 * s + 0.1 * c, 0])
    np.testing.assert_allclose([found["elbow"], found["hand"]], [elbow, hand], atol=1e-12)


@given(f=st.floats(0.2, 5.0), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_all_segments_by_one_factor_scale_every_distance_from_the_root(f, seed):
    """About the place where the first segment begins; slides move by metres, so they go further by the factor too."""
    pose = np.random.default_rng(seed).uniform(-1, 1, 3) * (1, 1, 0.1)
    before, after = sites(skeleton(), pose), sites(skeleton(upper=f, lower=f, hand=f), pose * (1, 1, f))
    np.testing.assert_array_equal(before["stand"], after["stand"])
    root = np.array([0.3, 0, 0.5])
    for name in ("upper", "plate", "lower", "hand"):
        np.testing.assert_allclose(after[name] - root, f * (before[name] - root), atol=1e-12)


# -- bodies ---------------------------------------------------------------------------------------------------


def body(**changes) -> Body:
    return Body(**{"name": "arm", "mjcf": ARM, "keypoints": {"elbow": "elbow", "hand": "hand"}} | changes)


def test_a_body_is_built_with_its_segments_scaled():
    model = BodyModel.compile(body(segment_scale={"lower": 1.5})).mj_model
    np.testing.assert_allclose(model.site("hand").pos, [0.3, 0.15, 0])
    np.testing.assert_allclose(model.site("elbow").pos, [0.3, 0, 0])


def test_a_registered_keypoint_position_is_of_the_scaled_body():
    """It is where the keypoint was found; scaling does not move it again."""
    moved = body(segment_scale={"lower": 1.5}, keypoint_pos={"hand": (0.25, 0.0, 0.01)})
    np.testing.assert_array_equal(BodyModel.compile(moved).mj_model.site("hand").pos, [0.25, 0.0, 0.01])


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ({"uper": 1.1}, "segment_scale: the skeleton has no body 'uper'; did you mean upper?"),
        (
            {"plate": 1.1},
            "segment_scale: body 'plate' has no joint, so no segment begins there; name one that does",
        ),
        ({"upper": 0.0}, "segment_scale.upper: must be > 0, got 0.0"),
        ({"upper": -1.0}, "segment_scale.upper: must be > 0, got -1.0"),
        ({"upper": float("nan")}, "segment_scale.upper: must be > 0, got nan"),
    ],
)
def test_wrong_factors_are_refused(factors, said):
    for build in (lambda: skeleton(**factors), Body(name="s", mjcf=SKELETON, segment_scale=factors).spec):
        with pytest.raises(ConfigError) as e:
            build()
        assert str(e.value) == said


def test_a_mesh_that_the_body_carries_is_scaled():
    """A file packed into ``assets``; a solid of eight times the volume."""
    pyramid = "v 0 0 0\nv 0.1 0 0\nv 0 0.1 0\nv 0 0 0.1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
    packed = body(
        mjcf=ARM.replace("<worldbody>", '<asset><mesh name="bone" file="bone.obj"/></asset><worldbody>').replace(
            '<geom size="0.1"/>', '<geom type="mesh" mesh="bone"/>'
        ),
        assets={"bone.obj": base64.b64encode(pyramid.encode()).decode()},
    )
    before, after = (BodyModel.compile(attrs.evolve(packed, segment_scale=s)).mj_model for s in ({}, {"upper": 2.0}))
    assert before.body("upper").mass == pytest.approx(1000 * 0.1**3 / 6, rel=1e-5)
    assert after.body("upper").mass == pytest.approx(8 * before.body("upper").mass, rel=1e-5)
    assert after.body("lower").mass == before.body("lower").mass


# -- muscles --------------------------------------------------------------------------------------------------


def muscle_state(model: BodyModel, pose: np.ndarray) -> tuple[dict[str, float], dict[str, float]]:
    """Length (m) and force at full activation (N) of every muscle, at rest in a pose."""
    data = mujoco.MjData(model.mj_model)
    data.qpos[model.joint_qposadr], data.act[:] = pose, 1.0
    mujoco.mj_forward(model.mj_model, data)
    lengths, forces = data.actuator_length[model.muscle_ids], -data.actuator_force[model.muscle_ids]
    return tuple(dict(zip(model.muscle_names, v, strict=True)) for v in (lengths, forces))


WITHIN = ("Triceps_Lateral", "Brachialis")
"""Muscles from humerus to ulna, which grow as both do."""


@pytest.fixture(scope="module")
def longer_arm(plugins, mouse_model) -> BodyModel:
    """The mouse with humerus and forearm 1.3 times as long."""
    return compile_body(plugins, attrs.evolve(mouse_model.body, segment_scale={"humerus": 1.3, "ulna": 1.3}))


def test_muscles_get_as_much_longer_as_the_segments_that_they_span(mouse_model, longer_arm):
    for pose in np.random.default_rng(0).uniform(*mouse_model.joint_range.T, (20, len(mouse_model.joint_names))):
        (before, _), (after, _) = (muscle_state(m, pose) for m in (mouse_model, longer_arm))
        for muscle in WITHIN:
            assert after[muscle] == pytest.approx(1.3 * before[muscle], rel=1e-9)


def test_the_operating_range_is_kept(mouse_model, longer_arm):
    """Optimal fibre lengths grow with the arm, so a muscle is as strong in a pose as it was before."""
    low, high = mouse_model.joint_range.T
    for pose in np.random.default_rng(1).uniform(low, high, (20, len(low))):
        (_, before), (_, after) = (muscle_state(m, pose) for m in (mouse_model, longer_arm))
        for muscle in WITHIN:
            assert after[muscle] == pytest.approx(before[muscle], rel=1e-3)
    for muscle in longer_arm.muscle_names:  # and no pose takes any muscle beyond its range
        shortest, longest = longer_arm.mj_model.actuator(muscle).lengthrange
        lengths = [
            muscle_state(longer_arm, pose)[0][muscle]
            for pose in np.random.default_rng(2).uniform(low, high, (50, len(low)))
        ]
        assert shortest - 1e-5 < min(lengths) and max(lengths) < longest + 1e-5
