"""Checkpoints: what was learned, and everything needed to use it with no other file (orbax)."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any, Self

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as keep

from mimic_core.config import structure
from mimic_core.control.policy import Controller, Trainer
from mimic_core.errors import ConfigError, DataError, DataWarning
from mimic_core.files import file_hash, to_json, value_hash, write_json
from mimic_core.records.training import Training

FOLDER = "checkpoints"
"""of a run, holds its checkpoints"""
WHICH = ("last", "best")
"""which checkpoint can be asked for"""
DIGESTS = "digests.json"
"""of a checkpoint: a digest of each of its files. It is written last: a checkpoint without it was not finished"""
DAMAGED = ".damaged"
"""ends the name of a checkpoint that was put aside"""


class Checkpoints:
    """The checkpoints of one run. Each is complete: orbax writes to a temporary folder and renames it.

    One counts once it was read back and is what was saved. One whose files changed since then is put aside, which is
    said, and the one before it is the last.

    Args:
        directory: of the run.
        kept: so many of the newest stay, and the one with the lowest ``tracking_mm``.
        folder: below ``directory``.
    """

    def __init__(self, directory: Path, kept: int = 2, folder: str = FOLDER) -> None:
        policy = keep.AnyPreservationPolicy(
            [
                keep.LatestN(kept),
                keep.BestN(
                    get_metric_fn=lambda m: m["tracking_mm"], reverse=True, n=1, keep_checkpoints_without_metrics=False
                ),
            ]
        )
        self._directory = (directory / folder).resolve()
        _put_damaged_aside(self._directory)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policy,
            best_fn=lambda m: m["tracking_mm"],
            best_mode="min",
            enable_async_checkpointing=False,
        )
        self._alias: tempfile.TemporaryDirectory[str] | None = None
        self._manager = ocp.CheckpointManager(
            self._plain_name(), options=options, item_names=("state", "meta", "metrics")
        )

    def _plain_name(self) -> Path:
        """The folder, under another name where orbax would take its own for a pattern and find nothing."""
        if not set("[*?") & set(str(self._directory)):
            return self._directory
        self._directory.mkdir(parents=True, exist_ok=True)
        self._alias = tempfile.TemporaryDirectory(prefix="mimic-")
        link = Path(self._alias.name) / FOLDER
        link.symlink_to(self._directory, target_is_directory=True)
        return link

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.close()
        if self._alias is not None:
            self._alias.cleanup()

    def save(
        self,
        iteration: int,
        state: Any,
        *,
        training: Training | None = None,
        seconds: float = 0.0,
        tracking_mm: float | None = None,
    ) -> None:
        """Keep a state, unless that iteration's is kept already.

        Args:
            iteration: iterations that led to it.
            state: a pytree of arrays.
            training: what it is the state of.
            seconds: spent on it so far, s.
            tracking_mm: where it was measured.

        Raises:
            DataError: it cannot be written, or what was written is not what was to be saved.
        """
        if iteration in self.steps:  # a training that goes on comes by what it had saved before
            return
        meta = {"training": to_json(training), "seconds": seconds}
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(jax.tree.map(_saved, state)), meta=ocp.args.JsonSave(meta)
        )
        metrics = None if tracking_mm is None else {"tracking_mm": tracking_mm}
        folder = self._directory / str(iteration)
        try:
            self._manager.save(iteration, args=items, metrics=metrics, force=True)
            self._manager.wait_until_finished()
            like = jax.tree.map(lambda a: np.asarray(a) if isinstance(a, np.generic) else a, state)
            found = self.restore(like, iteration)
            whole = all(map(_same, jax.tree.leaves(state), jax.tree.leaves(found)))
        except (OSError, ValueError, KeyError) as e:
            raise DataError(f"{folder}: the checkpoint cannot be saved ({_short(e)}); choose another place") from e
        if not whole:
            raise DataError(f"{folder}: the checkpoint is not what was to be saved; check the disk")
        if jax.process_index() == 0:
            write_json(folder / DIGESTS, _digests(folder))

    @property
    def steps(self) -> set[int]:
        """The iterations that there are checkpoints of."""
        return {step for step in self._manager.all_steps() if (self._directory / str(step) / DIGESTS).is_file()}

    @property
    def latest(self) -> int | None:
        return max(self.steps, default=None)

    def step(self, which: str) -> int | None:
        """Return the iteration of the ``last`` or of the ``best`` checkpoint; None where there is none.

        Raises:
            ConfigError: ``which`` is neither.
        """
        if which not in WHICH:
            raise ConfigError(f"checkpoint: {which!r}; must be one of {', '.join(WHICH)}")
        best = None if which == "last" else self._manager.best_step()
        return self.latest if best is None else best

    def restore(self, like: Any, step: int | None = None) -> Any:
        """Return the state of the checkpoint of an iteration, or of the last, in the shape of ``like``."""
        shapes = jax.tree.map(lambda a: ocp.utils.to_shape_dtype_struct(_saved(a)), like)
        items = ocp.args.Composite(state=ocp.args.StandardRestore(shapes))
        found = self._manager.restore(self.latest if step is None else step, args=items)["state"]
        return jax.tree.map(lambda as_, a: jax.random.wrap_key_data(a) if _is_key(as_) else a, like, found)

    def seconds(self, step: int) -> float:
        """Return the time that training had taken until then, s."""
        return float(self._meta(step)["seconds"])

    def training(self) -> Training:
        """Return the training that the last checkpoint is of.

        Raises:
            DataError: it was written by a version of mimic that said it in another way.
        """
        return structure(self._meta(self.latest)["training"], Training, "training")

    def _meta(self, step: int | None) -> dict[str, Any]:
        return self._manager.restore(step, args=ocp.args.Composite(meta=ocp.args.JsonRestore()))["meta"]


def _digests(folder: Path) -> dict[str, str]:
    """Name of each file of a checkpoint → its digest."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != DIGESTS]
    found = {str(p.relative_to(folder)): file_hash(p) for p in files}
    return {**found, "": value_hash(found)}


