"""The `stac` registration: its kinematics, both phases, and what comes out of known and real movements."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares
from threadpoolctl import threadpool_limits

from mimic_core import Body, BodyModel, Calibration, ConfigError, DataError, Keypoints
from mimic_core.clips import ReferenceClips
from mimic_core.keypoints import read_keypoints
from mimic_core.registration import match_keypoints
from mimic_stac import Settings, axes_matrix, build, build_calibrated, pieces
from mimic_stac.calibrate import Data, Fit, Freedom
from mimic_stac.jumps import runs, trust_in_time
from mimic_stac.kinematics import Kinematics
from mimic_stac.pose import PoseFit, Smoothness, Targets
from mimic_stac.simultaneous import Problem, State

# A free trunk with a ball, a slide and a hinge, none of them at its body's origin.
MIXED = """<mujoco><worldbody><body pos='0 0 1'><freejoint/><geom size='.02'/><site name='s0' pos='.1 0 0'/>
<site name='s1' pos='-.05 .06 0'/><site name='s2' pos='0 -.05 .04'/>
<body pos='.1 .2 0' euler='10 20 30'><joint type='ball' pos='0 .1 .1'/><geom size='.02'/><site name='s3' pos='.1 0 0'/>
<body pos='.3 0 0'><joint type='slide' axis='1 1 0' ref='.1' range='-1 1' limited='true'/>
<joint axis='0 1 1' pos='.1 0 0' ref='20' range='-120 120' limited='true'/><geom size='.02'/>
<site name='s4' pos='.1 .1 0'/></body></body></body></worldbody></mujoco>"""
# A free trunk with one hinged limb.
WALKER = """<mujoco><worldbody><body pos='0 0 .05'><freejoint/><geom size='.02'/><site name='s0' pos='.03 0 0'/>
<site name='s1' pos='-.03 .01 0'/><site name='s2' pos='0 -.02 .02'/><body pos='.03 0 0'>
<joint name='knee' axis='0 1 0' range='-60 60' limited='true'/><geom size='.01'/><site name='s3' pos='.03 0 -.02'/>
</body></body></worldbody></mujoco>"""


L2 = np.full(4, np.inf)  # no keypoint of four is ever an outlier


def quiet(done, total, metrics):
    pass


def toy(mjcf):
    n = mjcf.count("<site")
    return Body(name="toy", mjcf=mjcf, keypoints={f"k{i}": f"s{i}" for i in range(n)}, keypoint_spread=0.01)


@pytest.fixture(scope="module")
def mouse(plugins):
    return plugins.get("body", "mouse_forelimb").make("paper")


@pytest.fixture(scope="module")
def truth(mouse, plugins):
    """Made-up reaches without noise and gaps: keypoints, and the joint angles behind them."""
    spec = plugins.get("source", "reaches")
    make = spec.build(spec.config(clips=8, noise_mm=0.0, gap_share=0.0), BodyModel.compile(mouse), 3)
    return make.make()


def random_poses(kin, n, seed=0):
    return kin.integrate(np.tile(kin.qpos0, (n, 1)), np.random.default_rng(seed).normal(size=(n, kin.nv)) * 0.4)


@pytest.mark.parametrize("which", ["mouse", "mixed"])
def test_kinematics_are_those_of_mujoco(which, mouse):
    model = BodyModel.compile(mouse if which == "mouse" else toy(MIXED))
    kin, m, data = Kinematics(model), model.mj_model, mujoco.MjData(model.mj_model)
    q = random_poses(kin, 20)
    pose = kin.pose(q)
    sites = pose.sites(kin.site_pos)
    jacobian = kin.jacobian(pose, sites)
    steps = kin.difference(q[1:], q[:-1])
    for i in range(len(q)):
        data.qpos[:] = q[i]
        mujoco.mj_kinematics(m, data)
        mujoco.mj_comPos(m, data)
        np.testing.assert_allclose(sites[i], data.site_xpos[model.keypoint_site_ids], atol=1e-14)
        for k, site in enumerate(model.keypoint_site_ids):
            expected = np.zeros((3, m.nv))
            mujoco.mj_jacSite(m, data, expected, None, site)
            np.testing.assert_allclose(jacobian[i, k], expected, atol=1e-14)
        if i:
            expected = np.zeros(m.nv)
            mujoco.mj_differentiatePos(m, expected, 1.0, q[i - 1], q[i])
            np.testing.assert_allclose(steps[i - 1], expected, atol=1e-13)
    np.testing.assert_allclose(kin.pose(kin.integrate(q[:-1], steps)).sites(kin.site_pos), sites[1:], atol=1e-13)


@pytest.mark.parametrize("which", ["mouse", "mixed"])
def test_jacobian_by_finite_differences(which, mouse):
    kin = Kinematics(BodyModel.compile(mouse if which == "mouse" else toy(MIXED)))
    q, h = random_poses(kin, 5, seed=1), 1e-6
    pose = kin.pose(q)
    jacobian = kin.jacobian(pose, pose.sites(kin.site_pos))
    for d in range(kin.nv):
        step = np.zeros((5, kin.nv))
        step[:, d] = h
        ahead, behind = (kin.pose(kin.integrate(q, s)).sites(kin.site_pos) for s in (step, -step))
        np.testing.assert_allclose(jacobian[..., d], (ahead - behind) / (2 * h), atol=1e-9)


def test_pose_phase_against_scipy(mouse, truth):
    """One frame, target out of reach: the same minimum as scipy's bounded least squares."""
    kin = Kinematics(BodyModel.compile(mouse))
    pos = truth[1].site_pos[0, :1] + np.random.default_rng(0).normal(0, 1e-3, (1, 4, 3))
    targets = Targets(pos, np.ones((1, 4)), np.zeros(1, int), L2)
    start = 0.5 * (kin.lower + kin.upper)
    q, cost = PoseFit(kin, targets, None, np.full(kin.nv, 6.0)).solve(start[None], kin.site_pos, 1.0, 200, 1e-14)

    def residual(x):
        return 1e3 * (pos - kin.pose(x[None]).sites(kin.site_pos)).ravel()

    expected = least_squares(residual, start, bounds=(kin.lower, kin.upper), xtol=1e-14, ftol=1e-14, gtol=1e-14)
    assert cost[0] == pytest.approx(2 * expected.cost, rel=1e-8)
    np.testing.assert_allclose(q[0], expected.x, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), spread_mm=st.floats(0, 30), smooth=st.booleans(), robust=st.booleans())
