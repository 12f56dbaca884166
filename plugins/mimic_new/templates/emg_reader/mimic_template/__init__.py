"""A reader of EMG: csv files with a column for each muscle, rectified and smoothed already; a file is a trial."""

import attrs
import numpy as np

from mimic_core import DataError, Emg, EmgReaderSpec, hookimpl


@attrs.frozen
class Template:
    """Settings of the reader.

    Attributes:
        rate_hz: samples per second.
    """

    rate_hz: float = attrs.field(default=200.0, validator=attrs.validators.gt(0))


def build(config):
    def read(files):
        trials = [_trial(file) for file in files]
        muscles = trials[0][0]
        for file, (names, _) in zip(files, trials, strict=True):
            if names != muscles:
                raise DataError(f"{file}: has muscles {', '.join(names)}, but {files[0]} has {', '.join(muscles)}")
        envelope = np.full((len(trials), max(len(rows) for _, rows in trials), len(muscles)), np.nan)
        for trial, (_, rows) in zip(envelope, trials, strict=True):
            trial[: len(rows)] = rows
        peak = np.nanmax(envelope, axis=(0, 1))
        return Emg(
            rate_hz=config.rate_hz,
            trial_names=[file.stem for file in files],
            muscle_names=muscles,
            envelope=envelope / np.where(peak > 0, peak, 1.0),
            methods="envelopes as recorded, as a share of each muscle's peak",
        )

    return read


def _trial(file):
    try:
        head, *lines = file.read_text(encoding="utf-8").splitlines()
        rows = np.array([[float(x) for x in line.split(",")] for line in lines])
        names = [name.strip() for name in head.split(",")]
        return names, rows.reshape(len(lines), len(names))
    except (OSError, ValueError) as e:
        why = " ".join(str(e).split())
        raise DataError(
            f"{file}: not as expected ({why}); expected muscles' names, then a row of numbers a line"
        ) from e


def example(folder):
    """Write small files, for the checks."""
    paths = [folder / "reach1.csv", folder / "reach2.csv"]
    for path, top in zip(paths, (0.5, 2.0), strict=True):
        path.write_text(f"biceps,triceps\n0,0\n{top},1\n0,0\n", encoding="utf-8")
    return paths


@hookimpl
def mimic_emg_readers():
    yield EmgReaderSpec(
        name="template",
        config=Template,
        build=build,
        reads="envelopes (.csv), a file a trial",
        example=example,
        summary="envelopes of EMG, a column a muscle",
    )
