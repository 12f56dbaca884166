"""Settings of the readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

_positive = [attrs.validators.gt(0), attrs.validators.le(1e5)]  # Hz or px; infinite and NaN are neither
_optional_positive = attrs.validators.optional(_positive)
_optional_index = attrs.validators.optional(attrs.validators.ge(0))


def _as_names(given: Any) -> Any:
    return tuple(given) if isinstance(given, list) else given


def _are_names(instance: Any, attribute: attrs.Attribute, given: Any) -> None:
    if not isinstance(given, str) and not (isinstance(given, tuple) and all(isinstance(n, str) for n in given)):
        raise ValueError(f"must be a list of names, or the path of a .yaml, .txt or .mat file, got {given!r}")


@attrs.frozen
class StacMjx:
    """Settings of the `stac_mjx` reader.

    Attributes:
        rate_hz: camera rate; must be given, since STAC-MJX's files do not hold it. Those of the published mouse arm
            (200 Hz) and those that mimic wrote are known.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)


@attrs.frozen
class WideCsv:
    """Settings of the `wide_csv` reader.

    Attributes:
        rate_hz: camera rate; None takes it from the time column. With a rate the time column is not looked at.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)


@attrs.frozen
class DlcCsv:
    """Settings of the `dlc_csv` reader.

    Attributes:
        rate_hz: camera rate; must be given, since the files do not hold it.
        individual: which animal, for files of several.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)
    individual: str = ""


@attrs.frozen
class JarvisCsv:
    """Settings of the `jarvis_csv` reader.

    Attributes:
        rate_hz: camera rate; must be given, since the files do not hold it.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)


@attrs.frozen
class LongCsv:
    """Settings of the `long_csv` reader.

    Attributes:
        rate_hz: camera rate; None takes it from a column time or timestamp.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)


@attrs.frozen
class Trc:
    """Settings of the `trc` reader.

    Attributes:
        rate_hz: camera rate; None takes it from the header, and the column Time must agree. With a rate the column
            is not looked at.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)


@attrs.frozen
class AniposeCsv:
    """Settings of the `anipose_csv` reader.

    Attributes:
        rate_hz: camera rate; must be given, since the files do not hold it.
        error_scale_px: reprojection error that halves the confidence.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)
    error_scale_px: float = attrs.field(default=5.0, validator=_positive)


@attrs.frozen
class SleapAnipose:
    """Settings of the `sleap_anipose` reader.

    Attributes:
        rate_hz: camera rate; must be given, since the files do not hold it.
        names: keypoint names, or the path of a .yaml or .txt file with them; empty takes the file's ``node_names``.
        track: which animal, counted from 0, for files of several.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)
    names: Any = attrs.field(default=(), converter=_as_names, validator=_are_names)
    track: int | None = attrs.field(default=None, validator=_optional_index)


@attrs.frozen
class Sleap:
    """Settings of the `sleap` reader.

    Attributes:
        rate_hz: camera rate; must be given, since the files do not hold it.
        calibration: path of the Anipose calibration; empty looks for calibration.toml in the file's folder, in a
            folder ``calibration`` beside it, and in the same places of the two folders above; without one, that of the
            file's own recording session counts.
        cameras: cameras to use; empty takes all of the calibration.
        views: camera → the word that stands for it in file and folder names, where that is not the camera's name.
        track: name of the animal's track, for files of several.
        video: the recording to read, by the name of its videos without the camera's, for files of several; empty reads
            all.
        min_score: points that SLEAP scores lower are not used.
        error_scale_px: reprojection error that halves the confidence; beyond it, a point is triangulated again
            without the camera that disagrees most with the others.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)
    calibration: str = ""
    cameras: tuple[str, ...] = ()
    views: Mapping[str, str] = attrs.field(factory=dict)
    track: str = ""
    video: str = ""
    min_score: float = attrs.field(default=0.0, validator=[attrs.validators.ge(0), attrs.validators.le(1)])
    error_scale_px: float = attrs.field(default=5.0, validator=_positive)


@attrs.frozen
class Mat:
    """Settings of the `mat` reader.

    Attributes:
        rate_hz: camera rate; must be given, since the files do not hold it.
        names: keypoint names, or the path of a .yaml or .txt file with them, or of a skeleton of Label3D (.mat); empty
            takes the file's own ``joint_names``.
        variable: the variable with the positions; without ``pred``, Label3D's ``data_3D``.
        track: which animal, counted from 0, for files of several.
        axes: ``xyz, keypoint`` or ``keypoint, xyz``: the order of the last two axes; needed for three keypoints alone.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)
    names: Any = attrs.field(default=(), converter=_as_names, validator=_are_names)
    axes: str = attrs.field(default="", validator=attrs.validators.in_(("", "xyz, keypoint", "keypoint, xyz")))
    variable: str = "pred"
    track: int | None = attrs.field(default=None, validator=_optional_index)


@attrs.frozen
class Movement:
    """Settings of the `movement` reader.

    Attributes:
        rate_hz: camera rate; None takes the file's ``fps``.
        individual: which animal, for files of several.
        software: let movement's own loader read the file: ``Anipose``, ``DeepLabCut``, ``NWB`` and so on; empty reads a
            netCDF file that movement saved.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)
    individual: str = ""
    software: str = ""


@attrs.frozen
class C3d:
    """Settings of the `c3d` reader.

    Attributes:
        rate_hz: camera rate; None takes the file's.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)


@attrs.frozen
class Sto:
    """Settings of the `sto` reader.

    Attributes:
        rate_hz: camera rate; None takes it from the column time.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)


@attrs.frozen
class Nwb:
    """Settings of the `nwb` reader.

    Attributes:
        rate_hz: camera rate; None takes it from the file.
        pose: name of the PoseEstimation (or Position), for files of several.
    """

    rate_hz: float | None = attrs.field(default=None, validator=_optional_positive)
    pose: str = ""
