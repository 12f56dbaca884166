"""Checkpoints: what was learned, and everything needed to use it with no other file (orbax)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as keep

from mimic_core import DataError

_FOLDER = "checkpoints"
WHICH = ("last", "best")


class Checkpoints:
    """The checkpoints of one run. Each is complete: orbax writes to a temporary folder and renames it.

    Args:
        directory: of the run.
        kept: so many of the newest stay, and the one with the lowest ``tracking_mm``.
        folder: below ``directory``.
    """

    def __init__(self, directory: Path, kept: int = 2, folder: str = _FOLDER) -> None:
        policy = keep.AnyPreservationPolicy(
            [
                keep.LatestN(kept),
                keep.BestN(
                    get_metric_fn=lambda m: m["tracking_mm"], reverse=True, n=1, keep_checkpoints_without_metrics=False
                ),
            ]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policy,
            best_fn=lambda m: m["tracking_mm"],
            best_mode="min",
            enable_async_checkpointing=False,
        )
        self._manager = ocp.CheckpointManager(
            (directory / folder).resolve(), options=options, item_names=("state", "meta", "metrics")
        )

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.close()

    def save(self, iteration: int, state: Any, meta: dict[str, Any], tracking_mm: float | None = None) -> None:
        """Keep a pytree of arrays and a JSON-able description; ``tracking_mm`` where it was measured."""
        if iteration in self.steps:  # a training that goes on comes by what it had saved before
            return
        items = ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta))
        metrics = None if tracking_mm is None else {"tracking_mm": tracking_mm}
        self._manager.save(iteration, args=items, metrics=metrics, force=True)
        self._manager.wait_until_finished()

    @property
    def steps(self) -> set[int]:
        """The iterations that there are checkpoints of."""
        return set(self._manager.all_steps())

    @property
    def latest(self) -> int | None:
        return self._manager.latest_step()

    def step(self, which: str) -> int | None:
        """Return the iteration of the ``last`` or of the ``best`` checkpoint."""
        if which == "last":
            return self.latest
        best = self._manager.best_step()
        return self.latest if best is None else best

    def restore(self, like: Any, step: int | None = None) -> Any:
        """Return the state of the checkpoint of an iteration, or of the last, in the shape of ``like``."""
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        items = ocp.args.Composite(state=ocp.args.StandardRestore(abstract))
        return self._manager.restore(self.latest if step is None else step, args=items)["state"]

    def meta(self) -> dict[str, Any]:
        """Return the description kept in the last checkpoint."""
        return self._manager.restore(self.latest, args=ocp.args.Composite(meta=ocp.args.JsonRestore()))["meta"]


def read_meta(directory: Path) -> dict[str, Any]:
    """Return the description of the last checkpoint under ``directory``.

    Raises:
        DataError: there is none.
    """
    if not (directory / _FOLDER).is_dir():
        raise DataError(f"{directory}: holds no checkpoint; train first with 'mimic train'")
    with Checkpoints(directory) as checkpoints:
        if checkpoints.latest is None:
            raise DataError(f"{directory}: holds no finished checkpoint; train first with 'mimic train'")
        return checkpoints.meta()
