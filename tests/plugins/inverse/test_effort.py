"""Static optimisation and feasible ranges: closed forms, independent formulations, brute force."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear, minimize

from mimic_core import DataError
from mimic_hill.curves import activation_rate
from mimic_static_optimisation.activation import Reach
from mimic_static_optimisation.dynamics import Load, Movement
from mimic_static_optimisation.effort import Demand, least_cubed, least_dynamic, least_squared
from mimic_static_optimisation.solve import feasible_range, least_effort, sizes, solution_of, trivial_shares

COST = 1e4


def demand_of(gain, torque, cost=COST) -> Demand:
    return Demand(np.array(gain, float), np.array(torque, float), cost)


def load_of(gain, torque) -> Load:
    """Torques (frame, joint) and gains (frame, joint, muscle) of no body in particular; nothing passive."""
    gain, torque = np.array(gain, float), np.array(torque, float)
    muscles = np.ones((len(gain), gain.shape[2]))
    nothing = np.zeros_like(torque)
    return Load(torque, nothing, nothing, gain, nothing, muscles, 0 * muscles, 0 * muscles, None)


def movement_of(*n_frames: int, rate_hz: float = 200.0) -> Movement:
    nothing = np.zeros((sum(n_frames), 1))
    return Movement(nothing, nothing, nothing, np.array(n_frames), rate_hz, nothing)


# -- closed forms ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("torque", [0.5, -0.9, 0.0])
def test_of_two_antagonists_only_one_works(torque):
    """Gains 2 and −3: a torque τ > 0 takes τ/2 of the first, τ < 0 takes −τ/3 of the second; the other rests. Through
    the reserve of cost w, it is g·τ·w/(1 + w·g²)."""
    found = least_squared(demand_of([[[2.0, -3.0]]], [[torque]]))[0]
    first, second = max(torque, 0.0), max(-torque, 0.0)
    exact = [2 * first * COST / (1 + 4 * COST), 3 * second * COST / (1 + 9 * COST)]
    np.testing.assert_allclose(found, exact, atol=2e-4)


def test_two_synergists_share_by_their_gains():
    """Σa² gives shares in proportion to the gains, Σa³ to their square roots (Lagrange)."""
    gain, torque = np.array([1.0, 4.0]), 2.0
    squared, cubed = (f(demand_of([[gain]], [[torque]]))[0] for f in (least_squared, least_cubed))
    np.testing.assert_allclose(squared, torque * gain / (gain @ gain), atol=5e-4)
    np.testing.assert_allclose(cubed, torque * np.sqrt(gain) / (gain @ np.sqrt(gain)), atol=1e-3)


def test_more_than_all_is_left_to_the_reserve():
    load = load_of([[[1.0, 0.5]]] * 2, [[1.4], [2.0]])
    found = least_effort(load, movement_of(2), least_squared, COST, 0.01)
    np.testing.assert_allclose(found.activation[1], 1.0, atol=1e-3)
    np.testing.assert_allclose(found.reserve[1], 0.5, atol=1e-3)
    assert found.feasible.tolist() == [True, False]


def test_a_joint_without_muscles_is_not_asked_of_any():
    load = load_of([[[1.0, -1.0], [0.0, 0.0]]], [[0.3, 7.0]])
    found = least_effort(load, movement_of(1), least_squared, COST, 0.01)
    assert found.feasible.all() and load.crossed.tolist() == [True, False]
    assert found.reserve[0, 1] == 7.0
    with pytest.raises(DataError, match="no muscle"):
        least_effort(load_of([[[0.0]]], [[1.0]]), movement_of(1), least_squared, COST, 0.01)


# -- independent formulations ---------------------------------------------------------------------------------


def random_demand(seed: int, frames: int = 6, joints: int = 3, muscles: int = 7) -> Demand:
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((frames, joints, muscles))
    torque = np.einsum("fjm,fm->fj", gain, rng.uniform(0, 1, (frames, muscles))) + 0.3 * rng.standard_normal(
        (frames, joints)
    )
    return demand_of(gain, torque, 100.0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
@example(seed=940)  # rounding looks like a proof that there is no solution
def test_squared_is_bounded_least_squares_frame_by_frame(seed):
    """Also beside a frame, as of a jump of the tracking, whose torque is many times what the muscles have."""
    demand = random_demand(seed)
    demand = attrs.evolve(demand, torque=demand.torque * np.array([50.0, *[1.0] * 5])[:, None], reserve_cost=1e4)
    w = np.sqrt(demand.reserve_cost)
    one = np.eye(demand.gain.shape[2])
    for gain, torque, found in zip(demand.gain, demand.torque, least_squared(demand), strict=True):
        stacked, right = np.vstack([one, w * gain]), np.concatenate([np.zeros(len(one)), w * torque])
        expected = lsq_linear(stacked, right, (0.0, 1.0), method="bvls", max_iter=500).x
        np.testing.assert_allclose(found, expected, atol=1e-3)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_cubed_is_what_slsqp_finds_frame_by_frame(seed):
    demand = random_demand(seed, frames=3)

    def cost(a, gain, torque):
        left = torque - gain @ a
        return (a**3).sum() + demand.reserve_cost * left @ left

    for gain, torque, found in zip(demand.gain, demand.torque, least_cubed(demand), strict=True):
        bounds = [(0.0, 1.0)] * len(found)
        options = {"ftol": 1e-13, "maxiter": 1000}
        other = minimize(cost, found * 0 + 0.5, (gain, torque), "SLSQP", bounds=bounds, options=options)
        assert cost(found, gain, torque) <= other.fun + 1e-6


# -- activation dynamics --------------------------------------------------------------------------------------


def reach_of(rises: float, falls: float, muscles: int, rate_hz: float = 200.0) -> Reach:
    import mujoco

    tendons = "".join(f'<fixed name="t{i}"><joint joint="j" coef="1"/></fixed>' for i in range(muscles))
    actuators = "".join(
        f'<muscle tendon="t{i}" lengthrange="0.1 1" timeconst="{rises} {falls}"/>' for i in range(muscles)
    )
    xml = (
        '<mujoco><worldbody><body><joint name="j" range="-1 1" limited="true"/><geom size="1"/></body></worldbody>'
        f"<tendon>{tendons}</tendon><actuator>{actuators}</actuator></mujoco>"
    )
    return Reach.of(mujoco.MjModel.from_xml_string(xml), np.arange(muscles), rate_hz)


def after(activation: np.ndarray, excitation: float, rises: float, falls: float, over: float) -> np.ndarray:
    """Activations a while later, by many small steps of the muscles' own rate."""
    for _ in range(2000):
        activation = activation + over / 2000 * activation_rate(excitation, activation, rises, falls)
    return activation