def test_joint_limits_are_kept_and_cost_never_rises(mouse, seed, spread_mm, smooth, robust):
    kin = Kinematics(BodyModel.compile(mouse))
    rng = np.random.default_rng(seed)
    q0 = rng.uniform(kin.lower, kin.upper, (12, kin.nq))
    pos = kin.pose(q0).sites(kin.site_pos) + rng.normal(0, spread_mm / 1e3, (12, 4, 3))
    seen = (rng.uniform(size=(12, 4)) > 0.2).astype(float)
    piece = np.repeat([0, 1, 2], 4)
    targets = Targets(pos, seen, piece, L2 if not robust else np.full(4, 2.0))
    dof_mm = np.full(kin.nv, 6.0)
    fit = PoseFit(kin, targets, Smoothness(piece, 200.0, 50.0, dof_mm) if smooth else None, dof_mm)
    start = np.tile(0.5 * (kin.lower + kin.upper), (12, 1))
    first = fit.solve(start, kin.site_pos, 1.0, 1, 1e-9)
    q, cost = fit.solve(start, kin.site_pos, 1.0, 30, 1e-9)
    assert (q >= kin.lower).all() and (q <= kin.upper).all()
    assert (cost <= first[1] + 1e-9).all()


def test_smoothing_halves_its_cutoff():
    """Nearly linear case: one small-angle hinge; response 1 / (1 + (f / cutoff)^4) (Reinsch 1967)."""
    arm = "<body><joint axis='0 0 1'/><geom size='.1'/><site name='s0' pos='1 0 0'/></body>"
    kin = Kinematics(BodyModel.compile(toy(f"<mujoco><worldbody>{arm}</worldbody></mujoco>")))
    time = np.arange(2000) / 1000
    for f, response in ((10.0, 1 / (1 + 0.5**4)), (20.0, 0.5), (40.0, 1 / 17)):
        angle = 1e-4 * np.sin(2 * np.pi * f * time)
        pos = np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1)[:, None]
        piece, dof_mm = np.zeros(2000, int), np.array([1e3])
        targets = Targets(pos, np.ones((2000, 1)), piece, np.full(1, np.inf))
        fit = PoseFit(kin, targets, Smoothness(piece, 1000.0, 20.0, dof_mm), dof_mm)
        q, _ = fit.solve(np.zeros((2000, 1)), kin.site_pos, 1.0, 50, 1e-14)
        middle = slice(500, 1500)
        assert np.ptp(q[middle, 0]) / np.ptp(angle[middle]) == pytest.approx(response, rel=0.03)


