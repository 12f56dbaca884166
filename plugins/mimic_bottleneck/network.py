"""Encoder → Gaussian intention → decoder, and a critic beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

_MIN_STD = 1e-3
_MIN_SPREAD = 1e-6
_MAX_LOGVAR = 4.0


class Normalizer(NamedTuple):
    """Running mean and variance of one group of observations (Welford 1962; batches as in Chan et al. 1979)."""

    count: Array
    mean: Array
    m2: Array
    """sum of squared deviations"""

    @classmethod
    def empty(cls, size: int) -> Normalizer:
        return cls(jnp.zeros(()), jnp.zeros(size), jnp.zeros(size))

    def update(self, x: Float[Array, "*batch n"]) -> Normalizer:
        """Take in a batch of observations."""
        x = x.reshape(-1, x.shape[-1])
        n = x.shape[0]
        mean = x.mean(axis=0)
        m2 = ((x - mean) ** 2).sum(axis=0)
        total = self.count + n
        delta = mean - self.mean
        return Normalizer(total, self.mean + delta * n / total, self.m2 + m2 + delta**2 * self.count * n / total)

    def __call__(self, x: Float[Array, "*batch n"]) -> Float[Array, "*batch n"]:
        """Scale to zero mean and unit variance; an entry that has never varied is only centred."""
        std = jnp.sqrt(self.m2 / jnp.maximum(self.count, 1.0))
        # what never varied gets no scale: divided by next to nothing, its first change would drown all else
        return jnp.clip((x - self.mean) / jnp.where(std > _MIN_SPREAD, std, 1.0), -10.0, 10.0)


class Gaussian(NamedTuple):
    """A diagonal normal distribution."""

    mean: Array
    logvar: Array

    def sample(self, noise: Array) -> Array:
        return self.mean + jnp.exp(0.5 * self.logvar) * noise

    def log_prob(self, x: Array) -> Array:
        """Log density, summed over dimensions."""
        away = (x - self.mean) ** 2 * jnp.exp(-self.logvar)
        return -0.5 * (away + self.logvar + jnp.log(2 * jnp.pi)).sum(axis=-1)

    def entropy(self) -> Array:
        """Differential entropy, summed over dimensions."""
        return 0.5 * (1.0 + self.logvar + jnp.log(2 * jnp.pi)).sum(axis=-1)

    def kl_to(self, mean: Array | float = 0.0, variance: Array | float = 1.0) -> Array:
        """KL(N(μ, σ²) ‖ N(mean, variance)) summed over dimensions (Kingma & Welling 2014, appendix B)."""
        away = (jnp.exp(self.logvar) + (self.mean - mean) ** 2) / variance
        return 0.5 * (away - 1.0 - self.logvar + jnp.log(variance)).sum(axis=-1)


class TanhNormal(NamedTuple):
    """tanh of a diagonal normal: a distribution over actions in [-1, 1] (Haarnoja et al. 2018, appendix C)."""

    loc: Array
    std: Array

    def mode(self) -> Array:
        return jnp.tanh(self.loc)

    def log_prob(self, pre_tanh: Array) -> Array:
        """Log density of tanh(pre_tanh)."""
        normal = -0.5 * ((pre_tanh - self.loc) / self.std) ** 2 - jnp.log(self.std) - 0.5 * jnp.log(2 * jnp.pi)
        return (normal - _log_tanh_slope(pre_tanh)).sum(axis=-1)

    def entropy(self, noise: Array) -> Array:
        """One-sample estimate of the entropy."""
        normal = 0.5 + 0.5 * jnp.log(2 * jnp.pi) + jnp.log(self.std)
        return (normal + _log_tanh_slope(self.loc + self.std * noise)).sum(axis=-1)


def _log_tanh_slope(x: Array) -> Array:
    """log(1 − tanh²x), written so that it does not overflow."""
    return 2.0 * (jnp.log(2.0) - x - jax.nn.softplus(-2.0 * x))


class MLP(nn.Module):
    """Dense layers with the swish nonlinearity (Ramachandran et al. 2017) and a linear last one."""

    hidden: Sequence[int]
    out: int
    out_scale: float = 1.0

    @nn.compact
    def __call__(self, x: Array, silenced: Mapping[str, Array] | None = None) -> tuple[Array, list[Array]]:
        """Return the output and the activations of every hidden layer.

        ``silenced`` is ``layer_1``, … → (…, unit) by how much of its activation each unit is held back, 0 to 1.
        """
        layers = []
        for i, width in enumerate(self.hidden, 1):
            x = nn.swish(nn.Dense(width, name=f"layer_{i}", kernel_init=nn.initializers.lecun_uniform())(x))
            if silenced and f"layer_{i}" in silenced:
                x = x * (1.0 - silenced[f"layer_{i}"])
            layers.append(x)
        last = nn.initializers.variance_scaling(self.out_scale, "fan_in", "uniform")
        return nn.Dense(self.out, name="out", kernel_init=last)(x), layers


class Bottleneck(nn.Module):
    """The whole policy network.

    Inputs are normalised observations: reference (…, n) goes to the encoder, proprioception (…, m) with the
    intention to the decoder, both to the critic.
    """

    intention_size: int
    action_size: int
    encoder_layers: Sequence[int]
    decoder_layers: Sequence[int]
    critic_layers: Sequence[int]
    resting_action: float | Sequence[float] = 0.0
    lstm_size: int = 0
    """units of a recurrent layer before the decoder; 0 for none"""

    initial_std: float | None = None
    """of actions before tanh; None leaves it as the last layer begins, softplus(0)"""

    critic_size: int = 1
    """how many numbers the critic says"""

    def setup(self) -> None:
        if self.lstm_size:
            self.lstm = nn.OptimizedLSTMCell(self.lstm_size)
        self.encoder = MLP(self.encoder_layers, 2 * self.intention_size)
        self.decoder = MLP(self.decoder_layers, 2 * self.action_size, 0.01)
        self.critic = MLP(self.critic_layers, self.critic_size)

    @property
    def silenceable(self) -> dict[str, int]:
        """Name of a layer, or ``intention``, → how many units it has that a lesion may silence."""
        parts = {"encoder": self.encoder_layers, "decoder": self.decoder_layers}
        layers = {f"{part}/layer_{i}": n for part, of in parts.items() for i, n in enumerate(of, 1)}
        return {"intention": self.intention_size, **layers}

    def encode(
        self, reference: Array, silenced: Mapping[str, Array] | None = None
    ) -> tuple[Gaussian, dict[str, Array]]:
        out, layers = self.encoder(reference, _of_part("encoder", silenced))
        mean, logvar = jnp.split(out, 2, axis=-1)
        return Gaussian(mean, jnp.clip(logvar, -10.0, _MAX_LOGVAR)), _named("encoder", layers)

    def recur(self, cell: tuple[Array, Array], intention: Array, proprioception: Array) -> tuple[tuple, Array]:
        """Advance the recurrent layer (Hochreiter & Schmidhuber 1997) by one control step."""
        return self.lstm(cell, jnp.concatenate([intention, proprioception], axis=-1))

    def decode(
        self,
        intention: Array,
        proprioception: Array,
        recalled: Array | None = None,
        silenced: Mapping[str, Array] | None = None,
    ) -> tuple[TanhNormal, dict[str, Array]]:
        """Return the distribution of actions; ``recalled`` (…, lstm_size) is the output of the recurrent layer."""
        seen = [intention, proprioception] if recalled is None else [recalled, intention, proprioception]
        out, layers = self.decoder(jnp.concatenate(seen, axis=-1), _of_part("decoder", silenced))
        loc, raw = jnp.split(out, 2, axis=-1)
        # an untrained body is nearly at rest, not at half of every muscle's strength
        if self.initial_std is not None:
            raw = raw + jnp.log(jnp.expm1(max(self.initial_std - _MIN_STD, _MIN_STD)))
        actions = TanhNormal(loc + jnp.arctanh(jnp.asarray(self.resting_action)), jax.nn.softplus(raw) + _MIN_STD)
        named = _named("decoder", layers)
        return actions, named if recalled is None else {"decoder/lstm": recalled, **named}

    def value(self, reference: Array, proprioception: Array) -> Array:
        """Return the critic's value, (…,)."""
        return self.judge(reference, proprioception)[..., 0]

    def judge(self, reference: Array, proprioception: Array) -> Array:
        """Return all numbers of the critic, (…, critic_size)."""
        return self.critic(jnp.concatenate([reference, proprioception], axis=-1))[0]

    def __call__(self, reference: Array, proprioception: Array) -> tuple:
        """Run every part once, for initialisation."""
        intention, _ = self.encode(reference)
        recalled = None
        if self.lstm_size:
            cell = tuple(jnp.zeros((*reference.shape[:-1], self.lstm_size)) for _ in range(2))
            _, recalled = self.recur(cell, intention.mean, proprioception)
        return self.decode(intention.mean, proprioception, recalled), self.value(reference, proprioception)


def _of_part(part: str, silenced: Mapping[str, Array] | None) -> dict[str, Array]:
    return {k.removeprefix(f"{part}/"): a for k, a in (silenced or {}).items() if k.startswith(f"{part}/")}


def _named(part: str, layers: list[Array]) -> dict[str, Array]:
    return {f"{part}/layer_{i}": a for i, a in enumerate(layers, 1)}