def test_reach_is_what_full_and_no_excitation_bring():
    reach, now = reach_of(0.01, 0.04, 2), np.linspace(0.02, 0.97, 14)
    (low, low_slope), (high, high_slope) = reach.tangents(np.stack([now, now], axis=-1))
    np.testing.assert_allclose(high[:, 0], after(now, 1.0, 0.01, 0.04, 0.005), atol=2e-4)
    np.testing.assert_allclose(low[:, 1], after(now, 0.0, 0.01, 0.04, 0.005), atol=2e-4)
    assert (low_slope > 0).all() and (high_slope > 0).all()


@settings(max_examples=15, deadline=None)
@given(rises=st.floats(0.002, 0.1), falls=st.floats(0.002, 0.2), rate_hz=st.floats(60.0, 500.0), at=st.floats(0.0, 1.0))
def test_tangents_of_the_reach_are_on_the_safe_side(rises, falls, rate_hz, at):
    """A tangent of the least activation is nowhere below it, one of the greatest nowhere above it."""
    reach, grid = reach_of(rises, falls, 1, rate_hz), np.linspace(0.0, 1.0, 101)[:, None]
    (low, _), (high, _) = reach.tangents(grid)
    (low_at, low_slope), (high_at, high_slope) = reach.tangents(np.array([[at]]))
    assert (low_at + low_slope * (grid - at) >= low - 1e-6).all()
    assert (high_at + high_slope * (grid - at) <= high + 1e-6).all()


def test_dynamic_activation_can_be_reached_and_costs_more():
    time = np.arange(60) / 200.0
    torque = 0.6 * np.sign(np.sin(2 * np.pi * 5 * time))[:, None]  # no muscle can follow its jumps
    demand = demand_of(np.tile([[[1.0, -1.0]]], (60, 1, 1)), torque, 100.0)
    reach = reach_of(0.01, 0.04, 2)
    found, free = least_dynamic(demand, reach, 4), least_squared(demand)
    (low, _), (high, _) = reach.tangents(found[:-1])
    assert (found[1:] >= low - 1e-6).all() and (found[1:] <= high + 1e-6).all()

    def cost(a):
        left = demand.torque - np.einsum("fjm,fm->fj", demand.gain, a)
        return (a**2).sum() + demand.reserve_cost * (left**2).sum()

    rounds = [cost(least_dynamic(demand, reach, n)) for n in (1, 2, 3, 4)]
    assert rounds == sorted(rounds, reverse=True), "a round made it worse"
    assert cost(found) > 1.05 * cost(free)