def small_problem(kin, rng, *, outlier_mm=L2, segments=False, smooth=False, **freedom):
    """Thirty frames of three clips of an animal 0.8 times the body, its keypoints displaced, some missing."""
    clip = np.repeat([0, 1, 2], 3)
    q = np.clip(rng.normal(0.1, 0.2, (9, kin.nq)), kin.lower + 0.05, kin.upper - 0.05)
    grown = kin.scaled(np.array([1.2, 0.9])) if segments else kin
    pos = 0.8 * grown.pose(q).sites(grown.site_pos + rng.normal(0, 1e-3, (4, 3)))
    pos += rng.normal(0, 1e-3, (3, 1, 3))[clip] + rng.normal(0, 3e-4, pos.shape)
    seen = (rng.uniform(size=(9, 4)) > 0.1).astype(float)
    free = Freedom(
        scale=True,
        translation=True,
        rotation=False,
        shift_weight=0.1,
        turn_weight=None,
        offset_weight=0.05,
        segment_weight=1e-6 if segments else None,
    )
    dof_mm = np.full(kin.nv, 6.0)
    problem = Problem(
        kin=kin,
        data=Data(pos, seen, clip, clip),
        freedom=attrs.evolve(free, **freedom),
        outlier_mm=outlier_mm,
        dof_mm=dof_mm,
        smoothness=Smoothness(clip, 200.0, 60.0, dof_mm) if smooth else None,
        rest=kin.qpos0,
        rest_weight=0.0,
    )
    fit = Fit.start(kin, 1.0, np.eye(3), np.zeros((3, 3)))
    return problem, State(fit, q, problem.cost(fit, q))


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("segments", [False, True])
def test_poses_and_calibration_together_against_scipy(mouse, segments, smooth):
    """The same minimum as scipy's general solver finds from the same start, over poses, offsets, scale and shifts."""
    kin = Kinematics(BodyModel.compile(mouse))
    problem, start = small_problem(kin, np.random.default_rng(0), segments=segments, smooth=smooth)
    found = problem.solve(problem.poses(start.fit, start.q, 20), 400, 1e-13)
    d, n_seg = problem.data, 2 if segments else 0

    def unpack(x):
        scale, offsets, move = x[0], x[1:13].reshape(4, 3), x[13:16]
        grown, shift, q = x[16 : 16 + n_seg], x[16 + n_seg : 25 + n_seg].reshape(3, 3), x[25 + n_seg :]
        fit = attrs.evolve(
            start.fit, scale=scale, offsets=offsets, translation=move + shift, shift=shift,
            segments=grown if segments else start.fit.segments,
        )  # fmt: skip
        return fit, q.reshape(9, kin.nq)

    def residual(x):
        fit, q = unpack(x)
        grown = kin.scaled(fit.segments)
        r = (fit.align(d.pos, d.clip) - fit.scale * grown.pose(q).sites(fit.offsets)) * d.seen[..., None]
        moved = np.sqrt(0.05 * d.seen.sum(0))[:, None] * fit.scale * (fit.offsets - grown.site_pos)
        held = np.sqrt(0.1 * np.bincount(d.clip, d.seen.sum(1)))[:, None] * fit.shift
        sizes = np.sqrt(1e-6 * d.seen.sum() / 4) * fit.scale * (fit.segments - 1) if segments else np.zeros(0)
        tied = problem.smoothness.residuals(q, kin) if smooth else ()
        return np.concatenate([*(1e3 * v.ravel() for v in (r, moved, held, sizes)), *(v.ravel() for v in tied)])

    q0 = problem.poses(start.fit, start.q, 20).q
    x0 = np.concatenate([[1.0], kin.site_pos.ravel(), np.zeros(3), np.ones(n_seg), np.zeros(9), q0.ravel()])
    low, high = np.full(len(x0), -np.inf), np.full(len(x0), np.inf)
    low[25 + n_seg :], high[25 + n_seg :] = np.tile(kin.lower - 1e-9, 9), np.tile(kin.upper + 1e-9, 9)
    with threadpool_limits(1, "blas"):
        expected = least_squares(
            residual, x0, bounds=(low, high), xtol=1e-15, ftol=1e-12, gtol=1e-15, x_scale="jac", max_nfev=300
        )
    best, _ = unpack(expected.x)
    assert residual(x0) @ residual(x0) == pytest.approx(problem.cost(*unpack(x0)), rel=1e-9)
    assert found.cost < start.cost and found.cost == pytest.approx(2 * expected.cost, rel=1e-4)
    assert found.fit.scale == pytest.approx(best.scale, rel=2e-2)


