"""The `tensorboard` logger: curves and settings of a training as TensorBoard reads them."""

from __future__ import annotations

from pathlib import Path

from mimic_core import ConfigError, LoggerSpec, hookimpl
from mimic_tensorboard.settings import Settings


def build(config: Settings, out: Path):
    try:
        from mimic_tensorboard.logger import TensorBoard
    except ImportError as e:
        raise ConfigError(
            f"logger tensorboard: {e.name} is not installed; pip install 'mimic-neuro[tensorboard]'"
        ) from e
    return TensorBoard(config, out / "tensorboard")


@hookimpl
def mimic_loggers():
    yield LoggerSpec(
        name="tensorboard",
        config=Settings,
        build=build,
        summary="curves and settings for TensorBoard; 'tensorboard --logdir RUN' shows them",
        source="https://www.tensorflow.org/tensorboard; written with tensorboardX",
    )
