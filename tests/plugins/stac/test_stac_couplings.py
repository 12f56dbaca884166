"""The `stac` registration keeps couplings of joints and the limits of ball joints."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation
from stac_cases import L2, quiet, toy

from mimic_core import Body, BodyModel, Keypoints
from mimic_core.task import resample
from mimic_stac import build
from mimic_stac.kinematics import KinematicTree
from mimic_stac.pose import PoseFit, Targets
from mimic_stac.settings import Settings

# A knee whose slide and whose patella follow it, the patella by way of the slide; and one couple that is not active.
KNEE = """<mujoco><compiler angle="radian"/><worldbody><body name="pelvis"><geom size=".005"/>
<site name="s0" pos="0 .01 0"/><site name="s1" pos="-.01 0 .003"/><body name="thigh">
<joint name="hip" axis="0 1 0" range="-1 1" limited="true"/>
<geom size=".005"/><site name="s2" pos=".01 0 -.03"/><body name="shank" pos=".01 0 -.03">
<joint name="slide" type="slide" axis="1 0 0" range="-.01 .01" limited="true"/>
<joint name="knee" axis="0 1 0" range="-.3 1.7" limited="true"/><geom size=".003"/><site name="s3" pos="-.03 0 -.02"/>
<body name="patella" pos=".01 0 0"><joint name="patella" axis="0 0 1" range="-1 1" limited="true"/><geom size=".002"/>
<site name="s4" pos=".01 0 .004"/></body></body></body></body></worldbody><equality>
<joint joint1="patella" joint2="slide" polycoef="0 90 0 0 0"/>
<joint joint1="slide" joint2="knee" polycoef="0.0005 0.002 0.001 0 0"/>
<joint joint1="hip" joint2="knee" polycoef="0 1 0 0 0" active="false"/></equality></mujoco>"""


def recording(model, q, rate_hz=200.0):
    """Keypoints of qpos (frame, nq), as a camera would see them without noise."""
    data, out = mujoco.MjData(model.mj_model), []
    for pose in q:
        data.qpos[:] = pose
        mujoco.mj_kinematics(model.mj_model, data)
        out.append(data.site_xpos[model.keypoint_site_ids].copy())
    return Keypoints.from_clips(
        [np.array(out)], names=model.keypoint_names, rate_hz=rate_hz, clip_names=["walk"], origin="test"
    )


def knee_poses(n=80):
    t = np.arange(n) / 200
    knee = 0.6 + 0.6 * np.sin(2 * np.pi * 3 * t)
    slide = 0.0005 + 0.002 * knee + 0.001 * knee**2
    return np.stack([0.5 * np.sin(2 * np.pi * 2 * t), slide, knee, 90 * slide], -1)


def test_couplings_are_kept_exactly_and_the_truth_is_found():
    body = toy(KNEE)
    model, q = BodyModel.compile(body), knee_poses()
    clips = build(Settings(alignment="none", scale="fixed", tracking_mm=1e-3), body)(recording(model, q), quiet)
    found, v = clips.qpos[0], clips.qvel[0]
    slide, knee, patella = found[:, 1:].T
    np.testing.assert_allclose(slide, 0.0005 + 0.002 * knee + 0.001 * knee**2, rtol=1e-14)
    np.testing.assert_allclose(patella, 90 * slide, rtol=1e-14)
    np.testing.assert_allclose(v[:, 1], (0.002 + 0.002 * knee) * v[:, 2], rtol=1e-12)
    np.testing.assert_allclose(v[:, 3], 90 * v[:, 1], rtol=1e-12)
    assert np.abs(found[5:-5, [0, 2]] - q[5:-5, [0, 2]]).max() < 0.01 and clips.error_mm.max() < 0.2
    assert clips.provenance["coupling_violation_max"] == 0
    assert clips.provenance["joints_coupled"] == ["slide", "patella"]
    assert any("slide, patella" in r for r in clips.remarks)
    # MuJoCo's own opinion of the same poses
    m, data = model.mj_model, mujoco.MjData(model.mj_model)
    for pose in found[::20]:
        data.qpos[:] = pose
        mujoco.mj_forward(m, data)
        held = data.efc_pos[: data.ne]
        assert len(held) == 2 and np.abs(held).max() < 1e-12


def test_jacobian_of_coupled_joints_by_finite_differences():
    kin = KinematicTree(BodyModel.compile(toy(KNEE)))
    assert kin.nv == 2
    q, h = kin.within(knee_poses(5)), 1e-6
    pose = kin.pose(q)
    jacobian = kin.jacobian(pose, pose.sites(kin.site_pos))
    for d in range(kin.nv):
        step = np.zeros((5, kin.nv))
        step[:, d] = h
        moved = (kin.within(kin.integrate(q, s)) for s in (step, -step))
        ahead, behind = (kin.pose(x).sites(kin.site_pos) for x in moved)
        np.testing.assert_allclose(jacobian[..., d], (ahead - behind) / (2 * h), atol=1e-9)


def test_a_dependent_joint_narrows_its_driver():
    """The slide may go to 5 mm only, where the knee, 2 mm a radian, would take it further."""
    body = toy(KNEE.replace('range="-.01 .01"', 'range="-.01 .003"'))
    clips = build(Settings(alignment="none", scale="fixed"), body)(
        recording(BodyModel.compile(body), knee_poses()), quiet
    )
    assert clips.qpos[0, :, 1].max() < 0.003 + 1e-7 and clips.provenance["coupling_violation_max"] == 0
    assert any("range narrowed" in r and "knee (by slide)" in r for r in clips.remarks)


@pytest.mark.parametrize("value, said", [("0.4", False), ("2.0", True)])
def test_a_joint_coupled_to_a_constant(value, said):
    """It stays there, also outside its range, which is said."""
    mjcf = KNEE.replace("</equality>", f'<joint joint1="hip" polycoef="{value} 0 0 0 0"/></equality>')
    body = toy(mjcf)
    q = knee_poses()
    q[:, 0] = float(value)
    clips = build(Settings(alignment="none", scale="fixed"), body)(recording(BodyModel.compile(body), q), quiet)
    assert (clips.qpos[0, :, 0] == float(value)).all() and (clips.qvel[0, :, 0] == 0).all()
    assert clips.error_mm.max() < 0.2
    assert any("beyond its own range" in r and "hip" in r for r in clips.remarks) == said


def test_what_is_not_kept_is_said():
    mjcf = KNEE.replace(
        "</equality>",
        '<connect name="pin" body1="patella" body2="thigh" anchor="0 0 0"/>'
        '<joint joint1="knee" joint2="patella" polycoef="0 1 .2 0 0"/></equality>',
    )
    body = toy(mjcf)
    clips = build(Settings(alignment="none"), body)(recording(BodyModel.compile(body), knee_poses()), quiet)
    line = next(r for r in clips.remarks if "does not keep" in r)
    assert "connect 'pin'" in line and "joint knee to patella" in line


def test_the_case_of_coupled_joints(plugins, shared_data):
    from mimic_core.chain.choose import make_body
    from mimic_core.registration.method import match_keypoints
    from mimic_recordings import read_keypoints

    case = shared_data / "cases/21-coupled-joints"
    body = make_body(plugins, str(case / "limb.toml"))
    keypoints, body = match_keypoints(read_keypoints([case / "walk.csv"], plugins), body)
    clips = build(Settings(alignment="none"), body)(keypoints, quiet)
    truth, model = np.load(case / "q.npy"), BodyModel.compile(body)
    slide, knee = model.joint("knee_slide"), model.joint("knee")
    np.testing.assert_array_equal(clips.qpos[0, :, slide], 0.002 * clips.qpos[0, :, knee])
    assert np.rad2deg(np.abs(clips.qpos[0] - truth)[:, model.is_hinge]).max() < 2


# A ball joint with a limit of 1 rad and a hinge beyond it.
BALL = """<mujoco><compiler angle="radian"/><worldbody><body name="trunk"><geom size=".01"/>
<site name="s0" pos="0 .02 0"/><site name="s1" pos="-.02 0 .01"/><body name="arm">
<joint name="shoulder" type="ball" range="0 1" limited="true"/>
<geom size=".01"/><site name="s2" pos=".02 .01 0"/><site name="s3" pos=".04 0 .01"/><body name="forearm" pos=".05 0 0">
<joint name="elbow" axis="0 1 0" range="-1.5 1.5" limited="true"/><geom size=".01"/><site name="s4" pos=".04 0 0"/>
</body></body></body></worldbody></mujoco>"""


def ball_poses(n=80, angle=0.8):
    t = np.arange(n) / 200
    turn = angle * np.stack([np.sin(9 * t), np.cos(7 * t), 0.4 * np.sin(11 * t + 1)], -1)
    turn *= np.minimum(1, angle / np.linalg.norm(turn, axis=1, keepdims=True))
    q = np.zeros((n, 5))
    q[:, :4] = Rotation.from_rotvec(turn).as_quat(scalar_first=True)
    q[:, 4] = 0.7 * np.sin(8 * t)
    return q


def test_a_ball_joint_is_found():
    body = toy(BALL)
    model, q = BodyModel.compile(body), ball_poses()
    clips = build(Settings(alignment="none", scale="fixed", tracking_mm=1e-3), body)(recording(model, q), quiet)
    off = Rotation.from_quat(clips.qpos[0, :, :4], scalar_first=True).inv() * Rotation.from_quat(
        q[:, :4], scalar_first=True
    )
    assert np.rad2deg(off.magnitude()).max() < 1 and clips.error_mm.max() < 0.2
    np.testing.assert_allclose(np.linalg.norm(clips.qpos[0, :, :4], axis=1), 1, atol=1e-14)
    assert ((clips.qpos[0, 1:, :4] * clips.qpos[0, :-1, :4]).sum(1) > 0).all()
    expected = np.zeros((len(q) - 1, 4))
    for i in range(len(expected)):
        mujoco.mj_differentiatePos(model.mj_model, expected[i], 1 / 200, clips.qpos[0, i], clips.qpos[0, i + 1])
    middle = 0.5 * (clips.qvel[0, 1:] + clips.qvel[0, :-1])
    np.testing.assert_allclose(middle, expected, atol=0.05 * np.abs(expected).max())
    again = resample(clips, model, 400.0)
    np.testing.assert_allclose(again.qvel[0, ::2][5:-5], clips.qvel[0][5:-5], atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(again.qpos[0, :, :4], axis=1), 1, atol=1e-12)


def test_a_ball_joint_stays_within_its_limit_where_the_fit_is_best():
    """Recorded beyond the limit of 1 rad: the same pose as scipy's constrained minimum."""
    kin = KinematicTree(BodyModel.compile(toy(BALL.replace('0 1" limited', '0 3" limited'))))
    q = ball_poses(1, angle=1.4)
    q[0, :4] = Rotation.from_rotvec([0.9, 1.0, -0.5]).as_quat(scalar_first=True)
    pos = kin.pose(q).sites(kin.site_pos) + np.random.default_rng(0).normal(0, 1e-3, (1, 5, 3))
    kin = KinematicTree(BodyModel.compile(toy(BALL)))
    targets = Targets(pos, np.ones((1, 5)), np.zeros(1, int), np.full(5, L2[0]))
    found, cost = PoseFit(kin, targets, None, np.full(kin.nv, 30.0)).solve(
        kin.rest[None], kin.site_pos, 1.0, 300, 1e-14
    )

    def pose(x):
        return np.concatenate([Rotation.from_rotvec(x[:3]).as_quat(scalar_first=True), x[3:]])[None]

    def squares(x):
        return float((1e6 * (pos - kin.pose(pose(x)).sites(kin.site_pos)) ** 2).sum())

    limit = {"type": "ineq", "fun": lambda x: 1.0 - (x[:3] ** 2).sum()}
    best = minimize(squares, [0.3, 0.3, 0, 0], constraints=[limit], bounds=[(-2, 2)] * 3 + [(-1.5, 1.5)], tol=1e-14)
    angle = Rotation.from_quat(found[:, :4], scalar_first=True).magnitude()
    assert angle == pytest.approx(1.0, abs=1e-9)
    assert cost[0] == pytest.approx(best.fun, rel=1e-6)


def test_a_body_of_ball_joints_is_registered_with_its_offsets():
    """Everything together, in steps of poses and calibration: size and offsets as well, beyond the limit in parts."""
    body = Body(name="toy", mjcf=BALL, keypoints={f"k{i}": f"s{i}" for i in range(5)}, keypoint_spread=0.003)
    model = BodyModel.compile(body)
    seen = recording(model, ball_poses(60, angle=0.95))
    clips = build(Settings(alignment="none"), body)(seen, quiet)
    angle = Rotation.from_quat(clips.qpos[0, :, :4], scalar_first=True).magnitude()
    assert angle.max() < 1 + 1e-9 and clips.error_mm.mean() < 0.1
    assert clips.body.scale == pytest.approx(1, abs=0.05)