def test_outliers_do_not_rule(mouse):
    """With Cauchy's loss a grossly wrong position changes the other keypoints' fit a little only."""
    kin = Kinematics(BodyModel.compile(mouse))
    clean, start = small_problem(kin, np.random.default_rng(1), outlier_mm=np.full(4, 1.0))
    pos = clean.data.pos.copy()
    pos[4, 0] += 0.02
    spoilt = attrs.evolve(clean, data=clean.data._replace(pos=pos))
    squared = attrs.evolve(spoilt, outlier_mm=L2)
    sites = []
    for problem in (clean, spoilt, squared):
        s = problem.solve(problem.poses(start.fit, start.q, 20), 200, 1e-9)
        sites.append(s.fit.scale * kin.pose(s.q).sites(s.fit.offsets) - s.fit.translation[problem.data.clip][:, None])
    far = [1e3 * np.linalg.norm(s - sites[0], axis=-1)[4].max() for s in sites[1:]]
    assert far[0] < 0.15 * far[1]


def test_segments_are_scaled_as_the_body_is(mouse):
    """Kinematics with factors are those of the body that MuJoCo compiles with these factors."""
    kin = Kinematics(BodyModel.compile(mouse))
    assert kin.segment_names == ("humerus", "ulna")
    grown = attrs.evolve(mouse, segment_scale={"humerus": 1.3, "ulna": 0.8})
    expected = Kinematics(BodyModel.compile(grown))
    q, scaled = random_poses(kin, 6), kin.scaled(np.array([1.3, 0.8]))
    np.testing.assert_allclose(scaled.site_pos, expected.site_pos, atol=1e-15)
    np.testing.assert_allclose(
        scaled.pose(q).sites(scaled.site_pos), expected.pose(q).sites(expected.site_pos), atol=1e-15
    )
    step = kin.stretch(q) @ np.ones(3)  # linear: a finite difference is the derivative
    ahead = kin.scaled(np.array([2.0, 1.0])).pose(q).origin - kin.pose(q).origin
    np.testing.assert_allclose(step[..., 0], ahead.sum(-1), atol=1e-15)


def test_recovers_segments(mouse, truth, plugins):
    """An animal with a longer upper arm and a shorter forearm than the model's."""
    grown = attrs.evolve(mouse, segment_scale={"humerus": 1.2, "ulna": 0.85})
    spec = plugins.get("source", "reaches")
    make = spec.build(spec.config(clips=8, noise_mm=0.0, gap_share=0.0), BodyModel.compile(grown), 3)
    keypoints, made = make.make()
    clips = build(Settings(alignment="none", scale="segments"), mouse)(keypoints, quiet)
    found = {n: f * clips.body.scale for n, f in clips.body.segment_scale.items()}
    assert found["humerus"] == pytest.approx(1.2, rel=0.03) and found["ulna"] == pytest.approx(0.85, rel=0.03)
    assert clips.error_mm.max() < 0.1
    assert np.rad2deg(np.abs(clips.qpos - made.qpos)).mean() < 1
    model = BodyModel.compile(clips.body)  # what training uses
    assert model.mj_model.body("ulna").pos == pytest.approx(
        clips.body.segment_scale["humerus"] * np.array([-0.0005, 0.0003, -0.0068])
    )
    plain = build(Settings(alignment="none"), mouse)(keypoints, quiet)
    assert clips.error_mm.mean() < 0.7 * plain.error_mm.mean()


def test_a_calibration_is_kept(mouse, truth):
    """Half of the clips calibrate the animal; the others are fitted to that body, and it does not change."""
    keypoints, made = truth
    half = [attrs.evolve(keypoints, positions=keypoints.positions[i::2], n_frames=keypoints.n_frames[i::2],
                         clip_names=keypoints.clip_names[i::2], files=()) for i in range(2)]  # fmt: skip
    animal = (
        attrs.evolve(half[0], positions=1.1 * half[0].positions),
        attrs.evolve(half[1], positions=1.1 * half[1].positions),
    )
    first = build(Settings(alignment="none", scale="segments"), mouse)(animal[0], quiet)
    again = build_calibrated(Settings(alignment="none"), Calibration.of(first))(animal[1], quiet)
    assert again.body == first.body
    assert again.error_mm.mean() < first.error_mm.mean() + 0.02
    assert np.rad2deg(np.abs(again.qpos - made.qpos[1::2])).max() < 1.5


def test_a_long_recording_is_fitted_in_pieces(mouse, truth, monkeypatch):
    """A sample calibrates, chunks that overlap follow: nearly the same as all at once, without seams."""
    keypoints, made = truth
    at_once = build(Settings(alignment="none"), mouse)(keypoints, quiet)
    monkeypatch.setattr(pieces, "frames_at_once", lambda kin, work=0.0: 40)
    told = []
    clips = build(Settings(alignment="none"), mouse)(keypoints, lambda *a: told.append(a))
    assert 0 < clips.provenance["frames_calibrated"] < keypoints.n_frames.sum()
    assert np.isfinite(clips.qpos).all() and told[-1][0] == told[-1][1]
    assert np.rad2deg(np.abs(clips.qpos - made.qpos)).max() < 1
    assert clips.error_mm.mean() < at_once.error_mm.mean() + 0.02
    kin = Kinematics(BodyModel.compile(mouse))
    one = np.zeros(130, int)
    data = Data(np.zeros((130, 4, 3)), np.ones((130, 4)), one, one)
    kept = np.concatenate([frames[keep] for frames, keep in pieces.chunks(data, kin)])
    np.testing.assert_array_equal(kept, np.arange(130))


