"""The spectral analysis on signals whose power over time is known."""

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
from mimic_spectral.power import MEAN_COURSE, PHASES, SAMPLES, density, fast, padded, shuffled_phases, spectra
from mimic_spectral.settings import Settings

RATE = 400.0


def with_signals(signals, clip_steps=(401, 401), signal="excitation", **change):
    """Rollouts in which actuator i does ``signals[i](t)``; no excitation is applied at the first entry."""
    r = synthetic_rollouts(clip_steps, rate_hz=RATE, joints=("shoulder", "elbow")[: len(signals) // 2])
    values = np.stack([np.broadcast_to(f(r.time), r.time.shape) for f in signals], axis=-1)
    values = np.where(np.arange(len(r.time))[:, None] < r.n_steps[:, None, None], values, np.nan)
    if signal == "excitation":
        values[:, 0] = np.nan
    return attrs.evolve(r, **{signal: values}, **change)


def sine(hz, amplitude, until=np.inf):
    return lambda t: 0.5 + np.where(t < until, amplitude * np.sin(2 * np.pi * hz * t), 0.0)


def test_share_of_two_sines_is_that_of_their_squares():
    """0.3 at 4 Hz and 0.1 at 50 Hz: 0.01 of 0.1, power 0.005 above the cut; 0.2 at 3 Hz has almost nothing there."""
    both = lambda t: 0.5 + 0.3 * np.sin(2 * np.pi * 4 * t) + 0.1 * np.cos(2 * np.pi * 50 * t)  # noqa: E731
    r = with_signals([both, sine(3, 0.2), sine(40, 0.1), lambda t: 0 * t + 0.4])
    metrics = analyse("spectral", rollouts=r).metrics
    first, slow, quick, still = r.actuator_names
    share, power = metrics["share"]["actuators"], metrics["power"]["actuators"]
    assert share[first]["mean"] == pytest.approx(0.1, rel=0.02)
    assert power[first]["mean"] == pytest.approx(0.005, rel=0.02)
    assert metrics["total_power"]["actuators"][first]["mean"] == pytest.approx(0.05, rel=0.01)
    assert share[slow]["mean"] < 0.005
    assert share[quick]["mean"] == pytest.approx(1.0, rel=0.02)
    assert np.isnan(share[still]["mean"])
    # the constant has no share and does not count in the mean
    assert metrics["share"]["mean"] == pytest.approx(np.mean([share[n]["mean"] for n in (first, slow, quick)]))


def test_effort_of_a_sine_is_known():
    """Σu² of 0.5 + 0.2 sin and 0.4: 0.25 + 0.02 + 0.16, whatever the frequency."""
    for hz in (5, 60):
        metrics = analyse("spectral", rollouts=with_signals([sine(hz, 0.2), lambda t: 0 * t + 0.4])).metrics
        assert metrics["effort"]["mean"] == pytest.approx(0.43, rel=1e-3)


def test_the_reach_stands_apart_from_the_hold():
    """A 50 Hz sine of 0.1 that lasts as long as the reach: all of its power, 0.005, is there and none later."""
    metrics = analyse("spectral", rollouts=with_signals([sine(50, 0.1, until=0.3)] * 2)).metrics
    assert metrics["reach"]["power"]["mean"] == pytest.approx(0.005, rel=0.02)
    assert metrics["hold"]["power"]["mean"] < 1e-4
    assert metrics["power"]["mean"] == pytest.approx(0.3 * 0.005, rel=0.02)
    shifted = analyse("spectral", Settings(reach_ms=150.0), rollouts=with_signals([sine(50, 0.1, until=0.3)] * 2))
    assert shifted.metrics["hold"]["power"]["mean"] == pytest.approx(0.005 * 0.15 / 0.85, rel=0.03)


def test_the_beginning_of_a_clip_keeps_its_weight():
    """A burst in the first 50 ms counts as one in the middle does: no taper lies over the clip."""

    def burst(at):
        return lambda t: 0.5 + 0.2 * np.sin(2 * np.pi * 60 * (t - at)) * ((t >= at) & (t < at + 0.05))

    begin, middle = (spectra(with_signals([burst(at)] * 2), Settings()).windows["whole"] for at in (0.0025, 0.4))
    np.testing.assert_allclose(begin.high, middle.high, rtol=0.05)


def test_clips_as_long_as_the_reach_have_no_hold():
    metrics = analyse("spectral", rollouts=with_signals([sine(50, 0.1)] * 2, clip_steps=(101, 101))).metrics
    assert "hold" not in metrics and metrics["reach"]["power"] == metrics["power"]


def test_band_ends_at_the_top():
    r = with_signals([sine(50, 0.1), sine(140, 0.1)])
    share = analyse("spectral", Settings(top_hz=80.0), rollouts=r).metrics["share"]["actuators"]
    assert [share[n]["mean"] for n in r.actuator_names] == pytest.approx([1.0, 0.0], abs=0.02)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(80, 200), extra=st.integers(0, 30), seed=st.integers(0, 1000))
def test_density_is_the_mean_square_of_the_padded_signal(n, extra, seed):
    """Parseval, with and without appended zeros, for even and odd lengths."""
    x = np.random.default_rng(seed).standard_normal(n)
    longer, added = padded(x, RATE, Settings())
    np.testing.assert_allclose(longer[added : added + n], x - x.mean())
    assert longer[0] == longer[-1] == 0 and np.abs(longer).max() == pytest.approx(np.abs(x - x.mean()).max())
    nfft = len(longer) + extra
    _, found = density(x, RATE, Settings(), nfft)
    assert found.sum() * RATE / nfft == pytest.approx((longer**2).sum() / n, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.01, 10), seed=st.integers(0, 100))
