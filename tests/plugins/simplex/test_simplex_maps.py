"""S-map and cross mapping: against pyEDM, its validation files, known dynamics and hand-worked values."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse
from simplex_cases import FLEXOR, LENGTHS, sample, trial, validation

from mimic_core import ConfigError, DataError
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_simplex.ccm import cross_map, cross_maps, library_of, other_trials, sizes_of
from mimic_simplex.findings import CrossMap
from mimic_simplex.local_maps import Vectors, smap
from mimic_simplex.neighbours import Cloud, Stack
from mimic_simplex.settings import CCMSettings, SMapSettings
from mimic_simplex.smap import nonlinearity


@pytest.fixture(scope="module")
def rollouts():
    return synthetic_rollouts(LENGTHS)


def test_smap_of_pyedm_validation():
    """pyEDM's PredictNonlinear_valid.csv: TentMapNoise, library 1-500, prediction 501-800, E = 4; its rho is r."""
    valid = validation("PredictNonlinear_valid.csv")
    x = sample("TentMapNoise", "TentMap", 1, 801)
    # Vectors of row 501 reach back to 498, and the target of row 500 is row 501.
    stack = Stack.of([trial(x[:501], x[:501], "l", predict=False), trial(x[497:801], x[497:801], "p", library=False)])
    settings = SMapSettings(E=4, Tp=1)
    vectors = Vectors.of(stack, settings)
    assert (vectors.library, len(vectors.clip)) == (497, 300)
    for theta in (0.01, 1.0, 6.0):
        ours = np.corrcoef(smap(vectors, theta), vectors.ahead[vectors.library :])[0, 1]
        # pyEDM leaves the farthest library vector out and shortens the library by Tp.
        assert ours == pytest.approx(float(valid["rho"][np.isclose(valid["theta"], theta)].iloc[0]), abs=2e-3)


def test_smap_without_locality_is_linear_regression():
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.standard_normal(120))
    stack = Stack.of([trial(x[:80], x[:80], "l", predict=False), trial(x[80:], x[80:], "p", library=False)])
    v = Vectors.of(stack, SMapSettings(E=2, Tp=3))
    design = np.column_stack([np.ones(len(v.vector)), v.vector])
    fit = np.linalg.lstsq(design[: v.library], v.ahead[: v.library], rcond=None)[0]
    np.testing.assert_allclose(smap(v, 0.0), design[v.library :] @ fit, atol=1e-9)


def test_cross_mapping_equals_pyedm_with_the_whole_library():
    """With the largest library nothing is drawn: every row but itself, which here is a clip of its own for the ban."""
    from pyEDM import CCM, sampleData

    data = sampleData["sardine_anchovy_sst"]
    theirs = CCM(data, columns="anchovy", target="np_sst", libSizes=[76], sample=1, E=3, Tp=0, tau=-1, parallel=False)
    x, y = data["anchovy"].to_numpy(float), data["np_sst"].to_numpy(float)
    stack = Stack.of([trial(x, y, "sea")])
    each = attrs.evolve(stack, clip=np.arange(len(x)))
    found = Cloud(each, 3, -1).neighbours(0, 4)
    ours = np.corrcoef(y[found.row], found.forecast(each.targets)[:, 0])[0, 1]
    assert ours == pytest.approx(float(theirs["anchovy:np_sst"].iloc[0]), abs=1e-10)


def logistic(n, seed, drive=None, coupling=0.0, r=3.8):
    x = np.empty(n)
    x[0] = np.random.default_rng(seed).uniform(0.2, 0.8)
    for i in range(1, n):
        pushed = coupling * drive[i - 1] if drive is not None else 0.0
        x[i] = x[i - 1] * (r - r * x[i - 1] - pushed)
    return x


def test_smap_tells_a_nonlinear_series_from_a_linear_one():
    rng = np.random.default_rng(0)

    def autoregressive(n):
        x = np.zeros(n)
        for i in range(1, n):
            x[i] = 0.8 * x[i - 1] + rng.standard_normal()
        return x

    settings = SMapSettings(E=2, Tp=1, theta=(0.0, 1.0, 4.0), resamples=500)
    for make, verdict in ((lambda i: logistic(60, i), "nonlinear"), (lambda i: autoregressive(60), "not shown")):
        series = [make(i) for i in range(12)]
        v = Vectors.of(Stack.of([trial(x, x, str(i), i < 6, i >= 6) for i, x in enumerate(series)]), settings)
        predicted = np.stack([smap(v, theta) for theta in settings.theta])
        found = nonlinearity(predicted, v.ahead[v.library :], v.clip, settings)
        assert found.verdict == verdict and found.clips == 6
        assert found.low <= found.gain <= found.high