def test_jumps_are_flagged_and_not_followed(mouse, truth):
    keypoints, made = truth
    pos = keypoints.positions.copy()
    wrist, elbow = keypoints.names.index("wrist"), keypoints.names.index("elbow")
    pos[0, 20, wrist] += (0.002, -0.001, 0.001)
    pos[3, 41:43, elbow] += (0.0, 0.004, 0.0)
    jumpy = attrs.evolve(keypoints, positions=pos)
    clips = build(Settings(alignment="none"), mouse)(jumpy, quiet)
    names = keypoints.clip_names
    assert clips.provenance["jumps"] == [
        {"clip": names[0], "keypoint": "wrist", "first": 20, "last": 20},
        {"clip": names[3], "keypoint": "elbow", "first": 41, "last": 42},
    ]
    assert clips.trust[0, 20, wrist] < 0.05 and (clips.trust[1] > 0.5).all()
    off_deg = np.rad2deg(np.abs(clips.qpos - made.qpos)).max((1, 2))
    assert off_deg.max() < 1.5
    followed = build(Settings(alignment="none", outlier_ratio=0.0), mouse)(jumpy, quiet)
    assert np.rad2deg(np.abs(followed.qpos - made.qpos)).max() > 5 and not followed.provenance["jumps"]


def test_movement_is_no_jump():
    """A limb that swings 5 Hz wide through 30 mm is on its course; one frame 2 mm beside it is not."""
    time = np.arange(120) / 150
    pos = 0.015 * np.stack([np.sin(2 * np.pi * 5 * time), np.cos(2 * np.pi * 5 * time), 0 * time], -1)[:, None]
    one, seen = np.zeros(120, int), np.ones((120, 1))
    trust, noise_mm = trust_in_time(pos, seen, one, 150.0, 0.8)
    assert (trust == 1).all() and noise_mm[0] < 0.1
    pos[60, 0, 2] += 0.002
    trust, _ = trust_in_time(pos, seen, one, 150.0, 0.8)
    assert runs(trust[:, 0] < 0.25) == [(60, 60)] and (trust[[58, 62]] == 1).all()


def test_weights_and_confidence(mouse, truth):
    """A keypoint with weight 0, or tracked without confidence, has no pull; its distance is still told."""
    keypoints, made = truth
    paw = keypoints.names.index("paw")
    pos = keypoints.positions.copy()
    pos[:, :, paw] += (0.003, 0.0, 0.0)
    moved = attrs.evolve(keypoints, positions=pos)
    confidence = np.ones(pos.shape[:3])
    confidence[:, :, paw] = 0.0
    for chosen, recording in (
        (Settings(alignment="none", weights={"Paw": 0.0}), moved),
        (Settings(alignment="none"), attrs.evolve(moved, confidence=confidence)),
    ):
        clips = build(chosen, mouse)(recording, quiet)
        assert np.rad2deg(np.abs(clips.qpos - made.qpos)).max() < 1
        assert clips.error_mm[:, :, paw].mean() > 2 and np.delete(clips.error_mm, paw, 2).max() < 0.1
    with pytest.raises(ConfigError, match=r"register\.weights: no keypoint 'pow' is registered; did you mean paw"):
        build(Settings(weights={"pow": 1.0}), mouse)(moved, quiet)
    with pytest.raises(ValueError, match="paw must be >= 0"):
        Settings(weights={"paw": -1.0})


def test_recovers_known_joint_angles(mouse, truth):
    keypoints, made = truth
    clips = build(Settings(alignment="none"), mouse)(keypoints, quiet)
    assert np.rad2deg(np.abs(clips.qpos - made.qpos)).max() < 0.5
    assert clips.error_mm.max() < 0.05 and clips.body.scale == pytest.approx(1, abs=2e-3)
    assert clips.provenance["converged"]


