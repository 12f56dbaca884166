"""What a training takes over from another: its decoder, which then stays as it is, or all that it learned."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from mimic_bottleneck.settings import DECODER, NetworkSettings
from mimic_core import ConfigError
from mimic_core.task import Task

_PARTS = ("decoder", "lstm")
"""of the network's parameters that turn intention and proprioception into actions"""
_SHAPE = ("network", "decoder_layers", "lstm_size", "intention_size", "initial_std")
"""settings that a decoder is made with"""


_EXPLORED, _LEAST_STD = 0.3, 1e-2
"""Standard deviation that new intentions are tried out with: in spreads of the first run's, and at least."""


class Sent(NamedTuple):
    """The intentions that a run sends near its references, dimension by dimension."""

    mean: Float[np.ndarray, " intention"]
    spread: Float[np.ndarray, " intention"]
    """standard deviation of their means"""
    logvar: Float[np.ndarray, " intention"]
    """mean of the log variances that they are drawn with"""

    @classmethod
    def by(cls, trainer: Any, learned: Any) -> Sent:
        """Take them from what a trained encoder sees in the states that set the scale of its observations."""
        seen = trainer.normalise(learned, trainer.task.observe(trainer.states_for_scale(jax.random.key(0))))
        found, _ = trainer.brain.network.apply(learned.params, seen.reference, method="encode")
        means = np.asarray(found.mean)
        return cls(means.mean(0), means.std(0), np.asarray(found.logvar).mean(0))

    def by_new(self, encoder: Any, explores: bool) -> Any:
        """Return parameters of a new encoder that sends intentions of this kind.

        A new encoder's intentions are about 0, drawn with a standard deviation of 1, whatever the decoder has learned
        to read. Here they are about the mean of what it has read, as different from each other, and drawn as finely;
        or, where what is learned comes from trying others out, with a standard deviation of ``_EXPLORED`` spreads.
        """
        size, out = len(self.mean), encoder["out"]
        logvar = 2.0 * np.log(np.maximum(_EXPLORED * self.spread, _LEAST_STD)) if explores else self.logvar
        scale = np.concatenate([self.spread, np.zeros(size)])
        bias = np.concatenate([self.mean, logvar])
        return {**encoder, "out": {"kernel": out["kernel"] * scale, "bias": bias.astype(np.float32)}}


class Reused:
    """The network of another run, as a training begins with it.

    Args:
        config: settings of the training.
        task: what it trains on.
        explores: whether intentions are tried out at random, and not improved along a gradient.

    Raises:
        ConfigError: the run is of another body, control rate or policy, or its decoder has another shape.
    """

    def __init__(self, config: NetworkSettings, task: Task, explores: bool = False) -> None:
        self._explores = explores
        self.part, self._folder = config.reuse, config.start_from
        self._learned: Any = None
        self._sent: Sent | None = None
        # a trained controller is loaded from its own checkpoint, wherever this run has gone since
        if self._folder is None or not self._folder.is_dir():
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
        if self.of_decoder:
            self._sent = Sent.by(trainer, self._learned)

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
            if self._sent is not None:
                params["params"]["encoder"] = self._sent.by_new(own["encoder"], self._explores)
            taken = fresh._replace(params=params, proprioception=self._learned.proprioception)
        for (path, a), b in zip(jax.tree_util.tree_leaves_with_path(fresh), jax.tree.leaves(taken), strict=True):
            if np.shape(a) != np.shape(b):
                where = jax.tree_util.keystr(path)
                raise ConfigError(
                    f"policy.start_from: {self._folder} has {np.shape(b)} numbers in {where}, this training "
                    f"{np.shape(a)}; give both the same observations and critic (policy.bootstrap)"
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
