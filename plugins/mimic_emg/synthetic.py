"""The reader `synthetic_emg`: recordings made up from muscles whose activation is known."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import attrs
import numpy as np

from mimic_core import ConfigError, DataError, Emg, Rollouts, did_you_mean, write_text
from mimic_emg.pipeline import Trial, check_rate
from mimic_emg.raw import Recording, processed
from mimic_emg.settings import SyntheticEmg


def reader(config: SyntheticEmg) -> Callable[[Sequence[Path]], Emg]:
    """Return ``read(files) -> Emg`` for one file of rollouts."""

    def read(files: Sequence[Path]) -> Emg:
        if len(files) != 1:
            raise DataError(f"emg: synthetic_emg reads one file of rollouts, got {len(files)}; name one")
        return synthetic_emg(Rollouts.load(files[0]), config)

    return read


def synthetic_emg(rollouts: Rollouts, config: SyntheticEmg) -> Emg:
    """Record every reach of some rollouts, and make envelopes of it by the same way as of a real recording.

    Raises:
        ConfigError: the rollouts have no such muscle.
        DataError: the body has no muscles, or the rate is too low.
    """
    made = record(rollouts, config)
    if config.save_raw:
        write_raw(config.save_raw, made, rollouts.clip_names)
    found = processed(made, rollouts.clip_names, config)
    return attrs.evolve(found, synthetic=True, methods=f"{_methods(rollouts, config)} {found.methods}")


def record(rollouts: Rollouts, config: SyntheticEmg) -> dict[str, Recording]:
    """Make raw EMG (Gaussian noise in the pass-band, amplitude modulated) of every muscle and reach.

    The amplitude is noise + (1 − noise)·signal, in standard deviations of the carrier.
    """
    check_rate(config.recorded_rate_hz, "emg.recorded_rate_hz", config)
    rng = np.random.default_rng(config.seed)
    out = {}
    for name, muscle in _muscles(rollouts, config.muscles).items():
        signal = rollouts.of(config.signal, muscle)
        trials = []
        for c, clip in enumerate(rollouts.clip_names):
            duration_s = (int(rollouts.n_steps[c]) - 1) / rollouts.rate_hz
            t = np.arange(round((duration_s + 2 * config.lead_s) * config.recorded_rate_hz)) / config.recorded_rate_hz
            level = _at(signal[c, : rollouts.n_steps[c]], t - config.lead_s + config.delay_ms / 1e3, rollouts, config)
            amplitude = config.noise + (1 - config.noise) * np.clip(level, 0, 1)
            where = f"synthetic {name}, {clip}"
            trials.append(
                Trial(amplitude * _carrier(len(t), config, rng), config.lead_s, config.lead_s + duration_s, where)
            )
        out[name] = Recording(config.recorded_rate_hz, tuple(trials))
    return out


def _muscles(rollouts: Rollouts, wanted: Sequence[str]) -> dict[str, str]:
    """What a recording is called → muscle."""
    if not rollouts.muscle_names:
        raise DataError(f"rollouts of {rollouts.body_name}: its actuators are no muscles; synthetic EMG needs some")
    for name in wanted:
        if name not in rollouts.muscle_names:
            raise ConfigError(
                f"emg.muscles: no muscle {name!r} in the rollouts{did_you_mean(name, rollouts.muscle_names)}"
            )
    named = dict(rollouts.body.emg_muscles) if rollouts.body is not None else {}
    if wanted or not named:
        return {m: m for m in wanted or rollouts.muscle_names}
    return named


def _at(values: np.ndarray, t: np.ndarray, rollouts: Rollouts, config: SyntheticEmg) -> np.ndarray:
    """Signal (entry,) at times (sample,) s; its first and last value before and after.

    Activation is interpolated; an excitation holds during the control step that ends with its entry.
    """
    entry = t * rollouts.rate_hz
    if config.signal == "activation":
        return np.interp(entry, np.arange(len(values)), values)
    return values[np.clip(np.ceil(entry), 1, len(values) - 1).astype(int)]


def _carrier(n: int, config: SyntheticEmg, rng: np.random.Generator) -> np.ndarray:
    from scipy.signal import butter, sosfiltfilt

    band = butter(config.order, config.bandpass_hz, "bandpass", fs=config.recorded_rate_hz, output="sos")
    noise = sosfiltfilt(band, rng.standard_normal(n))
    return noise / noise.std()


def write_raw(folder: str | Path, recordings: dict[str, Recording], clips: Sequence[str]) -> list[Path]:
    """Write recordings as the reader `emg` takes them: ``emg_MUSCLE.csv`` and ``trials.csv``. Returns their paths."""
    folder = Path(folder)
    paths = []
    for name, recording in recordings.items():
        rows = [",".join(f"{v:.5g}" for v in trial.raw) for trial in recording.trials]
        paths.append(write_text(folder / f"emg_{name}.csv", "\n".join(rows) + "\n"))
    trials = next(iter(recordings.values())).trials
    table = StringIO()
    lines = csv.writer(table, lineterminator="\n")
    lines.writerow(["clip", "start_s", "end_s"])
    for clip, t in zip(clips, trials, strict=True):
        lines.writerow([clip, f"{t.start_s:.10g}", f"{t.end_s:.10g}"])
    return [*paths, write_text(folder / "trials.csv", table.getvalue())]


def _methods(rollouts: Rollouts, config: SyntheticEmg) -> str:
    low, high = config.bandpass_hz
    late = f", {config.delay_ms:g} ms ahead of it" if config.delay_ms else ""
    return (
        f"This EMG is made up: Gaussian noise of {low:g}–{high:g} Hz whose amplitude follows the {config.signal} of "
        f"simulated muscles of {rollouts.body_name}{late}, with {config.noise:g} of the full amplitude where they rest "
        f"(seed {config.seed}; a model of EMG as amplitude-modulated noise, Hogan & Mann 1980, "
        "doi:10.1109/TBME.1980.326652)."
    )
