"""A shared drive is not taken for coupling: its surrogate, partial cross mapping and control of false discoveries."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from simplex_cases import FLEXOR, LENGTHS, autoregressive, driven_maps, reaches, trial, uncoupled

from mimic_core import ConfigError
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_simplex.ccm import components, cross_maps, library_of, partial_map
from mimic_simplex.drive import REACH, split, surrogates
from mimic_simplex.findings import CrossMap, discoveries
from mimic_simplex.neighbours import Stack
from mimic_simplex.settings import CCMSettings

KINDS = ("smooth", "bent", "fast", "chaotic")


def stack_of(x, y):
    return Stack.of([trial(a, b, str(i)) for i, (a, b) in enumerate(zip(x, y, strict=True))])


def verdicts(x, y, seed, **changes):
    """Whether y goes beyond a shared drive when it is mapped from x, and x from y."""
    settings = CCMSettings(**{"draws": 4, "surrogates": 40, "drive_surrogates": 199, "seed": seed, **changes})
    sizes = (2, 4, 8, len(x) - 1)
    maps = [cross_maps(stack_of(*both), ("a", "b"), sizes, settings) for both in ((x, y), (y, x))]
    return maps, discoveries(maps, settings.false_discoveries)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_shared_drive_alone_is_not_reported(kind):
    """The trial-shuffled surrogate is exceeded, the one that keeps the drive is not."""
    maps, beyond = verdicts(*uncoupled(np.random.default_rng(1), kind=kind), 1)
    assert beyond == [False, False]
    if kind != "chaotic":
        assert all(m.beyond_repetition for m in maps)


@pytest.mark.parametrize("coupling", [0.1, 0.35])
def test_coupling_under_a_shared_drive_is_reported(coupling):
    """The second map pushes the first, so that it is found in it."""
    maps, beyond = verdicts(*driven_maps(np.random.default_rng(2), coupling), 2)
    assert beyond[0] and maps[0].largest > maps[1].largest


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_at_least_95_of_100_uncoupled_pairs_are_not_reported(kind):
    reported = sum(any(verdicts(*uncoupled(np.random.default_rng(s), kind=kind), s)[1]) for s in range(100))
    assert reported <= 5


@pytest.mark.slow
def test_most_coupled_pairs_are_reported():
    reported = sum(bool(verdicts(*driven_maps(np.random.default_rng(s), 0.1), s)[1][0]) for s in range(100))
    assert reported >= 80


@hypothesis_settings(max_examples=20, deadline=None)
@given(
    lengths=st.lists(st.integers(20, 40), min_size=2, max_size=5),
    drive_hz=st.floats(0, 60),
    seed=st.integers(0, 99),
)
def test_what_is_kept_and_the_remainder_are_the_signal(lengths, drive_hz, seed):
    """And no slow cosine of a trial, nor anything linear in the other signal, is left in the remainder."""
    from scipy.fft import dct

    rng = np.random.default_rng(seed)
    trials = [trial(rng.standard_normal(n), rng.standard_normal(n), str(i)) for i, n in enumerate(lengths)]
    stack = Stack.of(trials)
    parts = split(stack, drive_hz, 200.0)
    np.testing.assert_allclose(parts.kept + parts.rest, stack.targets[:, 0], atol=1e-9)
    assert parts.inner.sum() == sum(n - 2 * REACH for n in lengths)
    for i, n in enumerate(lengths):
        wave = dct(parts.rest[stack.trial == i], norm="ortho")
        np.testing.assert_allclose(wave[np.arange(n) * 100 / n < drive_hz], 0, atol=1e-9)


def test_surrogates_keep_the_drive_and_exchange_the_rest():
    rng = np.random.default_rng(0)
    drive = reaches(rng, 8, 60)
    own = 0.05 * autoregressive(rng, 8, 60, 0.0)
    stack = stack_of(drive, drive + own)
    parts = split(stack, 20.0, 200.0)
    assert np.corrcoef(parts.kept, drive.ravel())[0, 1] > 0.99
    assert np.corrcoef(parts.rest, own.ravel())[0, 1] > 0.75
    (values,) = surrogates(stack, parts, 1, rng)
    rest = (values - parts.kept).reshape(8, 60)
    given_rest = parts.rest.reshape(8, 60)
    same = np.abs(rest[:, None] - given_rest[None]).max(-1) < 1e-9
    assert (same.sum(0) == 1).all() and not np.diag(same).any()


def test_a_third_series_that_is_the_drive_is_kept():
    """Two signals follow a fast drive through a square and a sine, which no map of one another shows."""
    rng = np.random.default_rng(3)
    drive = rng.uniform(-1, 1, (12, 60))
    stack = stack_of(np.sin(3 * drive), drive**2)
    alone, told = (split(stack, 0.0, 200.0, g) for g in (None, drive.reshape(-1, 1)))
    assert told.rest[told.inner].std() < 1e-6 < 0.05 < alone.rest[alone.inner].std()


def test_partial_cross_mapping_takes_away_what_a_third_series_tells():
    """A chain x → z → y has nothing left given z; x → y beside an unrelated series keeps all of it."""
    rng = np.random.default_rng(4)
    x = np.cumsum(0.3 * rng.standard_normal((14, 60)), axis=1)
    z = x + 0.02 * rng.standard_normal(x.shape)
    y = z + 0.3 * rng.standard_normal(x.shape)
    stack, settings = stack_of(y, x), CCMSettings()
    found = library_of(stack, settings, 13, rng)
    chain, unrelated = (
        partial_map(stack, found, series.reshape(-1, 1), settings).mean() for series in (z, rng.random(x.shape))
    )
    assert chain < 0.25 and unrelated > 0.7


def test_components_hold_the_variance_of_all_series():
    rng = np.random.default_rng(5)
    two = rng.standard_normal((200, 2))
    found = components(np.column_stack([two, two @ rng.standard_normal((2, 4)), np.ones(200)]))
    assert found.shape == (200, 2)
    fit = np.linalg.lstsq(np.column_stack([found, np.ones(200)]), two, rcond=None)
    assert fit[1].max() < 1e-12


def mapping(drive, rho=0.7):
    rising = np.linspace(0.2, rho, 5)[:, None] + 0.001 * np.array([-1, 0, 1, 0])
    return CrossMap("a", "b", (2, 4, 8, 16, 32), rising, np.full(20, 0.1), np.asarray(drive))


def test_false_discoveries_by_hand():
    """P = 1/100, 3/100 and 1; by Benjamini & Hochberg q = 3/100, 4.5/100 and 1."""
    maps = [mapping(np.r_[np.full(99 - n, 0.1), np.full(n, 0.9)]) for n in (0, 2, 99)]
    assert [m.p for m in maps] == pytest.approx([0.01, 0.03, 1.0])
    q, beyond = discoveries(maps, 0.04)
    assert q == pytest.approx([0.03, 0.045, 1.0]) and beyond == [True, False, False]
    assert discoveries([attrs.evolve(maps[0], sizes=(2, 4, 8), rho=maps[0].rho[:3])], 0.04)[1] == [None]
    assert discoveries([attrs.evolve(maps[0], rho=maps[0].rho[::-1])], 0.04)[1] == [False]
    assert mapping([np.nan, 0.1]).p == pytest.approx(2 / 3)  # what has no number counts against the mapping


def test_ccm_says_what_it_shows_and_no_more(tmp_path):
    rollouts = synthetic_rollouts(LENGTHS)
    s = CCMSettings(pairs=(f"joint:elbow {FLEXOR}",), draws=3, surrogates=5, drive_surrogates=19, workers=1)
    result = analyse("ccm", s, rollouts=rollouts)
    (headline,) = result.headlines
    assert set(headline.nulls) == {"other trial", "shared drive kept"} and headline.better == "higher"
    m = result.metrics["elbow_flexor from elbow"]
    assert m["q"] >= m["p"] >= 1 / 20 and m["beyond_drive"] is False  # 19 surrogates cannot reach q = 0.02
    assert "0 beyond what a drive shared within each trial may explain" in result.sentence
    assert "not that it acts on it" in result.sentence
    words = [result.methods, *(t.caption for t in result.tables.values()), *result.captions.values()]
    assert not any(bad in text for text in words for bad in ("acts on", "drives ", "causes"))
    assert m["partial_low"] <= m["partial"] <= m["partial_high"]
    result.save(tmp_path)
    named = analyse("ccm", attrs.evolve(s, given=("joint:shoulder",)), rollouts=rollouts)
    assert "mapped from shoulder" in named.methods and "mapped from two principal" in result.methods
    with pytest.raises(ConfigError, match=r"analyze\.ccm\.given"):
        analyse("ccm", attrs.evolve(s, given=("joint:knee",)), rollouts=rollouts)