def test_share_does_not_depend_on_size(scale, seed):
    r = synthetic_rollouts((120, 100), noise=0.05, seed=seed)
    a, b = (spectra(x, Settings(draws=1)).windows for x in (r, attrs.evolve(r, excitation=scale * r.excitation)))
    for window in ("reach", "whole"):
        np.testing.assert_allclose(a[window].share, b[window].share, rtol=1e-9)
        np.testing.assert_allclose(b[window].high, scale**2 * a[window].high, rtol=1e-9)
        np.testing.assert_allclose(b[window].effort, scale**2 * a[window].effort, rtol=1e-9)


def test_a_ramp_has_hardly_any_high_frequencies():
    """Repeated without padding, a clip that ends elsewhere than it began has a step in it."""
    t = np.arange(120) / RATE
    high = fast(t[None], RATE, Settings())
    assert (high**2).sum() / ((t - t.mean()) ** 2).sum() < 0.02
    spectrum = np.abs(np.fft.rfft(t - t.mean())) ** 2
    assert spectrum[np.fft.rfftfreq(120, 1 / RATE) >= 10].sum() / spectrum.sum() > 0.1


# --- null models ---


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 101), seed=st.integers(0, 1000))
def test_shuffled_phases_keep_the_spectrum_the_mean_and_the_effort(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, n)) + 0.3
    y = shuffled_phases(x, rng)
    np.testing.assert_allclose(np.abs(np.fft.rfft(y)), np.abs(np.fft.rfft(x)), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(y.mean(-1), x.mean(-1), atol=1e-9)
    np.testing.assert_allclose((y**2).sum(-1), (x**2).sum(-1), rtol=1e-9)
    assert not np.allclose(x, y)


def test_a_burst_in_the_reach_stands_out_from_shuffled_phases():
    """Its frequencies at random instants give 0.3 of its power to the reach, which is 0.3 of the clip."""
    metrics = analyse("spectral", Settings(draws=100), rollouts=with_signals([sine(50, 0.1, until=0.3)] * 2)).metrics
    found, null = metrics["reach"]["power"]["mean"], metrics["nulls"]["phases_shuffled"]["reach"]["power"]["mean"]
    assert null == pytest.approx(0.3 * found, rel=0.25)


def test_shuffled_samples_are_white_and_cost_the_same():
    """White noise at 400 Hz has 190 of 200 Hz above the cut."""
    result = analyse("spectral", rollouts=with_signals([sine(5, 0.2)] * 2))
    null = result.metrics["nulls"]["samples_shuffled"]
    assert null["share"]["mean"] == pytest.approx(0.95, abs=0.03)
    assert null["effort"]["mean"] == pytest.approx(result.metrics["effort"]["mean"], rel=1e-9)


def test_the_mean_course_lacks_what_differs_between_clips():
    """Clips of opposite phase cancel; clips that are the same have nothing of their own."""
    same = with_signals([sine(50, 0.1)] * 2)
    flipped = same.excitation.copy()
    flipped[1] = 1.0 - flipped[1]
    apart = attrs.evolve(same, excitation=flipped)
    powers = [analyse("spectral", rollouts=r).metrics["nulls"]["mean_course"]["power"]["mean"] for r in (same, apart)]
    assert powers == pytest.approx([0.005, 0.0], abs=2e-4)


def test_headlines_and_tables_stand_beside_all_nulls():
    result = analyse("spectral", rollouts=with_signals([sine(50, 0.1)] * 2))
    share, power = result.headlines
    assert set(share.nulls) == set(power.nulls) == {MEAN_COURSE, PHASES, SAMPLES}
    assert share.value == pytest.approx(100 * result.metrics["reach"]["share"]["mean"])
    assert "effort" in power.note
    assert [row[0] for row in result.tables["nulls"].rows] == ["the controller", MEAN_COURSE, PHASES, SAMPLES]
    assert set(result.figures) == set(result.captions) == {"course", "spectra", "share"}


# --- what is refused and counted ---


def test_short_clips_are_counted_not_used():
    r = with_signals([sine(50, 0.1), sine(4, 0.1)], clip_steps=(401, 60))
    result = analyse("spectral", rollouts=r)
    assert (result.metrics["clips"], result.metrics["clips_left_out"]) == (1, 1)
    assert "1 clips shorter than 2 periods of 10 Hz were left out" in result.methods
    assert "mean_course" not in result.metrics["nulls"]  # one clip is its own mean


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


def test_several_rollouts_have_an_interval():
    """Shares of 1 and 0 for one actuator: mean 0.5 ± 12.706·0.7071/√2 (Student's t, one degree of freedom)."""
    a = with_signals([sine(50, 0.1), sine(4, 0.1)])
    b = with_signals([sine(2, 0.1), sine(4, 0.1)])
    result = analyse("spectral", rollouts=(a, b))
    share = result.metrics["share"]["actuators"][a.actuator_names[0]]
    assert (share["mean"], share["high"]) == pytest.approx((0.5, 0.5 + 12.7062 * 0.5), rel=0.03)
    assert len(result.tables["by_rollouts"].rows) == 2
    assert set(result.figures) == set(result.captions)


def test_rollouts_of_another_body_are_refused():
    a, b = with_signals([sine(50, 0.1)] * 2), with_signals([sine(50, 0.1)] * 4)
    with pytest.raises(DataError, match="rollouts 2: its actuator names are"):
        analyse("spectral", rollouts=(a, b))


def test_activation_counts_its_first_entry():
    r = with_signals([sine(50, 0.1)] * 2, signal="activation")
    result = analyse("spectral", Settings(signal="activation"), rollouts=r)
    assert result.metrics["share"]["mean"] == pytest.approx(1.0, rel=0.02)
    assert "activation" in result.headlines[0].label