def test_recovers_size_and_offset_under_noise(mouse, truth):
    """An animal 0.8 times the model, its shoulder marker 1 mm off, tracked with 0.1 mm noise."""
    keypoints, made = truth
    rng = np.random.default_rng(0)
    pos = made.site_pos.copy()
    off = np.array([0.6e-3, -0.5e-3, 0.6e-3])
    scapula = BodyModel.compile(mouse)
    data = mujoco.MjData(scapula.mj_model)
    mujoco.mj_kinematics(scapula.mj_model, data)
    site = scapula.keypoint_site_ids[scapula.keypoint("shoulder")]
    turn = data.xmat[scapula.mj_model.site_bodyid[site]].reshape(3, 3)
    pos[:, :, scapula.keypoint("shoulder")] += turn @ off
    exact = 0.8 * pos
    pos = exact + rng.normal(0, 1e-4, pos.shape)
    clips = build(Settings(alignment="none"), mouse)(attrs.evolve(keypoints, positions=pos), quiet)
    assert clips.body.scale == pytest.approx(0.8, abs=0.01)
    moved = np.array(clips.body.keypoint_pos["shoulder"]) - scapula.mj_model.site_pos[site]
    np.testing.assert_allclose(moved, off, atol=0.1e-3)
    # Noise of 0.1 mm on 0.8 times 6.8 mm bones is about 1° in each frame; what is common to all frames is less.
    assert np.rad2deg(np.abs((clips.qpos - made.qpos).mean((0, 1)))).max() < 0.5
    # The registered keypoints lie nearer to the true ones than the tracked ones do.
    registered_mm = np.linalg.norm(clips.site_pos * clips.body.scale - exact, axis=-1) * 1e3
    tracked_mm = np.linalg.norm(pos - exact, axis=-1) * 1e3
    assert registered_mm.mean() < 0.75 * tracked_mm.mean()


def test_output_hangs_together(mouse, truth, tmp_path):
    keypoints, _ = truth
    clips = build(Settings(), mouse)(keypoints, quiet)
    model = BodyModel.compile(clips.body)
    data = mujoco.MjData(model.mj_model)
    data.qpos[:] = clips.qpos[2, 20]
    mujoco.mj_kinematics(model.mj_model, data)
    # MuJoCo takes a site within 1 µm of its body's origin as lying on it.
    np.testing.assert_allclose(data.site_xpos[model.keypoint_site_ids], clips.site_pos[2, 20], atol=1e-6)
    homogeneous = np.concatenate([keypoints.positions, np.ones((*keypoints.positions.shape[:3], 1))], -1)
    carried = np.einsum("cij,cfkj->cfki", clips.alignment, homogeneous)[..., :3]
    np.testing.assert_allclose(carried, clips.tracked_pos, atol=1e-12)
    error = np.linalg.norm(clips.tracked_pos - clips.site_pos, axis=-1) * clips.body.scale * 1e3
    np.testing.assert_allclose(error, clips.error_mm)
    back = ReferenceClips.load(clips.save(tmp_path / "clips.h5"))
    np.testing.assert_array_equal(back.qpos, clips.qpos)
    assert back.body == clips.body and back.provenance["converged"]


def test_clips_of_different_lengths(mouse, truth):
    keypoints, made = truth
    parts = [keypoints.positions[0], keypoints.positions[1, :25]]
    short = Keypoints.from_clips(parts, names=keypoints.names, rate_hz=200, clip_names=["a", "b"])
    clips = build(Settings(alignment="none"), mouse)(short, quiet)
    assert np.isnan(clips.qpos[1, 25:]).all() and np.isfinite(clips.qpos[1, :25]).all()
    assert np.isnan(clips.error_mm[1, 25:]).all() and np.isnan(clips.qvel[1, 25:]).all()
    assert np.rad2deg(np.abs(clips.qpos[1, :25] - made.qpos[1, :25])).max() < 0.5


@pytest.mark.parametrize("keypoints_lost", ["one", "all"])
@pytest.mark.parametrize("first", [0, 22, 52])
def test_short_gaps_are_bridged(mouse, truth, first, keypoints_lost):
    keypoints, made = truth
    pos = keypoints.positions.copy()
    lost = [keypoints.names.index("elbow")] if keypoints_lost == "one" else slice(None)
    pos[1, first : first + 8, lost] = np.nan
    clips = build(Settings(alignment="none"), mouse)(attrs.evolve(keypoints, positions=pos), quiet)
    assert np.isfinite(clips.qpos).all() and np.isfinite(clips.site_pos).all()
    assert np.isnan(clips.tracked_pos[1, first, lost]).all() and np.isnan(clips.error_mm[1, first, lost]).all()
    off = np.linalg.norm(clips.site_pos[1] - made.site_pos[1], axis=-1).max() * 1e3
    assert off < (0.3 if keypoints_lost == "one" else 0.6)
    expected = 1 if keypoints_lost == "one" else 4
    assert clips.provenance["gaps_bridged"] == {"gaps": expected, "positions": 8 * expected}


