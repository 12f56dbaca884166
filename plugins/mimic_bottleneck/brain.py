"""The network in use: intentions with their prior, memory from step to step, and whole stretches at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from mimic_bottleneck.network import Bottleneck, Gaussian, TanhNormal
from mimic_core.task import Observation

AUTOCORRELATION = 0.95
"""ρ of the autoregressive prior N(ρ·z_{t−1}, 1 − ρ²) (Merel et al. 2019, arXiv 1811.11711)"""


class Memory(NamedTuple):
    """What is carried from one control step to the next; () where it is not needed."""

    intention: Any = ()
    """(batch, intention) of the step before"""
    begun: Any = ()
    """(batch,) 0 before the first step of an episode, else 1"""
    cell: Any = ()
    """(cell, hidden) of the recurrent layer, each (batch, lstm_size)"""


class BrainOutput(NamedTuple):
    """What the network makes of an observation."""

    gaussian: Gaussian
    """of the intention"""
    intention: Array
    """(…, intention) what was drawn from it"""
    kl: Array
    """(…,) divergence of the intention from its prior"""
    actions: TanhNormal
    layers: Mapping[str, Array]
    """name of a layer → (…, unit) its activations"""


class Brain:
    """Runs a `Bottleneck` step by step while acting, and over whole stretches of time while learning.

    Args:
        network: the module.
        autoregressive: the prior of an intention is N(ρ·z_{t−1}, 1 − ρ²), and N(0, 1), its stationary
            distribution, at the first step of an episode; otherwise N(0, 1) always.
    """

    def __init__(self, network: Bottleneck, autoregressive: bool) -> None:
        self.network, self.autoregressive = network, autoregressive

    def begin(self, batch: int) -> Memory:
        """Return the memory of episodes that begin."""
        memory = Memory()
        if self.autoregressive:
            memory = memory._replace(
                intention=jnp.zeros((batch, self.network.intention_size)), begun=jnp.zeros((batch,))
            )
        if self.network.lstm_size:
            memory = memory._replace(cell=tuple(jnp.zeros((batch, self.network.lstm_size)) for _ in range(2)))
        return memory

    def forget(self, memory: Memory, where: Array) -> Memory:
        """Clear the memory of the environments marked by ``where`` (batch,)."""
        keep = 1.0 - where.astype(float)
        return jax.tree.map(lambda a: a * keep.reshape(-1, *[1] * (a.ndim - 1)), memory)

    def step(
        self,
        params: Any,
        seen: Observation,
        memory: Memory,
        noise: Array | None,
        shift: Array | None = None,
        silenced: Mapping[str, Array] | None = None,
    ) -> tuple[Memory, BrainOutput]:
        """Run one control step.

        ``seen`` is normalised; ``noise`` (batch, intention) draws the intention, None takes its mean.

        ``shift`` (batch, intention) is added to it; the prior's standard deviation, the stationary one, is 1.
        ``silenced`` is a name of `Bottleneck.silenceable` → (batch, unit) how much of each unit a lesion holds back.
        """
        gaussian, inner = self.network.apply(params, seen.reference, silenced, method="encode")
        z = gaussian.mean if noise is None else gaussian.sample(noise)
        z = z if shift is None else z + shift
        if silenced and "intention" in silenced:
            z = z * (1.0 - silenced["intention"])
        recalled, cell = None, memory.cell
        if self.network.lstm_size:
            cell, recalled = self.network.apply(params, cell, z, seen.proprioception, method="recur")
        actions, outer = self.network.apply(params, z, seen.proprioception, recalled, silenced, method="decode")
        kl = self._kl(gaussian, memory.intention, memory.begun)
        if self.autoregressive:
            memory = memory._replace(intention=z, begun=jnp.ones_like(memory.begun))
        return memory._replace(cell=cell), BrainOutput(gaussian, z, kl, actions, {**inner, **outer})

    def unroll(
        self,
        params: Any,
        seen: Observation,
        memory: Memory,
        restarted: Float[Array, "time batch"],
        noise: Float[Array, "time batch intention"],
    ) -> BrainOutput:
        """The same over a stretch of time: what `step` gives one by one, with only recurrence left to a loop.

        Args:
            seen: arrays (time, batch, …).
            memory: before the first step.
            restarted: 1 where a step is the first of an episode that began within the stretch.
        """
        gaussian, inner = self.network.apply(params, seen.reference, method="encode")
        z = gaussian.sample(noise)
        recalled = None
        if self.network.lstm_size:

            def recur(cell, x):
                fresh, z, proprioception = x
                keep = 1.0 - fresh[:, None]
                cell = tuple(c * keep for c in cell)
                return self.network.apply(params, cell, z, proprioception, method="recur")

            _, recalled = jax.lax.scan(recur, memory.cell, (restarted, z, seen.proprioception))
        actions, outer = self.network.apply(params, z, seen.proprioception, recalled, method="decode")
        if self.autoregressive:
            before = jnp.concatenate([memory.intention[None], z[:-1]])
            begun = jnp.concatenate([memory.begun[None], jnp.ones_like(restarted[:-1])]) * (1.0 - restarted)
            kl = self._kl(gaussian, before, begun)
        else:
            kl = self._kl(gaussian, (), ())
        return BrainOutput(gaussian, z, kl, actions, {**inner, **outer})

    def _kl(self, gaussian: Gaussian, before: Any, begun: Any) -> Array:
        if not self.autoregressive:
            return gaussian.kl_to()
        pull = AUTOCORRELATION * begun[..., None]
        return gaussian.kl_to(pull * before, 1.0 - pull**2)
