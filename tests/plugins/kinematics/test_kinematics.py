"""What a model says of poses: couplings, quaternions and the floor, against MuJoCo's own numbers."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mimic_kinematics.couplings import Couplings
from mimic_kinematics.floor import floor_of, heights
from mimic_kinematics.quaternions import mean, tidy

CHAIN = """<mujoco><worldbody><body><joint name="a" ref="10" range="-90 90" limited="true"/><geom size=".1"/>
<body><joint name="b" type="slide" ref=".2" range="-1 1" limited="true"/><geom size=".1"/>
<body><joint name="c" range="-90 90" limited="true"/><geom size=".1"/></body></body></body></worldbody>
<equality>{}</equality></mujoco>"""
COUPLED = '<joint joint1="{}" joint2="{}" polycoef="{}"/>'


def model(*couplings):
    return mujoco.MjModel.from_xml_string(CHAIN.format("".join(couplings)))


@settings(max_examples=30, deadline=None)
@given(coef=st.lists(st.floats(-1, 1, width=16), min_size=5, max_size=5), x=st.floats(-1.5, 1.5))
def test_couplings_are_those_of_mujoco(coef, x):
    """Also of a chain, and of joints whose reference is not 0."""
    text = " ".join(map(str, coef))
    m = model(COUPLED.format("c", "b", "0.1 0.5 0 0 0"), COUPLED.format("b", "a", text))
    c, data = Couplings.of(m), mujoco.MjData(m)
    data.qpos[:] = c.settle(np.array([x, 9.0, 9.0]))
    data.qvel[:] = c.settle_rates(np.array([0.7, 9.0, 9.0]), data.qpos)
    mujoco.mj_forward(m, data)
    assert np.abs(data.efc_pos[: data.ne]).max() < 1e-12
    np.testing.assert_allclose(data.efc_vel[: data.ne], 0, atol=1e-12)
    assert [m.joint(j).name for j in c.joint] == ["b", "c"] and not c.violation(data.qpos).any()


def test_a_coupling_that_is_not_active_is_none():
    m = model(COUPLED.format("b", "a", "0 1 0 0 0").replace("<joint", '<joint active="false"'))
    assert not len(Couplings.of(m)) and not Couplings.of(m).left_out


def test_two_couplings_of_one_joint():
    """A line through both is turned round; what cannot be is left out, and so is a circle."""
    m = model(COUPLED.format("b", "a", "0 .5 0 0 0"), COUPLED.format("b", "c", ".1 2 0 0 0"))
    c = Couplings.of(m)
    q = c.settle(np.array([0.3, 0.0, 0.0]))
    assert not c.left_out and q[1] - 0.2 == pytest.approx(0.1 + 2 * q[2])
    for second in (COUPLED.format("b", "c", ".1 2 1 0 0"), COUPLED.format("a", "b", "0 .3 0 0 0")):
        c = Couplings.of(model(COUPLED.format("b", "a", "0 .5 .1 0 0"), second))
        assert len(c) == 1 and len(c.left_out) == 1


@settings(max_examples=40, deadline=None)
@given(coef=st.lists(st.floats(-2, 2, width=16), min_size=4, max_size=4), low=st.floats(-1, 0), high=st.floats(0.01, 1))
def test_a_narrowed_range_keeps_the_dependent_joint_in_its_own(coef, low, high):
    m = model(COUPLED.format("b", "a", " ".join(["0", *map(str, coef)])))
    m.jnt_range[1] = 0.2 + low, 0.2 + high
    c = Couplings.of(m)
    first, last, _ = c.limits(m.jnt_range[:, 0], m.jnt_range[:, 1])
    q = np.zeros((50, 3))
    q[:, 0] = np.linspace(first[0], last[0], 50)
    b = c.settle(q)[:, 1] - 0.2
    assert first[0] <= m.qpos0[0] <= last[0] and (b >= low - 1e-6).all() and (b <= high + 1e-6).all()
    assert m.jnt_range[0, 0] <= first[0] and last[0] <= m.jnt_range[0, 1]


FLOOR = """<mujoco><asset><mesh name="m" vertex="0 0 0 .1 0 0 0 .2 0 0 0 .15 .1 .1 .1"/></asset><worldbody>
<geom name="wall" type="plane" size="1 1 1" euler="0 90 0"/>
<geom name="low" type="plane" size="1 1 1" pos="0 0 -.3" euler="5 -8 0"/>
<body pos="0 0 .4"><freejoint/>
<geom type="sphere" size=".05" pos=".1 0 0"/><geom type="capsule" size=".03 .08" euler="20 30 0"/>
<geom type="ellipsoid" size=".03 .08 .05" euler="20 30 0"/><geom type="box" size=".03 .08 .05" euler="50 30 0"/>
<geom type="cylinder" size=".03 .08" euler="20 40 0"/><geom type="mesh" mesh="m" pos="0 .1 0"/>
<geom name="ghost" size=".5" contype="0" conaffinity="0"/></body></worldbody></mujoco>"""


def test_heights_are_the_distances_that_mujoco_finds():
    m = mujoco.MjModel.from_xml_string(FLOOR)
    floor, data, rng = floor_of(m), mujoco.MjData(m), np.random.default_rng(0)
    assert floor.name == "low" and len(floor.geoms) == 6
    q = np.concatenate([rng.normal(0, 0.2, (20, 3)), Rotation.random(20, random_state=1).as_quat()], 1)
    q[:, 2] += 0.5
    found, points = heights(m, q, floor)
    for i, pose in enumerate(q):
        data.qpos[:] = pose
        mujoco.mj_forward(m, data)
        for j, g in enumerate(floor.geoms):
            ends = np.zeros(6)
            distance = mujoco.mj_geomDistance(m, data, m.geom("low").id, int(g), 10.0, ends)
            assert found[i, j] == pytest.approx(distance, abs=1e-5)
            np.testing.assert_allclose(points[i, j] - floor.normal * found[i, j], ends[:3], atol=2e-3)


@pytest.mark.parametrize("change, there", [
    (("conaffinity=\"0\"/></body>", "conaffinity=\"1\"/></body>"), True),
    (('name="low"', 'name="low" contype="0" conaffinity="0"'), False),
])  # fmt: skip
def test_a_floor_is_what_can_be_touched(change, there):
    floor = floor_of(mujoco.MjModel.from_xml_string(FLOOR.replace(*change)))
    assert (floor is not None) == there


def test_contacts_by_pairs_and_exclusions():
    bare = FLOOR.replace('name="low"', 'name="low" contype="0" conaffinity="0"').replace(
        "<body pos", '<body name="b" pos'
    )
    pair = bare.replace("</mujoco>", '<contact><pair geom1="low" geom2="ghost"/></contact></mujoco>')
    m = mujoco.MjModel.from_xml_string(pair)
    assert floor_of(m).geoms.tolist() == [m.geom("ghost").id]
    out = FLOOR.replace("<body pos", '<body name="b" pos')
    out = out.replace("</mujoco>", '<contact><exclude body1="world" body2="b"/></contact></mujoco>')
    assert floor_of(mujoco.MjModel.from_xml_string(out)) is None


def test_quaternions_of_a_clip_are_of_length_1_and_do_not_jump():
    m = mujoco.MjModel.from_xml_string(FLOOR)
    q = np.zeros((30, 7))
    turns = Rotation.from_rotvec(np.linspace(0, 5, 30)[:, None] * [0.3, 0.9, 0.2])
    q[:, 3:] = 1.7 * turns.as_quat(canonical=True, scalar_first=True)
    assert (np.sum(q[1:, 3:] * q[:-1, 3:], 1) < 0).any()
    out = tidy(m, q)
    np.testing.assert_allclose(np.linalg.norm(out[:, 3:], axis=1), 1)
    assert (np.sum(out[1:, 3:] * out[:-1, 3:], 1) > 0.9).all()
    middle = Rotation.from_quat(mean(m, out)[3:], scalar_first=True)
    assert (middle.inv() * Rotation.from_rotvec(2.5 * np.array([0.3, 0.9, 0.2]))).magnitude() < 1e-6
