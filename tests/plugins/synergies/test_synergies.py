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
from mimic_synergies.factors import chance, factorise, held_out_vaf, match, vaf
from mimic_synergies.nulls import NOISE, NULLS, TIME, TRIALS, shuffled_instants, shuffled_trials, surrogate
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


# -- null models ----------------------------------------------------------------------------------------------


def test_shuffling_keeps_every_muscle_and_breaks_their_coordination():
    activity = bursts() @ WEIGHTS
    mixed = shuffled_instants([activity[:90], activity[90:]], np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(mixed, axis=0), np.sort(activity, axis=0))
    assert factorise(mixed, 3, PLAIN).vaf < 0.9


def test_shuffled_trials_keep_what_all_clips_share():
    """The same course in every clip is left as it was; clips of other length are cut to the shortest that meet."""
    activity = bursts(60) @ WEIGHTS
    mixed = shuffled_trials([activity] * 4, np.random.default_rng(0))
    np.testing.assert_array_equal(mixed, np.concatenate([activity] * 4))
    clips = [np.full((n, 2), float(n)) for n in (5, 7, 9)]
    drawn = shuffled_trials(clips, np.random.default_rng(3))
    assert set(np.unique(drawn)) == {5.0, 7.0, 9.0} and len(drawn) <= 5 + 7 + 9
    for muscle in drawn.T:
        assert set(muscle) == {5.0, 7.0, 9.0}  # each has every clip once


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 500), n=st.integers(150, 200))
def test_a_surrogate_has_the_values_and_the_autocorrelation(seed, n):
    rng = np.random.default_rng(seed)
    x = np.abs(np.convolve(rng.standard_normal(n + 20), np.hanning(20), "valid")[:n, None])
    y = surrogate(x, rng)
    np.testing.assert_array_equal(np.sort(y, axis=0), np.sort(x, axis=0))

    def lag_1(a):
        return np.corrcoef(a[1:, 0], a[:-1, 0])[0, 1]

    assert lag_1(y) == pytest.approx(lag_1(x), abs=0.15)
    assert abs(lag_1(rng.permutation(x))) < 0.5 < lag_1(x)


def test_independent_noise_does_no_better_than_its_shuffles():
    """Muscles that know nothing of one another: every null model accounts for as much, so none is beaten by much."""
    rng = np.random.default_rng(0)
    smooth = np.hanning(15) / np.hanning(15).sum()
    r = made_of(WEIGHTS)
    noise = np.apply_along_axis(np.convolve, 1, rng.exponential(size=(4, 94, 6)), smooth, "valid")
    activation = np.where(np.isfinite(r.activation), noise[:, :80], np.nan)
    result = analyse(
        "synergies", attrs.evolve(PLAIN, shuffles=4, synergies=3), rollouts=attrs.evolve(r, activation=activation)
    )
    for of in result.metrics["nulls"].values():
        assert of["vaf"] == pytest.approx(result.metrics["vaf"]["mean"], abs=0.02)


def test_known_synergies_beat_every_null(result):
    variance, number = result.headlines
    assert set(variance.nulls) == set(number.nulls) == set(NULLS) == {TIME, TRIALS, NOISE}
    assert variance.unbeaten == ()
    assert number.unbeaten == (TRIALS,)  # clips share where bursts lie, so that other trials need no more synergies
    assert variance.nulls[TIME] < variance.nulls[TRIALS] < variance.value
    assert result.sentence.startswith(f"3 synergies account for {variance.value:.1f} % of the activation")
    assert list(result.metrics["nulls"]["noise_as_slow"]["by_number"]) == ["1", "2", "3", "4", "5", "6"]


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
    assert metrics["synergies"]["mean"] == metrics["shown"] == 3 == result.headlines[1].value
    assert metrics["vaf"]["mean"] > 0.98 and metrics["vaf_held_out"]["mean"] > 0.95
    assert metrics["nulls"]["instants_shuffled"]["vaf"] < 0.9
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
    assert several.metrics["synergies"] == {"mean": None} and len(several.headlines) == 1
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
