"""The reader `emg`: raw recordings of single trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mimic_core import DataError, Emg, did_you_mean
from mimic_emg.pipeline import Trial, envelopes, first_s, methods, not_recorded
from mimic_emg.settings import Processing, RawEmg

if TYPE_CHECKING:
    import pandas as pd


@attrs.frozen
class Reach:
    """A row of a trial table.

    Attributes:
        row: of the table, from 0.
        start_s, end_s: when the reach begins and ends; from the start of the trial's recording, or of the whole one.
        number: of the trial, to be put into a pattern for its name.
        clip: its name, where the table has one.
    """

    row: int
    start_s: float
    end_s: float
    number: int
    clip: str = ""


@attrs.frozen(eq=False)
class Recording:
    """What was recorded of one muscle, trial by trial."""

    rate_hz: float
    trials: tuple[Trial, ...]


def reader(config: RawEmg) -> Callable[[Sequence[Path]], Emg]:
    """Return ``read(files) -> Emg``: one .nwb file, or .csv (or .sto) files with a trial table among them."""

    def read(files: Sequence[Path]) -> Emg:
        for path in files:
            if not path.is_file():
                raise DataError(f"{path}: no such file; check the path")
        nwb = [p for p in files if p.suffix.lower() == ".nwb"]
        if nwb and len(files) > 1:
            raise DataError(f"{nwb[0]}: an .nwb file holds recordings and trials and is read alone; give no other file")
        columns = import_module("mimic_emg.raw_columns")
        in_columns = not nwb and any(map(columns.accepts, files))
        module = columns if in_columns else import_module("mimic_emg.raw_nwb" if nwb else "mimic_emg.raw_csv")
        recordings, reaches, left_out = module.recordings(files, config)
        names = trial_names(reaches, config.clips, str(files[0]))
        note = f" Trials left out, since the trial table has no reach for them: {left_out}." if left_out else ""
        return processed(recordings, names, config, note=note)

    return read


def processed(recordings: Mapping[str, Recording], names: Sequence[str], config: Processing, note: str = "") -> Emg:
    """Make envelopes of what was recorded of each muscle."""
    rates = sorted({r.rate_hz for r in recordings.values()})
    gone = {m: sum(map(not_recorded, r.trials)) for m, r in recordings.items()}
    missing = ", ".join(f"{m} in {n} of {len(names)}" for m, n in gone.items() if n)
    note += f" Trials in which a muscle was not recorded: {missing}." if missing else ""
    return Emg(
        rate_hz=config.envelope_rate_hz,
        first_s=first_s(config),
        trial_names=tuple(names),
        muscle_names=tuple(recordings),
        envelope=np.stack([envelopes(r.trials, r.rate_hz, config) for r in recordings.values()], axis=-1),
        methods=" ".join(methods(config, rate) for rate in rates) + note,
    )


def numbers(column: pd.Series, name: str, where: str) -> np.ndarray:
    """Return a column (trial,) of a trial table, NaN where it is empty.

    Raises:
        DataError: it holds something else than numbers.
    """
    import pandas as pd

    found = pd.to_numeric(column, errors="coerce")
    text = np.flatnonzero(found.isna() & column.notna())
    if text.size:
        raise DataError(
            f"{where}: {column.iloc[text[0]]!r} in trial {text[0] + 1}, column {name}, is no number; correct it"
        )
    return found.to_numpy(float)


def edge_columns(header: Sequence[str], config: RawEmg) -> tuple[str, str] | None:
    """Return the columns of start and end in a trial table, None where there are none."""
    found = [
        chosen if chosen else next((c for c in (edge, f"{edge}_s", f"{edge}_ms") if c in header), edge)
        for chosen, edge in ((config.start, "start"), (config.end, "end"))
    ]
    return (found[0], found[1]) if set(found) <= set(header) else None


def edge_s(table: pd.DataFrame, column: str, per_s: float | None, where: str) -> np.ndarray:
    """Return start or end (trial,) of the reaches in s: by the column's ending, else divided by ``per_s``.

    Raises:
        DataError: it holds something else than numbers, or nobody says what it counts in.
    """
    found = numbers(table[column], column, where)
    unit = {"_ms": 1e3, "_s": 1.0}
    per = next((n for ending, n in unit.items() if column.lower().endswith(ending)), per_s)
    if per is None:
        raise DataError(
            f"{where}: does not tell how many frames a second its column {column} counts; give the rate with "
            f"--set emg.frame_rate_hz=RATE, or call columns of s {column}_s"
        )
    return found / per


def trial_numbers(table: pd.DataFrame, where: str) -> np.ndarray | None:
    """Return the column ``trial`` of a trial table, None where there is none.

    Raises:
        DataError: it holds something else than whole numbers.
    """
    if "trial" not in table:
        return None
    found = numbers(table["trial"], "trial", where)
    if not (np.isfinite(found) & (found == np.round(found))).all():
        raise DataError(f"{where}: column trial must hold whole numbers; names of clips belong into a column clip")
    return found


def clip_names(table: pd.DataFrame) -> list[str] | None:
    """Return the column ``clip`` of a trial table, empty where a cell is; None where there is no such column."""
    if "clip" not in table:
        return None
    column = table["clip"]
    return ["" if gone else str(c).strip() for c, gone in zip(column, column.isna(), strict=True)]


def reaches_of(
    start_s: np.ndarray, end_s: np.ndarray, numbers: np.ndarray | None, clips: Sequence[str] | None, where: str
) -> tuple[list[Reach], int]:
    """Return the rows of a trial table that have a reach, and the number of those that have none.

    A row has none where start or end is missing, or both are the same.

    Raises:
        DataError: a reach ends before it begins, or no row has one.
    """
    backwards = np.flatnonzero(end_s < start_s)
    if backwards.size:
        raise DataError(f"{where}: row {backwards[0] + 1} ends before it starts; correct the trial table")
    rows = np.flatnonzero(np.isfinite(start_s) & np.isfinite(end_s) & (end_s != start_s))
    if not rows.size:
        raise DataError(f"{where}: no trial has a start and an end; fill in the trial table")
    found = [
        Reach(
            row=int(i),
            start_s=float(start_s[i]),
            end_s=float(end_s[i]),
            number=int(i) + 1 if numbers is None else int(numbers[i]),
            clip="" if clips is None else clips[i],
        )
        for i in rows
    ]
    return found, len(start_s) - len(rows)


def trial_names(reaches: Sequence[Reach], clips: Sequence[str], where: str) -> list[str]:
    """Name each trial by the setting ``clips``, else by its table, else by its number.

    Raises:
        DataError: there are more or fewer names than trials, a pattern cannot take a number, or a name is there twice.
    """
    if len(clips) == 1 and "{" in clips[0]:
        names = [_filled(clips[0], r.number) for r in reaches]
    elif clips:
        if len(clips) != len(reaches):
            raise DataError(
                f"{where}: {len(reaches)} trials have a reach, but emg.clips has {len(clips)} names; give one for "
                "each, or a pattern for the trial's number such as reach_{:02d}"
            )
        names = list(clips)
    else:
        names = [r.clip or f"trial_{r.number:03d}" for r in reaches]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise DataError(f"{where}: two trials are called {twice!r}; give each a name of its own with emg.clips")
    return names


def _filled(pattern: str, number: int) -> str:
    try:
        return pattern.format(number)
    except (ValueError, IndexError, KeyError) as e:
        raise DataError(
            f"emg.clips: {pattern!r} cannot take a trial's number ({e}); write for instance reach_{{:02d}}"
        ) from e


def chosen_muscles(wanted: Mapping[str, str], sources: Sequence[str], what: str, where: str) -> dict[str, str]:
    """Return muscle → the source (file or electrode) it was recorded in.

    Args:
        wanted: muscle → name or pattern of its source; empty takes all under their own names.
        sources: names of what there is.
        what: what a source is, for messages.
        where: the file, for messages.

    Raises:
        DataError: a pattern matches no source or several, or two sources have one name.
    """
    if not wanted:
        names = {s: muscle_name(s) for s in sources}
        if len(set(names.values())) != len(sources) or not all(names.values()):
            raise DataError(
                f"{where}: {what}s must have different names to be called by, found {', '.join(sources)}; name them "
                f"with --set emg.muscles.MUSCLE={what.upper()}"
            )
        return {n: s for s, n in names.items()}
    found = {}
    for muscle, pattern in wanted.items():
        matching = [s for s in sources if fnmatchcase(s, pattern)]
        if len(matching) != 1:
            said = (
                f"matches {', '.join(matching)}" if matching else f"matches no {what}{did_you_mean(pattern, sources)}"
            )
            raise DataError(f"{where}: emg.muscles.{muscle}={pattern!r} {said}; it must match one {what}")
        found[muscle] = matching[0]
    return found


def muscle_name(source: str) -> str:
    """Return what a file or electrode is called, without an ``emg`` before or behind: ``emg_biceps`` is biceps."""
    for part in ("emg_", "emg-", "emg "):
        if source.lower().startswith(part):
            return source[len(part) :]
        if source.lower().endswith(part[-1] + "emg"):
            return source[:-4]
    return source
