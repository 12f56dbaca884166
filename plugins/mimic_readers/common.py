"""What several readers need: rates, names, choices, trust, optional libraries."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mimic_core import DataError, blaming, did_you_mean
from mimic_guard.text import parse_yaml

SAY = "--set register.reader."
UNITS = {
    "m": ("m", "meter", "meters", "metre", "metres"),
    "cm": ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    "mm": ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    "um": ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"),
}
"""Units, and the words that stand for them in files."""
MOST_LEFT_OUT = 50  # times the frames that are there
_LARGEST_JITTER = 0.25  # of a frame
_LARGEST_DIFFERENCE = 0.01  # between two rates
_SLOWEST_HZ = 1.0


@contextlib.contextmanager
def optional(extra: str, path: Path) -> Iterator[None]:
    """Say in one line which extra holds a library that is not installed."""
    try:
        yield
    except ImportError as e:
        raise DataError(
            f"{path}: to read it, mimic needs {e.name or 'a library'}, which is not installed; "
            f"run pip install 'mimic-neuro[{extra}]'"
        ) from e


def stated_rate(rate_hz: float | None, path: Path) -> float:
    """Return the rate that the user gave for a format whose files do not hold it.

    Raises:
        DataError: none was given.
    """
    if rate_hz is None:
        raise DataError(f"{path}: does not hold the camera's rate; give it with {SAY}rate_hz=RATE")
    return rate_hz


def known_rate(given: float | None, found: float | None, path: Path, said: str = "") -> tuple[float, list[str]]:
    """Return the rate that was given, else that of the file, and remarks: ``said`` of the latter, or that they differ.

    Raises:
        DataError: there is neither, or the file's is none.
    """
    if given is None and found is not None and not 0 < found < np.inf:
        raise DataError(f"{path}: its rate is {found:g} Hz; correct it, or give the rate with {SAY}rate_hz=RATE")
    if given is None or found is None:
        return stated_rate(found if given is None else given, path), [said] if said and given is None else []
    differs = not said and abs(found / given - 1) > _LARGEST_DIFFERENCE
    return given, [f"taken as {given:g} Hz as rate_hz says; the file itself says {found:g} Hz"] if differs else []


def frame_rate(time: np.ndarray, path: Path, what: str = "column time", first_row: int = 2) -> float:
    """Return frames per second of evenly spaced times (frame,) s.

    Times are often written with few decimals. If a whole number agrees with them within their rounding, it is returned.

    Args:
        time: s.
        path: the file, for messages.
        what: where in the file the times are.
        first_row: number of the first time's row; in a spreadsheet the header is row 1.

    Raises:
        DataError: a time is missing, times do not rise evenly, or they cannot be seconds.
    """
    otherwise = f"or give the rate with {SAY}rate_hz=RATE"
    if not np.isfinite(time).all():
        row = first_row + int(np.flatnonzero(~np.isfinite(time))[0])
        raise DataError(f"{path}: {what} is empty in row {row}; fill it in, {otherwise}")
    step = np.diff(time)
    if not len(step) or (step <= 0).any():
        row = first_row + int((step <= 0).argmax()) + 1 if len(step) else first_row
        raise DataError(f"{path}: {what} does not rise at row {row}; sort the rows, {otherwise}")
    duration = time[-1] - time[0]
    rate = len(step) / duration
    jitter = np.abs(time - time[0] - np.arange(len(time)) / rate)
    if jitter.max() > _LARGEST_JITTER / rate:
        worst = int(np.abs(step - np.median(step)).argmax())
        raise DataError(
            f"{path}: {what} is irregular: a step of {step[worst]:.4g} s at row {first_row + worst + 1}, usually "
            f"{np.median(step):.4g} s; fill dropped frames with empty cells, {otherwise}"
        )
    if rate < _SLOWEST_HZ:
        raise DataError(
            f"{path}: {1 / rate:.4g} s between frames; {what} must be in seconds; divide milliseconds by 1000, "
            f"{otherwise}"
        )
    unsure = rate * 2 * max(jitter.max(), np.finfo(float).eps * np.abs(time).max()) / duration
    return float(round(rate)) if abs(rate - round(rate)) <= unsure else float(rate)


def timed(
    rows: np.ndarray, time: np.ndarray, given: float | None, path: Path, what: str = "column time", first_row: int = 2
) -> tuple[np.ndarray, float, list[str]]:
    """Return rows (frame, …) at their places by evenly spaced times (frame,) s, the rate, and remarks.

    With a rate ``given``, times only tell which frames were left out, in any unit; where they are uneven, each row is a
    frame, which a remark says.

    Raises:
        DataError: no rate is given, and `frame_rate` refuses the times.
    """
    if given is None:
        return rows, frame_rate(time, path, what, first_row), []
    even = np.isfinite(time).all() and len(time) > 1 and (np.diff(time) > 0).all()
    place = places(time) if even else None
    if place is None:
        return rows, given, [f"{what} is uneven, and each row counts as a frame at {given:g} Hz"]
    found = place[-1] / (time[-1] - time[0])
    differs = min(abs(found * of / given - 1) for of in (1.0, 1e3)) > _LARGEST_DIFFERENCE  # s or ms
    said = [f"taken as {given:g} Hz as rate_hz says; {what} says {found:.6g} Hz"] if differs else []
    return placed(rows, place, path, what, first_row), given, said


def places(time: np.ndarray) -> np.ndarray | None:
    """Return the frame (row,) that each of some rising times is of, counted from the first; None if they are uneven."""
    step = np.diff(time)
    place = np.concatenate([[0.0], np.cumsum(np.round(step / np.median(step)))])
    per_frame = (time[-1] - time[0]) / place[-1] if place[-1] else np.nan
    even = np.abs(time - time[0] - place * per_frame).max() <= _LARGEST_JITTER * per_frame
    return place if even and (np.diff(place) > 0).all() else None


def labelled(names: Sequence[str]) -> tuple[list[int], list[str], list[str]]:
    """Return which markers have a name of their own, those names, and remarks.

    Empty names and those that begin with ``*``, which capture systems give to what nobody labelled, are left out. A
    subject that stands before every name (``mouse:Wrist``) is taken off.
    """
    keep = [i for i, n in enumerate(names) if n and not n.startswith("*")]
    kept, said = [names[i] for i in keep], []
    if len(keep) < len(names):
        said.append(f"{len(names) - len(keep)} markers without a name are left out")
    subjects = {n.partition(":")[0] if ":" in n else "" for n in kept}
    if len(subjects) == 1 and (subject := subjects.pop()):
        kept = [n.partition(":")[2].strip() for n in kept]
        said.append(f"{subject}: is taken off the names of its markers")
    return keep, kept, said


def unit_of(word: str | None) -> str:
    """Return the unit that a word stands for; empty for none."""
    lower = str(word or "").strip().lower()
    return next((unit for unit, words in UNITS.items() if lower in words), "")


def placed(rows: np.ndarray, numbers: np.ndarray, path: Path, what: str, first_row: int = 2) -> np.ndarray:
    """Return rows (frame, …) at the places that their frame numbers tell; frames that were left out are NaN.

    Args:
        numbers: (frame,) whole and rising; the first one is where the clip begins.
        what: where in the file the numbers are, for messages.
        first_row: number of the first one's row; in a spreadsheet the header is row 1.

    Raises:
        DataError: a number is missing, not whole, does not rise, or most frames were left out.
    """
    numbers = np.asarray(numbers, float)
    bad = ~np.isfinite(numbers) | (numbers != np.round(numbers))
    if bad.any():
        raise DataError(f"{path}: {what} holds no whole number in row {first_row + int(bad.argmax())}; correct it")
    step = np.diff(numbers)
    if (step <= 0).any():
        raise DataError(
            f"{path}: {what} does not rise at row {first_row + int((step <= 0).argmax()) + 1}; sort the rows"
        )
    if not len(step) or (step == 1).all():
        return rows
    place = (numbers - numbers[0]).astype(int)
    if place[-1] + 1 > MOST_LEFT_OUT * len(rows):
        raise DataError(f"{path}: {what} leaves out nearly all frames up to {numbers[-1]:g}; correct it")
    out = np.full((place[-1] + 1, *rows.shape[1:]), np.nan)
    out[place] = rows
    return out


def distinct(names: Sequence[str], path: Path, what: str) -> list[str]:
    """Return keypoint names, all different regardless of case.

    Raises:
        DataError: there is none, one is empty, or one is there twice.
    """
    if not names or not all(names) or len({n.lower() for n in names}) != len(names):
        raise DataError(f"{path}: {what} must be different names, got {', '.join(names) or 'none'}; correct them")
    return list(names)


def stated_names(names: str | tuple[str, ...], path: Path, n_keypoints: int) -> list[str]:
    """Return the keypoint names that the user gave, as a list or as the path of a file.

    Raises:
        DataError: there are none, or not as many as keypoints, or the file cannot be read.
    """
    given = _names_in(near(names, path), path) if isinstance(names, str) else list(names)
    if not given:
        raise DataError(
            f"{path}: does not hold the names of its {n_keypoints} keypoints; give them with "
            f"{SAY}names=FILE (.yaml with KP_NAMES, .txt with one name a line, or Label3D's skeleton .mat)"
        )
    if len(given) != n_keypoints:
        raise DataError(
            f"{path}: has {n_keypoints} keypoints, but {len(given)} names are given; give one for each, "
            "in the file's order"
        )
    return distinct(given, path, "names")


def _names_in(names_file: Path, path: Path) -> list[str]:
    if names_file.suffix.lower() == ".mat" and names_file.is_file():
        from mimic_readers.mat_files import joint_names

        if not (found := joint_names(names_file)):
            raise DataError(f"{names_file}: has no joint_names, which a skeleton of Label3D has; give another file")
        return found
    try:
        text = names_file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise DataError(
            f"{names_file}: the names of the keypoints of {path} cannot be read from it; check {SAY}names"
        ) from e
    if names_file.suffix.lower() not in (".yaml", ".yml"):
        return [line.strip() for line in text.splitlines() if line.strip()]
    with blaming("cannot be read", names_file):
        found = parse_yaml(text)
    found = found.get("KP_NAMES") if isinstance(found, dict) else found
    if not isinstance(found, list):
        raise DataError(f"{names_file}: has no list KP_NAMES; add it, with the names in the order of the keypoints")
    return [str(n) for n in found]


def near(given: str, path: Path) -> Path:
    """Return a path as given; if nothing is there, the same path beside the keypoint file, if something is there."""
    beside = path.parent / given
    return beside if not Path(given).exists() and beside.exists() else Path(given)


def pick_track(n_tracks: int, track: int | None, path: Path) -> int:
    """Return which of several animals to read.

    Raises:
        DataError: it is not clear, or there is no such one.
    """
    if track is None and n_tracks > 1:
        raise DataError(f"{path}: holds {n_tracks} animals; choose one with {SAY}track=0 (to {n_tracks - 1})")
    if track is not None and track >= n_tracks:
        raise DataError(f"{path}: holds {n_tracks} animals, counted from 0; there is no track {track}")
    return track or 0


def pick_named(known: Sequence[str], wanted: str, path: Path, what: str) -> str:
    """Return the name of the wanted one of several, or of the only one.

    Raises:
        DataError: it is not clear, or there is no such one.
    """
    if wanted and wanted not in known:
        raise DataError(f"{path}: has no {what} {wanted!r}{did_you_mean(wanted, known)}")
    if not wanted and len(known) != 1:
        raise DataError(f"{path}: holds several ({', '.join(known)}); choose one with {SAY}{what}=NAME")
    return wanted or known[0]


def trust(score: np.ndarray, error_px: np.ndarray, scale_px: float) -> np.ndarray:
    """Return a confidence, 0 to 1, from the tracker's score and the reprojection error of a triangulated point.

    score / (1 + (error / scale)²): the score times the Cauchy weight (Holland & Welsch 1977, Commun Stat A 6: 813–827).
    Of a keypoint that never has a score, or never an error, the other one alone counts; else 0 where either is missing.
    """
    score = np.where(np.isnan(score).all(0), 1.0, score)
    error_px = np.where(np.isnan(error_px).all(0), 0.0, error_px)
    return np.nan_to_num(np.clip(score, 0, 1) / (1 + (error_px / scale_px) ** 2))
