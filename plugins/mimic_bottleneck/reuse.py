"""What a training takes over from another: its decoder, which then stays as it is, or all that it learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np

from mimic_bottleneck.settings import DECODER, NetworkSettings
from mimic_core import ConfigError
from mimic_core.task import Task

_PARTS = ("decoder", "lstm")
"""of the network's parameters that turn intention and proprioception into actions"""
_SHAPE = ("network", "decoder_layers", "lstm_size", "intention_size", "initial_std")
"""settings that a decoder is made with"""


class Reused:
    """The network of another run, as a training begins with it.

    Args:
        config: settings of the training.
        task: what it trains on.

    Raises:
        ConfigError: the run is of another body, control rate or policy, or its decoder has another shape.
    """

    def __init__(self, config: NetworkSettings, task: Task) -> None:
        self.part, self._folder = config.reuse, config.start_from
        self._learned: Any = None
        # a trained controller is loaded from its own checkpoint, wherever this run has gone since
        if not Path(self._folder).is_dir():
            return
        from mimic_core.chain import TrainedRun

        run = TrainedRun.open(self._folder)
        trainer: Any = run.trainer
        found = f"policy.start_from: {self._folder}"
        if not hasattr(trainer, "brain"):
            raise ConfigError(
                f"{found} has policy {run.plan.policy}, without the decoder of a bottleneck; name another"
            )
        body, of = task.model.body, run.training.body
        if any(getattr(body, part) != getattr(of, part) for part in ("name", "mjcf", "muscles", "actuators")):
            raise ConfigError(f"{found} controls body {of.name}, not this {body.name}; train from the same body")
        rates = task.settings.control_rate_hz, run.task.settings.control_rate_hz
        if rates[0] != rates[1]:
            raise ConfigError(
                f"{found} acts at {rates[1]:g} Hz, this training at {rates[0]:g}; set task.control_rate_hz"
            )
        for name in (*_SHAPE, *(() if self.of_decoder else ("encoder_layers", "critic_layers", "prior"))):
            if (given := getattr(config, name)) != (its := getattr(trainer.config, name)):
                raise ConfigError(f"{found} has policy.{name} {its}, this training {given}; give it the same")
        # arrays of the host, since the programs that hold them are traced
        self._learned = jax.tree.map(np.asarray, run.controller().variables)

    @property
    def of_decoder(self) -> bool:
        """Whether the decoder alone is taken over, and learns no more."""
        return self.part == DECODER

    def begun(self, fresh: Any) -> Any:
        """Return the `mimic_bottleneck.training.Learned` that a training begins with, of what it would have begun with.

        Raises:
            ConfigError: the two see something else.
        """
        if self._learned is None:
            return fresh
        if not self.of_decoder:
            taken = self._learned
        else:
            own, theirs = fresh.params["params"], self._learned.params["params"]
            params = {"params": {k: theirs[k] if k in _PARTS else a for k, a in own.items()}}
            taken = fresh._replace(params=params, proprioception=self._learned.proprioception)
        for (path, a), b in zip(jax.tree_util.tree_leaves_with_path(fresh), jax.tree.leaves(taken), strict=True):
            if np.shape(a) != np.shape(b):
                where = jax.tree_util.keystr(path)
                raise ConfigError(
                    f"policy.start_from: {self._folder} has {np.shape(b)} numbers in {where}, this training "
                    f"{np.shape(a)}; give both the same observations"
                )
        return taken

    def check(self) -> None:
        """See that there is something to begin with.

        Raises:
            ConfigError: the run is not there.
        """
        if self._learned is None:
            raise ConfigError(f"policy.start_from: {self._folder}: no such folder of a run; check the path")

    def held(self, params: Any) -> Any:
        """Return parameters of which those that are held keep no gradient."""
        if not self.of_decoder:
            return params
        parts = params["params"]
        return {"params": {k: jax.lax.stop_gradient(a) if k in _PARTS else a for k, a in parts.items()}}