def broken(keypoints, **change):
    pos = keypoints.positions.copy()
    if "gap" in change:
        clip, first, end, k = change["gap"]
        pos[clip, first:end, k] = np.nan
    if "factor" in change:
        pos *= change["factor"]
    if "inf" in change:
        pos[0, 0, 0, 0] = np.inf
    return attrs.evolve(keypoints, positions=pos)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gap": (2, 10, 21, 1)}, r"synthetic_003: elbow is missing in frames 10 to 20 .*55 ms.*max_gap_ms is 50"),
        ({"gap": (0, 0, 12, 2)}, r"synthetic_001: wrist is missing in frames 0 to 11"),
        ({"gap": (0, 45, 60, 2)}, r"synthetic_001: wrist is missing in frames 45 to 59"),
        ({"gap": (1, 0, 60, 3)}, r"synthetic_002: paw is missing in frames 0 to 59"),
        ({"factor": 1000}, r"times the body's, taken as metres; as mm the animal would be 1.0 times .*--unit mm"),
        ({"factor": 100}, r"times the body's.*--unit cm"),
        ({"factor": 0.001}, r"1/10[0-9][0-9] of the body's.*convert them"),
        ({"factor": 0}, r"no two keypoints lie apart"),
        ({"inf": True}, r"synthetic_001: holds infinite positions"),
    ],
)
def test_bad_keypoints(mouse, truth, change, message):
    with pytest.raises(DataError, match=message) as e:
        build(Settings(), mouse)(broken(truth[0], **change), quiet)
    assert "\n" not in str(e.value)


def test_one_file_in_another_unit_is_named(mouse, truth):
    keypoints = truth[0]
    pos = keypoints.positions.copy()
    pos[2] *= 1000
    with pytest.raises(DataError, match=r"synthetic_003: .*--unit mm"):
        build(Settings(), mouse)(attrs.evolve(keypoints, positions=pos), quiet)


def test_too_few_frames_and_no_clips(mouse, truth):
    keypoints = truth[0]
    short = Keypoints.from_clips([keypoints.positions[0, :3]], names=keypoints.names, rate_hz=200, clip_names=["a"])
    with pytest.raises(DataError, match="clip a: 3 frames; a registration needs at least 4"):
        build(Settings(), mouse)(short, quiet)
    none = attrs.evolve(keypoints, positions=keypoints.positions[:0], n_frames=keypoints.n_frames[:0], clip_names=())
    with pytest.raises(DataError, match="no clips"):
        build(Settings(), mouse)(none, quiet)


def test_finds_exchanged_axes_and_own_origins(mouse, truth):
    """Recorded in another lab's axes, each file with an origin of its own: the same angles come out."""
    keypoints, made = truth
    there = axes_matrix("zxy").T
    origins = np.random.default_rng(0).normal(0, 0.05, (len(keypoints.clip_names), 1, 1, 3))
    moved = attrs.evolve(keypoints, positions=keypoints.positions @ there.T + origins)
    clips = build(Settings(), mouse)(moved, quiet)
    assert clips.provenance["orientation"] == "square"
    np.testing.assert_allclose(clips.alignment[0, :3, :3] * clips.body.scale, axes_matrix("zxy"), atol=1e-9)
    assert clips.error_mm.mean() < 0.05
    assert np.rad2deg(np.abs(clips.qpos - made.qpos)).mean() < 1


@pytest.mark.parametrize("axes", ["xxy", "abc", "xzy", "zx"])
def test_bad_axes(axes):
    with pytest.raises(ValueError, match=r"must be auto|mirror image"):
        Settings(axes=axes)


def test_body_with_a_free_root():
    body = toy(WALKER)
    kin = Kinematics(BodyModel.compile(body))
    time = np.arange(50) / 100
    q = np.tile(kin.qpos0, (50, 1))
    q[:, 0], q[:, 1] = 0.5 * time, 1.0
    heading = 2.5 + time
    q[:, 3:7] = np.stack([np.cos(heading / 2), 0 * time, 0 * time, np.sin(heading / 2)], -1)
    q[:, 7] = 0.8 * np.sin(4 * time)
    pos = 1.3 * kin.pose(q).sites(kin.site_pos)
    keypoints = Keypoints.from_clips([pos], names=tuple(body.keypoints), rate_hz=100, clip_names=["walk"])
    clips = build(Settings(), body)(keypoints, quiet)
    assert clips.body.scale == pytest.approx(1.3, abs=0.01)
    assert clips.error_mm.max() < 0.2
    assert np.rad2deg(np.abs(clips.qpos[0, :, 7] - q[:, 7])).max() < 1
    np.testing.assert_allclose(clips.alignment[0] @ [1.3, 0, 0, 1], [1.3 / clips.body.scale, 0, 0, 1], atol=1e-12)