def test_theta_is_chosen_on_the_other_clips():
    """Clip 0 gains at theta 1 alone, all others at theta 2: clip 0 is judged at 2, where it gains nothing."""
    observed, clip = np.tile(np.arange(4.0), 4), np.repeat([0, 1, 2, 3], 4)
    good, bad = np.array([0, 1, 3, 2.0]), np.array([1, 0, 3, 2.0])
    predicted = np.array([np.r_[bad, bad, bad, bad], np.r_[good, bad, bad, bad], np.r_[bad, good, good, good]])
    found = nonlinearity(predicted, observed, clip, SMapSettings(theta=(0.0, 1.0, 2.0)))
    assert found.gain == pytest.approx(3 * (np.arctanh(0.8) - np.arctanh(0.6)) / 4)
    assert (found.theta, found.clips) == (2.0, 4)


@pytest.mark.parametrize(("clips", "verdict"), [(2, "undecided"), (5, "undecided"), (6, "nonlinear")])
def test_few_clips_decide_nothing(clips, verdict):
    """Every clip gains, so the whole interval lies above 0 with any number of clips."""
    observed, clip = np.tile(np.arange(4.0), clips), np.repeat(np.arange(clips), 4)
    linear, local = np.array([1, 0, 3, 2.0]), np.array([0, 1, 3, 2.0])
    predicted = np.array([np.tile(linear, clips), np.tile(local, clips)])
    found = nonlinearity(predicted, observed, clip, SMapSettings(theta=(0.0, 1.0)))
    assert found.low > 0 and found.verdict == verdict


def test_smap_analysis_and_its_errors(rollouts):
    s = SMapSettings(variables=(FLEXOR,), theta=(0.0, 2.0), resamples=200, workers=1)
    result = analyse("smap", s, rollouts=rollouts)
    m = result.metrics[FLEXOR]
    assert m["clips"] == 2 and m["nonlinear"] is None and result.tables["nonlinearity"].rows[0][-1] == "undecided"
    assert m["gain_z_low"] <= m["gain_z"] <= m["gain_z_high"]
    assert "2 values of theta" in result.methods and [r[1] for r in result.tables["theta"].rows] == [0.0, 2.0]
    with pytest.raises(DataError, match="library vectors"):
        analyse("smap", attrs.evolve(s, E=8, tau=-8), rollouts=rollouts)
    for theta in ((1.0,), (0.0,), (-1.0, 0.0)):
        with pytest.raises(ValueError, match="theta"):
            SMapSettings(theta=theta)


def test_library_is_counted_in_clips_and_spares_the_clip_itself():
    x = np.random.default_rng(0).random((7, 30))
    stack = Stack.of([trial(v, v, str(i)) for i, v in enumerate(x)])
    for size in (1, 3, 6):
        found = library_of(stack, CCMSettings(E=2), size, np.random.default_rng(size))
        assert len(found.row) == 7 * 29
        used = {c: set(stack.clip[found.near[stack.clip[found.row] == c]].ravel().tolist()) for c in range(7)}
        assert all(c not in near and len(near) <= size for c, near in used.items())
        assert len(set.union(*used.values())) == size + 1


def test_cross_mapping_finds_the_driver():
    """x drives y and not the reverse (Sugihara et al. 2012): x is recovered from y, and better with more clips."""
    trials = []
    for i in range(14):
        x = logistic(40, i)
        trials.append((x, logistic(40, 100 + i, x, 0.35, 3.6)))
    settings = CCMSettings(E=2, draws=8, surrogates=40)
    found = {}
    for name, a, b in (("x from y", 1, 0), ("y from x", 0, 1)):
        stack = Stack.of([trial(t[a], t[b], str(i)) for i, t in enumerate(trials)])
        found[name] = cross_maps(stack, ("from", "mapped"), sizes_of(14, ()), settings)
    driver, driven = found["x from y"], found["y from x"]
    assert driver.converges and driver.beyond_repetition
    assert driver.rho[-1].mean() > driven.rho[-1].mean() + 0.2