def test_fast_muscles_need_no_dynamics():
    demand = random_demand(3)
    found = least_dynamic(demand, reach_of(1e-4, 1e-4, demand.gain.shape[2]), 2)
    np.testing.assert_allclose(found, least_squared(demand), atol=1e-3)


# -- what is feasible -----------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_range_at_one_joint_by_hand(seed):
    """What the others can give between them is an interval; a muscle may make up whatever is left."""
    rng = np.random.default_rng(seed)
    gain = rng.choice([-1.0, 1.0], 4) * rng.uniform(0.2, 2.0, 4)
    load = load_of([[gain]] * 3, (gain @ rng.uniform(0, 1, (4, 3)))[:, None])
    solution = least_effort(load, movement_of(3), least_squared, COST, 0.01)
    found = feasible_range(load, solution)
    given = load.needed[:, 0] - solution.reserve[:, 0]
    for m in range(4):
        others = np.delete(gain, m)
        ends = np.array([given - others.clip(0).sum(), given - others.clip(None, 0).sum()]) / gain[m]
        np.testing.assert_allclose(found.low[:, m], np.clip(ends.min(axis=0), 0, 1), atol=1e-5)
        np.testing.assert_allclose(found.high[:, m], np.clip(ends.max(axis=0), 0, 1), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_range_holds_the_optimum_and_every_other_answer(seed):
    """Random activations give some torque: they and the optimum for it are in its range; so is the middle, and the
    middle gives the torque too."""
    rng = np.random.default_rng(seed)
    gain, activation = rng.standard_normal((5, 2, 6)), rng.uniform(0, 1, (5, 6))
    load = load_of(gain, np.einsum("fjm,fm->fj", gain, activation))
    solution = least_effort(load, movement_of(2, 3), least_squared, 1e6, 0.01)
    found = feasible_range(load, solution)
    assert solution.feasible.all()
    for inside in (solution.activation, activation, found.middle):
        slack = 1e-3 if inside is activation else 1e-9  # the reserve shifts the torque a little
        assert (found.low - slack <= inside).all() and (inside <= found.high + slack).all()
    left = load.needed - solution.reserve - np.einsum("fjm,fm->fj", gain, found.middle)
    np.testing.assert_allclose(left, 0.0, atol=1e-6)


def test_infeasible_frames_have_no_range():
    load = load_of([[[1.0, -1.0]]] * 3, [[0.2], [5.0], [0.4]])
    found = feasible_range(load, least_effort(load, movement_of(3), least_squared, COST, 0.01))
    assert np.isnan(found.low[1]).all() and np.isfinite(found.low[[0, 2]]).all()
    some = feasible_range(load, least_effort(load, movement_of(3), least_squared, COST, 0.01), np.arange(3) == 2)
    assert np.isfinite(some.low).all(axis=1).tolist() == [False, False, True]
    nothing = feasible_range(load, solution_of(np.zeros((3, 2)), load, 0.01))
    assert np.isnan(nothing.high).all() and np.isnan(nothing.middle).all()


def test_trivial_answers_by_hand():
    """Torques 1 and 3 from a gain of 4: a constant ½ gives 2 and leaves (1 + 1)/(1 + 3); nothing leaves all."""
    load = load_of([[[4.0]], [[4.0]]], [[1.0], [3.0]])
    np.testing.assert_allclose(sizes(load), np.sqrt(5.0))
    shares = trivial_shares(load)
    assert shares["limp"] == pytest.approx([1.0]) and shares["best constant"] == pytest.approx([0.5], abs=1e-6)


def test_clips_are_apart():
    """The row of all frames and the clips tell the same."""
    m = movement_of(2, 3)
    by_clip = m.by_clip(np.arange(5.0)[:, None])
    assert (
        by_clip[0, :2, 0].tolist() == [0, 1] and np.isnan(by_clip[0, 2, 0]) and by_clip[1, :, 0].tolist() == [2, 3, 4]
    )
    assert [(p.start, p.stop) for p in m.pieces] == [(0, 2), (2, 5)]
    numbered = attrs.evolve(m, qpos=np.arange(5.0)[:, None])
    assert m.frames_of(m.evenly(1)).tolist() == [True, True, False, False, False]
    assert movement_of(*[1] * 9).evenly(3).tolist() == [0, 4, 8]
    assert numbered.only(np.array([1])).qpos[:, 0].tolist() == [2, 3, 4]
