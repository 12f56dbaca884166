"""The `stac` registration: its kinematics, and its solver against other programs."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares
from stac_cases import L2, MIXED, random_poses, toy
from threadpoolctl import threadpool_limits

from mimic_core import BodyModel
from mimic_stac.calibrate import Data, Fit, Freedom
from mimic_stac.kinematics import KinematicTree
from mimic_stac.pose import PoseFit, Smoothness, Targets
from mimic_stac.simultaneous import Problem, State


@pytest.mark.parametrize("which", ["mouse", "mixed"])
def test_kinematics_are_those_of_mujoco(which, mouse):
    model = BodyModel.compile(mouse if which == "mouse" else toy(MIXED))
    kin, m, data = KinematicTree(model), model.mj_model, mujoco.MjData(model.mj_model)
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
    kin = KinematicTree(BodyModel.compile(mouse if which == "mouse" else toy(MIXED)))
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
    kin = KinematicTree(BodyModel.compile(mouse))
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
    kin = KinematicTree(BodyModel.compile(mouse))
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
    kin = KinematicTree(BodyModel.compile(toy(f"<mujoco><worldbody>{arm}</worldbody></mujoco>")))
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
    kin = KinematicTree(BodyModel.compile(mouse))
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
    kin = KinematicTree(BodyModel.compile(mouse))
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
    kin = KinematicTree(BodyModel.compile(mouse))
    assert kin.segment_names == ("humerus", "ulna")
    grown = attrs.evolve(mouse, segment_scale={"humerus": 1.3, "ulna": 0.8})
    expected = KinematicTree(BodyModel.compile(grown))
    q, scaled = random_poses(kin, 6), kin.scaled(np.array([1.3, 0.8]))
    np.testing.assert_allclose(scaled.site_pos, expected.site_pos, atol=1e-15)
    np.testing.assert_allclose(
        scaled.pose(q).sites(scaled.site_pos), expected.pose(q).sites(expected.site_pos), atol=1e-15
    )
    step = kin.stretch(q) @ np.ones(3)  # linear: a finite difference is the derivative
    ahead = kin.scaled(np.array([2.0, 1.0])).pose(q).origin - kin.pose(q).origin
    np.testing.assert_allclose(step[..., 0], ahead.sum(-1), atol=1e-15)