def _put_damaged_aside(directory: Path) -> None:
    """Rename checkpoints that are not what was saved, before orbax looks at them.

    Raises:
        DataError: they cannot be renamed.
    """
    steps = [p for p in directory.iterdir() if p.name.isdigit() and p.is_dir()] if directory.is_dir() else []
    for step in sorted(steps, key=lambda p: int(p.name)):
        try:
            said = json.loads((step / DIGESTS).read_text())
        except FileNotFoundError:
            said = None
        except (ValueError, RecursionError):
            said = {}
        if said == _digests(step):
            continue
        why = "is damaged: its digests are not those of its files" if said is not None else "was not finished"
        aside = step.with_name(step.name + DAMAGED)
        try:
            shutil.rmtree(aside, ignore_errors=True)
            step.rename(aside)
        except OSError as e:
            raise DataError(f"{step}: the checkpoint {why}; remove it, the one before it is then used") from e
        warnings.warn(f"{step}: the checkpoint {why}; the one before it is used", DataWarning, stacklevel=4)


def _same(a: Any, b: Any) -> bool:
    """Whether two arrays are the same bit for bit, as far as this process holds them."""
    a, b = (jax.random.key_data(x) if _is_key(x) else x for x in (a, b))
    if isinstance(a, jax.Array) and not a.is_fully_addressable:
        return True
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:80]


def _is_key(a: Any) -> bool:
    return hasattr(a, "dtype") and jax.numpy.issubdtype(a.dtype, jax.dtypes.prng_key)


def _saved(a: Any) -> Any:
    """An array as it is saved: of random keys, the numbers behind them."""
    if not _is_key(a):
        return a
    return jax.random.key_data(a) if isinstance(a, jax.Array) else jax.eval_shape(jax.random.key_data, a)


def last_training(directory: Path) -> Training:
    """Return the training that the last checkpoint under ``directory`` is of.

    Raises:
        DataError: there is no checkpoint.
    """
    with _opened(directory) as checkpoints:
        return checkpoints.training()


def restored_controller(trainer: Trainer, directory: Path, which: str = "last") -> Controller:
    """Return the controller of the ``last`` or of the ``best`` checkpoint under ``directory``.

    Raises:
        ConfigError: ``which`` is neither.
        DataError: there is no checkpoint.
    """
    with _opened(directory) as checkpoints:
        step = checkpoints.step(which)
        compiled = getattr(trainer, "compiled", True)
        like = jax.eval_shape(trainer.initial, 0) if compiled else trainer.initial(0)
        return trainer.controller(checkpoints.restore(like, step))


def _opened(directory: Path) -> Checkpoints:
    """The checkpoints of a run that has some.

    Raises:
        DataError: there is none.
    """
    if not directory.is_dir():
        raise DataError(f"{directory}: no such run directory; give the folder that 'mimic train --out' wrote")
    if not (directory / FOLDER).is_dir():
        raise DataError(f"{directory}: holds no checkpoint; train first with 'mimic train'")
    checkpoints = Checkpoints(directory)
    if checkpoints.latest is None:
        checkpoints.__exit__()
        raise DataError(f"{directory}: holds no finished checkpoint; train first with 'mimic train'")
    return checkpoints
