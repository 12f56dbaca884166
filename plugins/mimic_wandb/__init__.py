"""The `wandb` logger: curves and settings of a training for Weights & Biases, online or kept for later."""

from __future__ import annotations

from pathlib import Path

import attrs
from attrs.validators import in_, min_len, optional

from mimic_core import ConfigError, LoggerSpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of the Weights & Biases logger.

    Attributes:
        project: where the run is listed.
        entity: user or team; not given, the account's own.
        name: of the run; not given, its folder and the one above.
        mode: ``online``, or ``offline``, which keeps everything in the run folder for ``wandb sync`` and sends nothing;
            not given, what the environment variable WANDB_MODE says, else ``online``.
    """

    project: str = attrs.field(default="mimic", validator=min_len(1))
    entity: str | None = None
    name: str | None = None
    mode: str | None = attrs.field(default=None, validator=optional(in_(("online", "offline"))))


def build(config: Settings, out: Path):
    try:
        from mimic_wandb.logger import WeightsAndBiases
    except ImportError as e:
        raise ConfigError(f"logger wandb: {e.name} is not installed; pip install 'mimic-neuro[wandb]'") from e
    return WeightsAndBiases(config, out)


@hookimpl
def mimic_loggers():
    yield LoggerSpec(
        name="wandb",
        config=Settings,
        build=build,
        summary="curves and settings for Weights & Biases, online or offline",
        source="https://docs.wandb.ai",
    )
