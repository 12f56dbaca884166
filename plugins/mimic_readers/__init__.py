"""Readers of 3D keypoint files: STAC-MJX ``.h5``, wide ``.csv``, and the project's own ``.h5``."""

from __future__ import annotations

import attrs

from mimic_core import ReaderSpec, hookimpl

_positive = attrs.validators.gt(0)


@attrs.frozen
class StacMjxSettings:
    """Settings of the `stac_mjx` reader.

    Attributes:
        rate_hz: camera rate; the files do not hold it.
    """

    rate_hz: float = attrs.field(default=200.0, validator=_positive)


@attrs.frozen
class WideCsvSettings:
    """Settings of the `wide_csv` reader.

    Attributes:
        rate_hz: camera rate; None takes it from the time column. With a rate the time column is not looked at.
    """

    rate_hz: float | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))


def build_stac_mjx(config):
    from mimic_readers.stac_mjx import read

    return lambda path: read(path, config.rate_hz)


def accepts_stac_mjx(path):
    from mimic_readers.stac_mjx import accepts

    return accepts(path)


def build_wide_csv(config):
    from mimic_readers.wide_csv import read

    return lambda path: read(path, config.rate_hz)


def accepts_wide_csv(path):
    from mimic_readers.wide_csv import accepts

    return accepts(path)


def build_mimic(config):
    from mimic_core import Keypoints

    return Keypoints.load


def accepts_mimic(path):
    from mimic_core import DataError, Keypoints
    from mimic_core.storage import open_hdf5

    try:
        with open_hdf5(path) as f:
            return f.attrs.get("mimic_kind") == Keypoints.KIND
    except DataError:
        return False  # a damaged file is another reader's to complain of


@hookimpl
def mimic_readers():
    yield ReaderSpec(
        name="mimic",
        build=build_mimic,
        suffixes=(".h5", ".hdf5"),
        accepts=accepts_mimic,
        summary="keypoints that 'mimic generate' wrote (.h5)",
    )
    yield ReaderSpec(
        name="stac_mjx",
        config=StacMjxSettings,
        build=build_stac_mjx,
        suffixes=(".h5", ".hdf5"),
        accepts=accepts_stac_mjx,
        summary="STAC-MJX .h5 (datasets kp_data and kp_names)",
        source="file layout of talmolab/stac-mjx",
    )
    yield ReaderSpec(
        name="wide_csv",
        config=WideCsvSettings,
        build=build_wide_csv,
        suffixes=(".csv",),
        accepts=accepts_wide_csv,
        summary="wide .csv (columns time, <keypoint>_x, <keypoint>_y, <keypoint>_z; s and m)",
    )
