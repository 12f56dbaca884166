"""The spectral analysis on signals whose spectra are known."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import ConfigError, DataError
from mimic_core.config import structure
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_spectral.analysis import density, spectra
from mimic_spectral.settings import Settings

RATE = 400.0


def with_signals(signals, clip_steps=(401, 401), signal="excitation", **change):
    """Rollouts in which actuator i does ``signals[i](t)``; nothing is applied at the first entry."""
    r = synthetic_rollouts(clip_steps, rate_hz=RATE, joints=("shoulder", "elbow")[: len(signals) // 2])
    values = np.stack([np.broadcast_to(f(r.time), r.time.shape) for f in signals], axis=-1)
    values = np.where(np.arange(len(r.time))[:, None] < r.n_steps[:, None, None], values, np.nan)
    values[:, 0] = np.nan
    return attrs.evolve(r, **{signal: values}, **change)


def sine(hz, amplitude):
    return lambda t: 0.5 + amplitude * np.sin(2 * np.pi * hz * t)


def test_share_of_two_sines_is_that_of_their_squares():
    """0.3 at 4 Hz and 0.1 at 50 Hz: 0.01 of 0.1, power 0.005 above the cut; 0.2 at 5 Hz has nothing there."""
    both = lambda t: 0.5 + 0.3 * np.sin(2 * np.pi * 4 * t) + 0.1 * np.cos(2 * np.pi * 50 * t)  # noqa: E731
    r = with_signals([both, sine(5, 0.2), sine(40, 0.1), lambda t: 0 * t + 0.4])
    result = analyse("spectral", rollouts=r)
    metrics = result.metrics
    first, slow, fast, still = r.actuator_names
    share, power = metrics["share"]["actuators"], metrics["power"]["actuators"]
    assert share[first]["mean"] == pytest.approx(0.1, rel=1e-6)
    assert power[first]["mean"] == pytest.approx(0.005, rel=1e-6)
    assert metrics["total_power"]["actuators"][first]["mean"] == pytest.approx(0.05, rel=1e-6)
    assert share[slow]["mean"] == pytest.approx(0.0, abs=1e-9)
    assert share[fast]["mean"] == pytest.approx(1.0, rel=1e-6)
    assert np.isnan(share[still]["mean"])
    # the constant has no share and does not count in the mean
    assert metrics["share"]["mean"] == pytest.approx(1.1 / 3, rel=1e-6)
    (headline,) = result.headlines
    assert (headline.value, headline.unit) == (pytest.approx(110 / 3, rel=1e-6), "%")
    assert metrics["power"]["mean"] == pytest.approx((0.005 + 0.005) / 4, rel=1e-6)


def test_band_ends_at_the_top():
    r = with_signals([sine(50, 0.1), sine(100, 0.1)])
    share = analyse("spectral", Settings(top_hz=80.0), rollouts=r).metrics["share"]["actuators"]
    assert [share[n]["mean"] for n in r.actuator_names] == pytest.approx([1.0, 0.0], abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(8, 120),
    extra=st.integers(0, 30),
    seed=st.integers(0, 1000),
    window=st.sampled_from(["hann", "boxcar", "hamming"]),
)
def test_power_is_the_mean_square_of_the_tapered_signal(n, extra, seed, window):
    """Parseval, with and without appended zeros, for even and odd lengths."""
    from scipy.signal import get_window

    x = np.random.default_rng(seed).standard_normal(n)
    _, found = density(x, RATE, Settings(window=window), n + extra)
    taper = get_window(window, n)
    expected = np.mean((taper * (x - x.mean())) ** 2) / np.mean(taper**2)
    assert found.sum() * RATE / (n + extra) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.01, 10), seed=st.integers(0, 100))
def test_share_does_not_depend_on_size(scale, seed):
    r = synthetic_rollouts((120, 100), noise=0.05, seed=seed)
    a, b = (spectra(x, Settings()) for x in (r, attrs.evolve(r, excitation=scale * r.excitation)))
    np.testing.assert_allclose(a.share, b.share, rtol=1e-9)
    np.testing.assert_allclose(b.high, scale**2 * a.high, rtol=1e-9)


def test_a_ramp_has_no_high_frequencies_with_a_taper_and_seems_to_without():
    r = with_signals([lambda t: t, lambda t: t], clip_steps=(120,))
    tapered, cut_off = (spectra(r, Settings(window=w)).share[0] for w in ("hann", "boxcar"))
    assert tapered < 0.005 < 0.1 < cut_off


def test_short_clips_are_counted_not_used():
    r = with_signals([sine(50, 0.1), sine(4, 0.1)], clip_steps=(401, 60))
    result = analyse("spectral", rollouts=r)
    assert (result.metrics["clips"], result.metrics["clips_left_out"]) == (1, 1)
    assert "1 clips shorter than 2 periods of 10 Hz were left out" in result.methods


def test_no_clip_long_enough_is_refused():
    r = with_signals([sine(50, 0.1)] * 2, clip_steps=(60, 50))
    with pytest.raises(DataError, match=r"no clip has the 80 samples .* the longest has 59; raise analyze\.spectral"):
        analyse("spectral", rollouts=r)


def test_a_cut_beyond_half_the_rate_is_refused():
    r = with_signals([sine(50, 0.1)] * 2)
    with pytest.raises(DataError, match=r"cut_hz: 300 Hz is not below half the control rate .*\(200 Hz\)"):
        analyse("spectral", Settings(cut_hz=300.0), rollouts=r)


def test_settings_are_checked():
    with pytest.raises(ConfigError, match=r"x\.top_hz: must be more than cut_hz \(20\), got 15"):
        structure({"cut_hz": 20.0, "top_hz": 15.0}, Settings, "x")
    r = with_signals([sine(50, 0.1)] * 2)
    with pytest.raises(ConfigError, match=r"scipy knows no taper 'hannn'; try hann"):
        analyse("spectral", Settings(window="hannn"), rollouts=r)


def test_several_rollouts_have_an_interval():
    """Shares of 0 and 1 for one actuator: mean 0.5 ± 12.706·0.7071/√2 (Student's t, one degree of freedom)."""
    a = with_signals([sine(50, 0.1), sine(4, 0.1)])
    b = with_signals([sine(4, 0.1), sine(4, 0.1)])
    result = analyse("spectral", rollouts=(a, b))
    share = result.metrics["share"]["actuators"][a.actuator_names[0]]
    assert (share["mean"], share["high"]) == pytest.approx((0.5, 0.5 + 12.7062 * 0.5), rel=1e-4)
    assert len(result.tables["by_rollouts"].rows) == 2
    assert set(result.figures) == set(result.captions)


def test_rollouts_of_another_body_are_refused():
    a, b = with_signals([sine(50, 0.1)] * 2), with_signals([sine(50, 0.1)] * 4)
    with pytest.raises(DataError, match="rollouts 2: its actuator names are"):
        analyse("spectral", rollouts=(a, b))


def test_activation_counts_its_first_entry():
    r = with_signals([sine(50, 0.1)] * 2, signal="activation")
    result = analyse("spectral", Settings(signal="activation"), rollouts=r)
    assert result.metrics["share"]["mean"] == pytest.approx(1.0, rel=1e-6)
    assert "activation" in result.figures["share"].axes[0].get_title(loc="left")
