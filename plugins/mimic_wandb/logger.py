"""Telling Weights & Biases what happens in a training."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # read on import: offline is to mean that nothing is sent

import wandb
from wandb.errors import Error

from mimic_core import ConfigError, DataError, hookimpl, write_text
from mimic_wandb.settings import Settings


class WeightsAndBiases:
    """One run at Weights & Biases for one training, also when that is stopped and goes on.

    Raises:
        ConfigError: the run is to be online, and nobody is logged in.
    """

    def __init__(self, config: Settings, out: Path) -> None:
        self._config, self._out = config, out
        self._mode = config.mode or os.environ.get("WANDB_MODE") or "online"
        self._run: Any = None
        if self._mode == "online":
            _check_login()

    @hookimpl
    def mimic_stage_started(self, settings: Mapping[str, Any]) -> None:
        folder = self._out / "wandb"  # which wandb makes in the folder that it is given
        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=self._config.project,
            entity=self._config.entity,
            name=self._config.name or "/".join(self._out.resolve().parent.parts[-2:]),
            mode=self._mode,
            id=_run_id(folder / "run_id.txt"),
            resume="allow" if self._mode == "online" else None,  # offline it is "wandb sync" that puts parts together
            dir=self._out,
            config=dict(settings),
            settings=wandb.Settings(silent=True, console="off"),  # the terminal is the progress bar's
        )

    @hookimpl
    def mimic_progress(self, stage: str, done: float, metrics: Mapping[str, float]) -> None:
        self._run.log({f"{stage}/{name}": v for name, v in metrics.items()}, step=int(done))

    @hookimpl
    def mimic_stage_finished(self) -> None:
        self._run.finish(exit_code=0)

    @hookimpl
    def mimic_stage_failed(self) -> None:
        self._run.finish(exit_code=1)


def _check_login() -> None:
    try:
        known = wandb.login(prompt=False, verify=False)
    except Error as e:
        raise ConfigError(f"logger wandb: {e}; run 'wandb login', or give --set log.wandb.mode=offline") from e
    if not known:
        raise ConfigError("logger wandb: nobody is logged in; run 'wandb login', or give --set log.wandb.mode=offline")


def _run_id(path: Path) -> str:
    """The id that the training's run got when it began."""
    if not path.is_file():
        write_text(path, secrets.token_hex(4) + "\n")
    found = path.read_text(encoding="utf-8").strip()
    if not found:
        raise DataError(f"{path}: is empty, but must hold the run's id; remove it to begin a new run")
    return found
