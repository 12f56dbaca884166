"""The `wandb` logger: curves and settings of a training for Weights & Biases, online or kept for later."""

from __future__ import annotations

from pathlib import Path

from mimic_core import ConfigError, LoggerSpec, hookimpl
from mimic_wandb.settings import Settings


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
