"""How near to EMG any activation within a feasible range comes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr

from mimic_inverse.findings import Recorded
from mimic_inverse.held import held_on_emg
from mimic_inverse.reachable import Reachable, largest_r2
from mimic_static_optimisation.dynamics import Load, Movement

RISING = np.linspace(0.0, 1.0, 11)
COURSES = arrays(float, (3, 12), elements=st.floats(0.0, 1.0, width=16))


def test_a_range_without_width_leaves_the_course_that_it_is():
    x = RISING**2
    assert largest_r2(RISING, x, x) == pytest.approx(pearsonr(x, RISING).statistic ** 2, abs=1e-6)
    found = Reachable.of(RISING, x, x, tolerance=0.05)
    assert found.mae == pytest.approx(np.abs(RISING - x).mean())
    # of x − x² at 0, 0.1, …, 1 all but 0 and 1 are beyond 0.05
    assert found.outside == pytest.approx(9 / 11)
    assert (found.samples, found.lowest) == (11, pytest.approx(x.mean()))


def test_a_falling_course_explains_nothing_of_a_rising_one_that_runs_forwards():
    falling = 1.0 - RISING
    assert largest_r2(RISING, falling, falling) == pytest.approx(0.0, abs=1e-6)
    found = Reachable.of(RISING, falling, falling, tolerance=0.01)
    assert (found.r2, found.reversed_r2) == (pytest.approx(0.0, abs=1e-6), pytest.approx(1.0, abs=1e-6))
    assert found.reversed_mae == pytest.approx(0.0)


def test_a_range_that_holds_a_scaled_course_explains_all_of_it_though_not_its_height():
    low, high = 0.1 * RISING, 0.1 * RISING + 0.02
    found = Reachable.of(RISING, low, high, tolerance=0.01)
    assert found.r2 == pytest.approx(1.0, abs=1e-6)
    assert found.mae == pytest.approx(np.maximum(RISING - high, 0.0).mean()) and found.mae > 0.4


def test_an_even_course_has_nothing_to_explain():
    assert largest_r2(np.full(5, 0.3), np.zeros(5), np.ones(5)) == 0.0


@settings(max_examples=60, deadline=None)
@given(COURSES, st.floats(0.0, 1.0))
def test_no_course_within_the_range_does_better(of, share):
    y, (low, high) = of[0], np.sort(of[1:], axis=0)
    inside = low + share * (high - low)
    if min(y.std(), inside.std()) < 1e-3:
        return
    r = np.corrcoef(inside, y)[0, 1]
    assert largest_r2(y, low, high) >= max(r, 0.0) ** 2 - 1e-4
    assert Reachable.of(y, low, high, 0.01).mae <= np.abs(y - inside).mean() + 1e-12


def test_a_muscle_held_on_its_emg_leaves_the_rest_to_the_other():
    # both muscles turn the one joint by 1 N·m at full activation; 0.5 N·m is needed throughout
    frames, course = 4, np.array([0.1, 0.2, 0.3, 0.8])
    zero = np.zeros((frames, 1))
    load = Load(zero + 0.5, zero, zero, np.ones((frames, 1, 2)), zero, *np.zeros((3, frames, 2)), root=None)
    movement = Movement(zero, zero, zero, np.array([frames]), 100.0, zero)
    emg = Recorded("emg", "first", np.arange(frames) / 100.0, course, {}, {}, frames)
    model = SimpleNamespace(muscle=("first", "second").index)
    found = held_on_emg(load, movement, [emg], model, reserve_cost=1e6, infeasible_share=0.01)
    assert found["nothing"].effort == pytest.approx(2 * 0.25**2, abs=1e-4)
    other = np.maximum(0.5 - course, 0.0)
    for name in ("mean EMG", "mean EMG, reversed in time"):
        assert found[name].effort == pytest.approx((course**2 + other**2).mean(), abs=1e-4)
        assert found[name].infeasible == 0.25  # 0.8 is more than the joint needs
        assert found[name].left == pytest.approx(0.3 / 4 / 0.5, abs=1e-3)
    assert found["its mean"].effort == pytest.approx(0.35**2 + 0.15**2, abs=1e-4)
    assert found["its mean"].infeasible == 0.0