def test_what_all_clips_share_does_not_go_beyond_repetition():
    """Two courses that only time links: each is recovered from the other, and as well from another clip."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, 40)
    trials = [
        trial(3 * t + 0.05 * rng.standard_normal(40), t**2 + 0.05 * rng.standard_normal(40), str(i)) for i in range(10)
    ]
    found = cross_maps(Stack.of(trials), ("a", "b"), (2, 5, 9), CCMSettings(E=2, draws=5, surrogates=60))
    assert found.rho[-1].mean() > 0.5
    assert found.rho[-1].mean() - found.surrogate.mean() < 0.1


def test_trial_shuffled_values_are_of_another_clip_at_the_same_time():
    stack = Stack.of([trial(np.zeros(n), 100 * i + np.arange(n), str(i)) for i, n in enumerate((5, 8, 8))])
    values = other_trials(stack, np.random.default_rng(0))
    known = np.isfinite(values)
    np.testing.assert_array_equal(values[known] % 100, stack.sample[known])
    assert (values[known] // 100 != stack.clip[known]).all()
    assert known.sum() >= 5 + 5 + 5


def test_criterion_of_convergence():
    rho = np.array([0.15, 0.3, 0.45, 0.6, 0.7])[:, None] + 0.01 * np.array([-1, 0, 1, 0])
    rising = CrossMap("a", "b", (2, 4, 8, 16, 32), rho, np.full(20, 0.1))
    assert rising.converges and rising.beyond_repetition
    assert rising.gain[0] == pytest.approx(0.55) and rising.trend[0] == pytest.approx(1.0)
    assert not attrs.evolve(rising, rho=rho[::-1]).converges
    assert not attrs.evolve(rising, rho=rho - 1).converges
    assert not attrs.evolve(rising, surrogate=np.full(20, 0.9)).beyond_repetition


def test_three_sizes_cannot_show_convergence():
    """Kendall's p of three numbers in order is 1/3! = 0.17, of four 1/4! = 0.04."""
    rho = np.array([0.15, 0.3, 0.45, 0.6])[:, None] + 0.01 * np.array([-1, 0, 1, 0])
    four = CrossMap("a", "b", (2, 4, 8, 16), rho, np.full(20, 0.1))
    three = attrs.evolve(four, sizes=(2, 4, 8), rho=rho[:3])
    assert four.trend[1] == pytest.approx(1 / 24) and four.converges is True
    assert three.trend[1] == pytest.approx(1 / 6) and three.converges is None


def test_four_sizes_where_there_are_clips_for_them():
    assert [sizes_of(n, ()) for n in (4, 5, 6)] == [(2, 3), (1, 2, 3, 4), (2, 3, 4, 5)]


def test_ccm_says_that_it_is_undecided(rollouts):
    s = CCMSettings(pairs=(f"joint:elbow {FLEXOR}",), library_trials=(2, 4, 7), draws=3, surrogates=5, workers=1)
    result = analyse("ccm", s, rollouts=rollouts)
    assert result.metrics["elbow_flexor from elbow"]["converges"] is None
    table = result.tables["ccm"]
    assert {row[table.columns.index("converges")] for row in table.rows} == {"undecided"}
    assert all("fewer than 4 library sizes convergence is undecided" in t for t in (table.caption, result.methods))


def test_cross_map_scores_finite_pairs():
    stack = Stack.of([trial(np.arange(12.0) % 7, np.arange(12.0), str(i)) for i in range(3)])
    found = Cloud(stack, 1, -1).neighbours(0, 2)
    full = cross_map(found, stack.targets[:, 0])
    gap = np.where(np.arange(36) < 3, np.nan, stack.targets[:, 0])
    assert np.isfinite(cross_map(found, gap)) and np.isfinite(full)


def test_ccm_analysis_and_its_errors(rollouts, tmp_path):
    s = CCMSettings(pairs=(f"joint:elbow {FLEXOR}",), draws=3, surrogates=5, workers=1)
    result = analyse("ccm", s, rollouts=rollouts)
    assert list(result.metrics)[:2] == ["elbow_flexor from elbow", "elbow from elbow_flexor"]
    assert result.metrics["settings"]["library_trials"] == [[2, 3, 4, 5, 7]]
    result.save(tmp_path)
    assert (tmp_path / "convergence.pdf").exists()
    for bad, says in (("joint:elbow", "is not two variables"), ("joint:elbow joint:knee", "no joint 'knee'")):
        with pytest.raises(ConfigError, match=says):
            analyse("ccm", attrs.evolve(s, pairs=(bad,)), rollouts=rollouts)
    with pytest.raises(DataError, match="library size"):
        analyse("ccm", attrs.evolve(s, library_trials=(3, 8)), rollouts=rollouts)
