"""The synergy analysis on activity that is made of known synergies."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import ConfigError, DataError
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_synergies.factors import chance, factorise, held_out_vaf, match, shuffled, vaf
from mimic_synergies.settings import Settings

JOINTS = ("a", "b", "c")
WEIGHTS = np.array([[1.0, 0.5, 0, 0, 0, 0], [0, 0, 1.0, 0.8, 0, 0.2], [0, 0, 0, 0.1, 1.0, 0.6]])
WEIGHTS /= np.linalg.norm(WEIGHTS, axis=1, keepdims=True)
"""Three synergies of six muscles."""
EXACT = Settings(tolerance=1e-8, iterations=3000, restarts=1)
PLAIN = Settings(normalise="none", shuffles=1, restarts=0, draws=50)


def bursts(n=200, synergies=3, seed=0):
    """(instant, synergy) bursts that follow one another, of random size and place."""
    rng = np.random.default_rng(seed)
    t, centre = np.arange(n)[:, None], n * (np.arange(synergies) + 0.5) / synergies
    size, place = rng.uniform(0.3, 0.6, synergies), rng.uniform(-0.05, 0.05, synergies) * n
    return size * np.exp(-0.5 * ((t - centre - place) / (0.09 * n)) ** 2)


def made_of(weights, *, clip_steps=(80, 80, 60, 80), seed=0, **change):
    """Rollouts whose activations are bursts of these synergies."""
    r = synthetic_rollouts(clip_steps, joints=JOINTS)
    activation = np.full(r.activation.shape, np.nan)
    for c, n in enumerate(clip_steps):
        activation[c, :n] = bursts(n, len(weights), seed + c) @ weights
    return attrs.evolve(r, activation=activation, **change)


# -- factorisation --------------------------------------------------------------------------------------------


def test_known_synergies_are_found():
    found = factorise(bursts() @ WEIGHTS, 3, EXACT)
    assert found.vaf > 0.9999
    order, cosines = match(WEIGHTS, found.weights)
    assert (cosines > 0.99).all()
    np.testing.assert_allclose(np.linalg.norm(found.weights, axis=1), 1.0)
    np.testing.assert_allclose(found.courses[:, order], bursts(), atol=0.05)
    contribution = np.linalg.norm(found.courses, axis=0)
    assert (np.diff(contribution) <= 0).all()


def test_vaf_by_hand():
    """Σx² = 25, Σ(x − x̂)² = 1: 96 %. It is not centred."""
    assert vaf(np.array([[3.0, 4.0]]), np.array([[3.0, 3.0]])) == pytest.approx(0.96)
    assert np.isnan(vaf(np.zeros((2, 2)), np.zeros((2, 2))))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 200))
def test_more_synergies_account_for_more(seed):
    """Up to all the variance, with as many synergies as muscles."""
    activity = np.random.default_rng(seed).uniform(size=(60, 4)) ** 2
    exact = Settings(restarts=2, tolerance=1e-7, iterations=2000)
    found = [factorise(activity, n, exact).vaf for n in range(1, 5)]
    assert (np.diff(found) > -1e-3).all()
    assert found[-1] > 0.995


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(6)), scale=st.floats(0.1, 10))
def test_order_of_muscles_and_scale_do_not_matter(order, scale):
    activity = bursts(100) @ WEIGHTS
    a, b = factorise(activity, 3, EXACT), factorise(scale * activity[:, order], 3, EXACT)
    assert a.vaf == pytest.approx(b.vaf, abs=1e-3)
    assert match(a.weights[:, order], b.weights)[1].min() > 0.98


def test_held_out_activity_is_judged_with_fixed_synergies():
    """What lies in the synergies is accounted for in full; a muscle outside them is not at all."""
    assert held_out_vaf(bursts(50, seed=3) @ WEIGHTS, WEIGHTS) == pytest.approx(1.0)
    alone = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 2.0]])
    assert held_out_vaf(alone, WEIGHTS[:1]) == pytest.approx(0.0)
    # half of the square of (1, 1) lies along (1, 0)
    assert held_out_vaf(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]])) == pytest.approx(0.5)


def test_shuffling_keeps_every_muscle_and_breaks_their_coordination():
    activity = bursts() @ WEIGHTS
    mixed = shuffled(activity, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(mixed, axis=0), np.sort(activity, axis=0))
    assert factorise(mixed, 3, PLAIN).vaf < 0.9


# -- matching -------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(3)))
def test_match_undoes_any_order(order):
    found, cosines = match(WEIGHTS, WEIGHTS[order])
    np.testing.assert_array_equal(np.array(order)[found], range(3))
    np.testing.assert_allclose(cosines, 1.0)


def test_match_takes_the_best_sum_not_the_best_first():
    """First with first is 0.9, but then 0 is left for the second; crossed they have 0.8 + 0.6."""
    b = np.array([[0.9, 0.6, 0.0], [0.8, 0.0, 0.6]])
    order, cosines = match(np.eye(3)[:2], b)
    assert order.tolist() == [1, 0]
    assert cosines.tolist() == [0.8, 0.6]


def test_chance_is_below_a_true_match():
    by_chance = chance(WEIGHTS, WEIGHTS, 300, np.random.default_rng(0))
    assert 0.3 < by_chance.mean() < 0.9
    assert by_chance.max() <= 1 + 1e-12


# -- the analysis ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result():
    told = []
    found = analyse(
        "synergies",
        PLAIN,
        rollouts=(made_of(WEIGHTS),),
        progress=lambda done, total, metrics: told.append((done, total)),
    )
    assert told == [(k, 6) for k in range(1, 7)]
    return found


def test_as_many_as_were_put_in(result):
    metrics = result.metrics
    assert metrics["synergies"]["mean"] == metrics["shown"] == 3 == result.headlines[0].value
    assert metrics["vaf"]["mean"] > 0.98 and metrics["vaf_held_out"]["mean"] > 0.95
    assert metrics["vaf_shuffled"]["mean"] < 0.9
    assert list(metrics["vaf"]["by_number"]) == ["1", "2", "3", "4", "5", "6"]
    weights = np.array([list(w.values()) for w in metrics["weights"].values()])
    assert match(WEIGHTS, weights)[1].min() > 0.95
    assert set(result.figures) == set(result.captions) == {"vaf", "weights", "time_courses"}


def test_too_few_tried_to_reach_the_vaf():
    """Three synergies; with two at most no number is told. All text says so, and the figures show the two."""
    result = analyse("synergies", attrs.evolve(PLAIN, most=2, vaf=0.95), rollouts=made_of(WEIGHTS))
    assert result.metrics["synergies"] == {"mean": None} and result.metrics["shown"] == 2
    for caption in (result.captions["vaf"], result.tables["vaf"].caption):
        assert caption.endswith("None of those tried (1 to 2) accounts for 95 %.")
    assert "(2) is the largest tried. None of those tried" in result.methods
    several = analyse(
        "synergies", attrs.evolve(PLAIN, most=2, vaf=0.95), rollouts=(made_of(WEIGHTS), made_of(WEIGHTS[:2], seed=9))
    )
    assert several.metrics["synergies"] == {"mean": None} and not several.headlines
    assert "accounts for 95 % in every rollout." in several.methods


def test_seeds_with_the_same_synergies_match():
    again = attrs.evolve(PLAIN, synergies=3, most=3)
    other = WEIGHTS[:, [5, 2, 0, 1, 3, 4]]
    a, same, different = made_of(WEIGHTS), made_of(WEIGHTS, seed=20), made_of(other, seed=20)
    found = analyse("synergies", again, rollouts=(a, same)).metrics["match"]
    assert found["mean"] > 0.97 and found["mean"] > found["chance_p95"]
    result = analyse("synergies", again, rollouts=(a, same, different))
    assert result.metrics["match"]["lowest"] < 0.8
    assert len(result.tables["match"].rows) == 3 and "match" in result.figures


def test_peaks_are_taken_out_if_so_set():
    """A muscle a hundred times weaker counts as much as the others: the same synergies of scaled muscles."""
    weak = made_of(WEIGHTS)
    weak = attrs.evolve(weak, activation=weak.activation * [0.01, 1, 1, 1, 1, 1])
    found = [
        analyse("synergies", attrs.evolve(PLAIN, normalise="peak", synergies=3, most=3), rollouts=r).metrics["vaf"][
            "mean"
        ]
        for r in (made_of(WEIGHTS), weak)
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_without_held_out_clips_there_is_no_held_out_vaf():
    metrics = analyse("synergies", attrs.evolve(PLAIN, most=2), rollouts=made_of(WEIGHTS, split=("train",) * 4)).metrics
    assert np.isnan(metrics["vaf_held_out"]["mean"])


def test_excitation_starts_one_entry_late():
    r = made_of(WEIGHTS)
    excitation = r.activation.copy()
    excitation[:, 0] = np.nan
    r = attrs.evolve(r, excitation=excitation)
    assert (
        analyse("synergies", attrs.evolve(PLAIN, signal="excitation", most=3), rollouts=r).metrics["vaf"]["by_number"][
            "3"
        ]
        > 0.98
    )


def test_what_has_no_synergies_is_refused():
    r = made_of(WEIGHTS)
    with pytest.raises(DataError, match="not driven by muscles"):
        none = np.zeros((*r.qpos.shape[:2], 0))
        bare = dict.fromkeys(("muscle_force", "muscle_length", "muscle_velocity"), none)
        analyse("synergies", PLAIN, rollouts=attrs.evolve(r, muscle_names=(), **bare))
    with pytest.raises(DataError, match="the activation of every muscle is 0 throughout"):
        analyse("synergies", PLAIN, rollouts=attrs.evolve(r, activation=0 * r.activation))
    with pytest.raises(ConfigError, match=r"analyze\.synergies\.synergies: 7 are more than the 6 that are tried"):
        analyse("synergies", attrs.evolve(PLAIN, synergies=7), rollouts=r)