def test_cost_only_falls_and_progress_is_told(mouse, truth):
    costs = []
    build(Settings(alignment="none", tolerance=1e-20, max_iterations=15), mouse)(
        truth[0], lambda done, total, metrics: costs.append((done, total, metrics["cost_mm2"]))
    )
    assert [c[0] for c in costs] == list(range(1, len(costs) + 1)) and costs[0][1] == 15
    assert (np.diff([c[2] for c in costs]) <= 0).all()


@pytest.fixture(scope="module")
def trials(shared_data, plugins, mouse):
    keypoints = read_keypoints(sorted((shared_data / "mouse_reach").glob("*.h5")), plugins)
    return match_keypoints(keypoints, mouse)


@pytest.mark.slow
def test_real_trials_beat_the_published_fit(trials):
    """The published fit has an offset set for every trial: mean 0.561, 95th percentile 1.555 mm."""
    keypoints, body = trials
    clips = build(Settings(), body)(keypoints, quiet)
    error = clips.error_summary()
    assert error["mean"] < 0.49 and error["p95"] < 1.45
    assert clips.provenance["orientation"] == "model" and clips.provenance["converged"]
    assert clips.provenance["seconds"] < 60
    assert clips.provenance["clip_shift_mm_max"] < 2
    low, high = BodyModel.compile(body).joint_range.T
    assert (clips.qpos >= low).all() and (clips.qpos <= high).all()


@pytest.mark.slow
def test_a_shoulder_that_moves(trials, plugins):
    keypoints, _ = trials
    keypoints, body = match_keypoints(keypoints, plugins.get("body", "mouse_forelimb").make("mobile_shoulder"))
    clips = build(Settings(), body)(keypoints, quiet)
    assert clips.error_summary()["mean"] < 0.27
    model = BodyModel.compile(body)
    slides = [model.joint_qposadr[model.joint(f"scapula_{a}")] for a in "xyz"]
    assert 0.5e-3 < np.ptp(clips.qpos[..., slides], axis=1).max(-1).mean() < 2.5e-3
    assert max(clips.provenance["share_at_joint_limit"][f"scapula_{a}"] for a in "xyz") < 0.05


@pytest.mark.slow
def test_jumps_of_a_raw_recording(shared_data, plugins, mouse):
    keypoints = read_keypoints([shared_data / "reaches" / "raw_set1_reach02.csv"], plugins)
    keypoints, body = match_keypoints(keypoints, mouse)
    clips, followed = (build(Settings(outlier_ratio=r), body)(keypoints, quiet) for r in (20.0, 0.0))
    found = {(j["keypoint"], j["first"]) for j in clips.provenance["jumps"]}
    assert found and found <= {(k, f) for k in ("wrist", "paw", "elbow") for f in range(40, 98)}
    jerk = [np.abs(np.diff(c.qpos[0], 2, axis=0)).max() for c in (clips, followed)]
    assert jerk[0] < 0.7 * jerk[1]


@pytest.mark.slow
def test_a_rat_on_its_own_feet(shared_data, plugins):
    """Every 5th quarter second of a free-moving rat: one offset set, and no frame in a wrong posture."""
    pytest.importorskip("yaml")
    folder = shared_data / "rodent"
    keypoints = read_keypoints(
        [folder / "mocap_1000_frames.mat"], plugins, None, {"names": str(folder / "stac_model.yaml"), "rate_hz": 50.0}
    )
    spec = plugins.get("body", "rodent")
    body = spec.make(None, spec.config(mjcf=str(folder / "rodent.xml")))
    keypoints, body = match_keypoints(keypoints, body)
    pos = keypoints.positions[0] * 1e-3
    parts = [pos[i : i + 25] for i in range(0, 1000, 125)]
    keypoints = Keypoints.from_clips(
        parts, names=keypoints.names, rate_hz=50.0, clip_names=[str(i) for i in range(len(parts))]
    )
    clips = build(Settings(), body)(keypoints, quiet)
    assert clips.error_summary()["mean"] < 1.0 and clips.error_mm.max() < 10


@pytest.mark.slow
def test_another_labs_reaches(shared_data, plugins, mouse):
    """Their y is up and x forward; each file has its own origin, and the bones are half as long again."""
    for name, limit_mm in (("set1", 0.55), ("set4", 0.75)):
        keypoints = read_keypoints(sorted((shared_data / "reaches").glob(f"{name}_*.csv")), plugins)
        clips = build(Settings(), mouse)(match_keypoints(keypoints, mouse)[0], quiet)
        np.testing.assert_allclose(clips.alignment[0, :3, :3] * clips.body.scale, axes_matrix("zxy"), atol=1e-9)
        assert clips.error_summary()["mean"] < limit_mm
