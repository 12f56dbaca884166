"""The output of a stage of a run: put aside while it is made anew, and told apart by what is in it.

An earlier output goes only when the new one is done and the manifest says so. Until then it lies beside it, and comes
back where the new one fails, or where its own settings are asked for again.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mimic_core import DataError, file_hash, value_hash
from mimic_core.chain import LOGS
from mimic_guard.stopping import at_the_end
from mimic_runs import LOCK

DONE = ("done", "reused")
"""What the manifest calls stages whose output is finished."""
REPLACES = "replaces"
"""In the manifest's entry of a stage that runs: the entry of the output that it is to replace."""


REPLACED = "replaced_files"
"""In the entry of a finished stage: names of the files of the output that it replaced."""


def kept_aside(path: Path) -> Path:
    """Where an output lies while a new one is made."""
    return path.with_name(f".{path.name}.before")


def what_is_there(path: Path, entry: Mapping[str, Any] | None, key: str) -> Mapping[str, Any] | None:
    """Return the manifest's entry of the output at ``path``, after a look at what a stopped run left.

    If the output that was put aside is the one that is asked for, it comes back.

    Args:
        entry: what the manifest says of the stage.
        key: of what is asked for.
    """
    if entry is None:
        return None
    if entry["status"] in DONE:
        forget(path, entry.get(REPLACED))
        return entry
    older, aside_ = entry.get(REPLACES), kept_aside(path)
    if older is None:
        return entry
    if not aside_.exists():  # stopped before it was put aside, or after it came back
        return older
    unfinished = older["status"] not in DONE
    if older["key"] == key and (unfinished or output_hash(aside_, older.get("files")) == older.get("output_hash")):
        remove(path)
        aside_.rename(path)
        return older
    if entry["key"] != key:
        remove(path)  # unfinished, and of settings that are not asked for
    return entry


@contextlib.contextmanager
def aside(path: Path, going_on: bool, keep_new: bool) -> Iterator[None]:
    """Put an earlier output aside while a new one is made; bring it back if that fails.

    Args:
        going_on: what is there is the beginning of the new output.
        keep_new: an unfinished new output stays where it is, to be gone on with.
    """
    old = kept_aside(path)
    if not going_on:
        if old.exists():
            remove(path)  # the beginning of another one
        elif path.exists():
            path.rename(old)

    def back() -> None:
        if old.exists() and not (keep_new and path.exists()):
            remove(path)
            old.rename(path)

    with at_the_end(back):
        try:
            yield
        except BaseException:
            back()
            raise


def forget(path: Path, files: Sequence[str] | None) -> None:
    """Remove the output that was put aside, now that the new one is done; a user's own files move to the new one.

    Args:
        files: what the manifest lists of the old output; None: it was never finished, and all of it goes.
    """
    old = kept_aside(path)
    if not old.exists():
        return
    if old.is_dir() and files is not None:
        own = [p for p in files_below(old) if str(p.relative_to(old)) not in files]
        for file in own:
            to = path / file.relative_to(old)
            while to.exists():
                to = to.with_name(f"{to.name}.before")
            to.parent.mkdir(parents=True, exist_ok=True)
            file.rename(to)
    remove(old)


def output_hash(path: Path, files: Sequence[str] | None = None) -> str:
    """Return a hash of a file, or of the names and contents of a folder's files.

    Args:
        files: names below the folder, as `listed` gives them; None takes all (see `files_below`).
    """
    if not path.is_dir():
        found = [path] if path.is_file() else []
    else:
        found = files_below(path) if files is None else [p for p in (path / f for f in files) if p.is_file()]
    return value_hash([[str(p.relative_to(path)), file_hash(p)] for p in found])


def listed(path: Path) -> list[str]:
    """Names of the files of an output, from its folder."""
    return [str(p.relative_to(path)) for p in files_below(path)] if path.is_dir() else []


def files_below(folder: Path) -> list[Path]:
    """Files below a folder, except locks and those of loggers, which may be uploaded, marked or thrown away."""
    return [
        p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.name.startswith(LOCK) and LOGS not in p.relative_to(folder).parts
    ]


def check_below(path: Path, out: Path, name: str) -> None:
    """Refuse an output that would lie outside of the run's folder.

    Raises:
        DataError: it would, or a symbolic link leads there.
    """
    if not path.resolve().is_relative_to(out.resolve()) or path.resolve() == out.resolve():
        link = next((p for p in (path, *path.parents) if p.is_symlink() and p != out), None)
        why = f"{link} is a symbolic link to elsewhere; remove it" if link else "choose another name"
        raise DataError(f"{name}: its output {path} does not lie below {out}; {why}")


def remove(path: Path) -> None:
    """Remove a file or folder that may be there; of a symbolic link, the link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
