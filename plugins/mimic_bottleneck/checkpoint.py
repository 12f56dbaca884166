"""Checkpoints: what was learned, and everything needed to use it with no other file (orbax)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from mimic_core import DataError

_FOLDER = "checkpoints"


class Checkpoints:
    """The checkpoints of one run. Each is complete: orbax writes to a temporary folder and renames it."""

    def __init__(self, directory: Path, kept: int = 2) -> None:
        options = ocp.CheckpointManagerOptions(max_to_keep=kept, enable_async_checkpointing=False)
        self._manager = ocp.CheckpointManager(
            (directory / _FOLDER).resolve(), options=options, item_names=("state", "meta")
        )

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.close()

    def save(self, iteration: int, state: Any, meta: dict[str, Any]) -> None:
        """Keep a pytree of arrays and a JSON-able description."""
        items = ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta))
        self._manager.save(iteration, args=items, force=True)
        self._manager.wait_until_finished()

    @property
    def latest(self) -> int | None:
        return self._manager.latest_step()

    def restore(self, like: Any) -> Any:
        """Return the state of the last checkpoint, in the shape of ``like``."""
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        items = ocp.args.Composite(state=ocp.args.StandardRestore(abstract))
        return self._manager.restore(self.latest, args=items)["state"]

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
