"""Writing TensorBoard's event files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from mimic_core import hookimpl
from mimic_tensorboard.settings import Settings

_COMPARED = ("train/tracking_mm", "train/reward")
"""curves by which TensorBoard's table of settings compares runs"""


class TensorBoard:
    """Scalars over control steps as ``STAGE/NAME``; the stage's settings as text and for the table of settings."""

    def __init__(self, config: Settings, folder: Path) -> None:
        self._flush_s, self._folder = config.flush_s, folder
        self._settings: Mapping[str, Any] = {}
        self._writer: SummaryWriter | None = None

    @hookimpl
    def mimic_stage_started(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings

    @hookimpl
    def mimic_progress(self, stage: str, done: float, metrics: Mapping[str, float]) -> None:
        if self._writer is None:
            self._open(stage, int(done))
        for name, v in metrics.items():
            self._writer.add_scalar(f"{stage}/{name}", v, int(done))

    def _open(self, stage: str, step: int) -> None:
        # A training that goes on does again what came after its last checkpoint: purge_step hides the older half.
        # The step in the file's name keeps it apart from one that was begun in the same second.
        self._writer = SummaryWriter(
            str(self._folder), purge_step=step, flush_secs=self._flush_s, filename_suffix=f".{step}"
        )
        # four spaces: TensorBoard reads text as Markdown
        text = json.dumps(self._settings, indent=2).replace("\n", "\n    ")
        self._writer.add_text(f"{stage}/settings", f"    {text}", step)
        for part in hparams(dict(_flat(self._settings)), dict.fromkeys(_COMPARED))[:2]:
            self._writer.file_writer.add_summary(part)
        self._writer.flush()

    @hookimpl
    def mimic_stage_finished(self) -> None:
        self._close()

    @hookimpl
    def mimic_stage_failed(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bool | float | str]]:
    """Yield ``section.key`` and value; a list is text, and what is not set is left out."""
    for key, v in settings.items():
        if isinstance(v, Mapping):
            yield from _flat(v, f"{prefix}{key}.")
        elif v is not None:
            yield f"{prefix}{key}", v if isinstance(v, (bool, int, float, str)) else json.dumps(v)
