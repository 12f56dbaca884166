"""Settings of the trainers."""

from __future__ import annotations

from pathlib import Path

import attrs

from mimic_core.trainer import LoopSettings

DECODER, ALL = "decoder", "all"
"""What of another run's network a training may begin with."""
positive = attrs.validators.gt(0)
at_least_zero = attrs.validators.ge(0)
at_least_one = attrs.validators.ge(1)
share = [attrs.validators.ge(0), attrs.validators.le(1)]
widths = attrs.validators.deep_iterable(attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class NetworkSettings(LoopSettings):
    """Settings that both trainers share; those of the loop around them are in `mimic_core.trainer.LoopSettings`.

    Attributes:
        network: ``mlp``, or ``lstm`` for a recurrent layer before the decoder.
        encoder_layers, decoder_layers, critic_layers: widths of the hidden layers.
        lstm_size: units of the recurrent layer.
        intention_size: dimensions of the intention.
        prior: of the intention: ``normal`` is N(0, 1); ``autoregressive`` is N(0.95·z_{t−1}, 1 − 0.95²), which favours
            intentions that change slowly.
        initial_std: standard deviation of actions before tanh, in the beginning, where they are sampled; None: 0.69.
        kl_weight: weight of the KL divergence of the intention from its prior.
        kl_warmup: share of the training over which that weight rises from 0.
        cost_warmup: share of the training over which the weights of costs rise from 0. A cost that is high from the
            start may leave the body limp before it has learned to follow.
        start_from: folder of a run of the same body whose network the training begins with; left out: with a new one.
        reuse: what of it: ``decoder``, which learns no more, so that what is learned is to send it intentions; or
            ``all``, which goes on learning.
        steps: control steps to train for, over all environments.
    """

    network: str = attrs.field(default="mlp", validator=attrs.validators.in_(("mlp", "lstm")))
    encoder_layers: tuple[int, ...] = attrs.field(default=(128, 128), validator=widths)
    decoder_layers: tuple[int, ...] = attrs.field(default=(128, 128), validator=widths)
    critic_layers: tuple[int, ...] = attrs.field(default=(128, 128), validator=widths)
    lstm_size: int = attrs.field(default=128, validator=at_least_one)
    intention_size: int = attrs.field(default=4, validator=at_least_one)
    prior: str = attrs.field(default="normal", validator=attrs.validators.in_(("normal", "autoregressive")))
    initial_std: float | None = attrs.field(default=None, validator=attrs.validators.optional(positive))
    kl_weight: float = attrs.field(default=1e-5, validator=at_least_zero)
    kl_warmup: float = attrs.field(default=0.0, validator=share)
    cost_warmup: float = attrs.field(default=0.0, validator=share)
    start_from: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    reuse: str = attrs.field(default=DECODER, validator=attrs.validators.in_((DECODER, ALL)))
    steps: int = attrs.field(default=1_000_000, validator=at_least_one)


@attrs.frozen(kw_only=True)
class ApgSettings(NetworkSettings):
    """Analytic policy gradients: the gradient of the reward flows through the physics.

    Attributes:
        horizon: control steps per segment. None takes 60 where actuators have a state of their own, as muscles do
            (a muscle answers over 10 to 40 ms), and 10 for torques, which act at once: over a longer segment
            their gradient grows too large to follow. What comes after a segment's end does not count, so where rewards
            differ little near the reference, and effort costs, a short one teaches to let the body fall.
        environments: segments per update. None takes as many as make 1920 control steps.
        horizons, batches: segments' lengths, and control steps per update, for parts of the training of equal length,
            for example horizons = [10, 20, 40]; instead of ``horizon`` and ``environments``.
        learning_rate: at the start; it falls to a hundredth along a cosine.
        max_gradient_norm: gradients are scaled down to this global norm.
        bootstrap: a critic says which way the worth of what comes after each segment slopes, and episodes go on from
            segment to segment until their clip ends (the segments of Xu et al. 2022, arXiv 2204.07137). Without it
            every segment begins in the reference's state, and what comes after it does not count.
        restarted: share of the segments after which an episode does not go on, but another begins near the reference,
            with ``bootstrap``: from where a body has fallen no slope leads back.
        discount: γ per control step, with ``bootstrap``.
        critic_learning_rate, critic_passes: the critic's own, and how often it goes over each segment.
        critic_warmup: share of the training over which the weight of the critic's slope rises from 0 to 1: that of a
            critic that has learned nothing leads anywhere.
    """

    steps: int = attrs.field(default=600_000, validator=at_least_one)
    environments: int | None = attrs.field(default=None, validator=attrs.validators.optional(at_least_one))
    horizon: int | None = attrs.field(default=None, validator=attrs.validators.optional(at_least_one))
    horizons: tuple[int, ...] = attrs.field(default=(), validator=widths)
    batches: tuple[int, ...] = attrs.field(default=(), validator=widths)
    learning_rate: float = attrs.field(default=3e-3, validator=positive)
    max_gradient_norm: float = attrs.field(default=1.0, validator=positive)
    bootstrap: bool = False
    restarted: float = attrs.field(default=0.5, validator=share)
    discount: float = attrs.field(default=0.97, validator=share)
    critic_learning_rate: float = attrs.field(default=1e-3, validator=positive)
    critic_passes: int = attrs.field(default=4, validator=at_least_one)
    critic_warmup: float = attrs.field(default=0.1, validator=share)

    def __attrs_post_init__(self) -> None:
        if self.horizons and self.horizon is not None:
            raise ValueError("horizons is given as well as horizon; leave one of them out")
        if self.batches and self.environments is not None:
            raise ValueError("batches is given as well as environments; leave one of them out")
        if self.bootstrap and (len(self.horizons) > 1 or len(self.batches) > 1):
            raise ValueError("bootstrap keeps its environments throughout; give one horizon and one batch")


@attrs.frozen(kw_only=True)
class PpoSettings(NetworkSettings):
    """Proximal policy optimisation (Schulman et al. 2017).

    Attributes:
        environments: run side by side.
        batch_size: unrolls per minibatch; with ``minibatches`` it decides how many unrolls each environment
            makes between updates: batch_size·minibatches / environments.
        minibatches: per pass over the data.
        passes: over the data per update.
        unroll: control steps per unroll.
        clip: ε of the clipped objective.
        discount: γ per control step.
        gae_lambda: λ of generalised advantage estimation (Schulman et al. 2016).
        entropy: weight of the entropy bonus.
        value_weight: weight of the critic's squared error.
    """

    steps: int = attrs.field(default=5_000_000, validator=at_least_one)
    environments: int = attrs.field(default=512, validator=at_least_one)
    batch_size: int = attrs.field(default=128, validator=at_least_one)
    minibatches: int = attrs.field(default=8, validator=at_least_one)
    passes: int = attrs.field(default=4, validator=at_least_one)
    unroll: int = attrs.field(default=20, validator=at_least_one)
    learning_rate: float = attrs.field(default=3e-4, validator=positive)
    clip: float = attrs.field(default=0.2, validator=positive)
    discount: float = attrs.field(default=0.95, validator=share)
    gae_lambda: float = attrs.field(default=0.95, validator=share)
    entropy: float = attrs.field(default=1e-3, validator=at_least_zero)
    value_weight: float = attrs.field(default=0.5, validator=at_least_zero)
    max_gradient_norm: float = attrs.field(default=1.0, validator=positive)

    def __attrs_post_init__(self) -> None:
        if (self.batch_size * self.minibatches) % self.environments:
            raise ValueError(
                f"batch_size·minibatches = {self.batch_size * self.minibatches} must be a multiple of "
                f"environments = {self.environments}"
            )
