"""Two trainers over one network: encoder → Gaussian intention → decoder, with a critic beside it."""

from __future__ import annotations

import attrs

from mimic_core import PolicySpec, hookimpl

positive = attrs.validators.gt(0)
at_least_one = attrs.validators.ge(1)
share = [attrs.validators.ge(0), attrs.validators.le(1)]
widths = attrs.validators.deep_iterable(attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class NetworkSettings:
    """Settings that both trainers share.

    Attributes:
        encoder_layers, decoder_layers, critic_layers: widths of the hidden layers.
        intention_size: dimensions of the intention.
        kl_weight: weight of the KL divergence of the intention from a standard normal.
        steps: control steps to train for, over all environments.
        evaluations: how often tracking on the held-out clips is measured, evenly spread.
        checkpoints_kept: older ones are deleted.
    """

    encoder_layers: tuple[int, ...] = attrs.field(default=(128, 128), validator=widths)
    decoder_layers: tuple[int, ...] = attrs.field(default=(128, 128), validator=widths)
    critic_layers: tuple[int, ...] = attrs.field(default=(128, 128), validator=widths)
    intention_size: int = attrs.field(default=4, validator=at_least_one)
    kl_weight: float = attrs.field(default=1e-5, validator=attrs.validators.ge(0))
    steps: int = attrs.field(default=1_000_000, validator=at_least_one)
    evaluations: int = attrs.field(default=10, validator=at_least_one)
    checkpoints_kept: int = attrs.field(default=2, validator=at_least_one)


@attrs.frozen(kw_only=True)
class ApgSettings(NetworkSettings):
    """Analytic policy gradients: the gradient of the reward flows through the physics.

    Attributes:
        horizon: control steps per segment. None takes 30 where actuators have a state of their own, as muscles do
            (a muscle answers over 10 to 40 ms), and 10 for torques, which act at once: over a longer segment
            their gradient grows too large to follow.
        environments: segments per update. None takes as many as make 1920 control steps.
        learning_rate: at the start; it falls to a hundredth along a cosine.
        max_gradient_norm: gradients are scaled down to this global norm.
    """

    steps: int = attrs.field(default=600_000, validator=at_least_one)
    environments: int | None = attrs.field(default=None, validator=attrs.validators.optional(at_least_one))
    horizon: int | None = attrs.field(default=None, validator=attrs.validators.optional(at_least_one))
    learning_rate: float = attrs.field(default=3e-3, validator=positive)
    max_gradient_norm: float = attrs.field(default=1.0, validator=positive)


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
    entropy: float = attrs.field(default=1e-3, validator=attrs.validators.ge(0))
    value_weight: float = attrs.field(default=0.5, validator=attrs.validators.ge(0))
    max_gradient_norm: float = attrs.field(default=1.0, validator=positive)

    def __attrs_post_init__(self) -> None:
        if (self.batch_size * self.minibatches) % self.environments:
            raise ValueError(
                f"batch_size·minibatches = {self.batch_size * self.minibatches} must be a multiple of "
                f"environments = {self.environments}"
            )


def build_apg(config, task):
    from mimic_bottleneck.apg import AnalyticPolicyGradient

    return AnalyticPolicyGradient(config, task)


def build_ppo(config, task):
    from mimic_bottleneck.ppo import ProximalPolicyOptimisation

    return ProximalPolicyOptimisation(config, task)


def read_meta(directory):
    from mimic_bottleneck.checkpoint import read_meta as read

    return read(directory)


_PAPER_NETWORK = {
    "encoder_layers": [512, 512, 512],
    "decoder_layers": [512, 512, 512],
    "critic_layers": [512, 512, 512],
    "intention_size": 4,
    "kl_weight": 1e-5,
}
_PAPER_REWARDS = {"joint": {"weight": 5.0, "scale": 0.2}, "control": {"weight": 0.15}, "energy": {"weight": 0.01}}
_ACCURATE_REWARDS = {"joint": {"weight": 5.0, "scale": 20.0}, "control": {"weight": 0.005}, "energy": False}

_JOINT_ONLY_REWARDS = {**_PAPER_REWARDS, "control": {"weight": 0.0}, "energy": {"weight": 0.0}}
_PAPER_PPO = {
    **_PAPER_NETWORK,
    "environments": 4096,
    "batch_size": 1024,
    "minibatches": 8,
    "unroll": 20,
    "learning_rate": 1e-4,
    "clip": 0.2,
    "discount": 0.95,
    "entropy": 1e-3,
    "gae_lambda": 0.95,
    "steps": 40_000_000,
}


def _presets(laptop: dict, paper: dict) -> dict:
    """`paper` and `physics_aware` are one setting of Table 2, `joint_only` the other."""
    return {
        "laptop": laptop,
        "paper": {"policy": paper, "rewards": _PAPER_REWARDS},
        "physics_aware": {"policy": paper, "rewards": _PAPER_REWARDS},
        "joint_only": {"policy": paper, "rewards": _JOINT_ONLY_REWARDS},
    }


APG_PRESETS = _presets(
    {"rewards": _ACCURATE_REWARDS, "task": {"initial_joint_noise": 0.02, "initial_velocity_noise": 1.0}}, _PAPER_NETWORK
)
PPO_PRESETS = _presets(
    {"policy": {"learning_rate": 1e-3}, "rewards": _ACCURATE_REWARDS, "simulator": {"integrator": "euler"}}, _PAPER_PPO
)


@hookimpl
def mimic_policies():
    yield PolicySpec(
        name="bottleneck_apg",
        config=ApgSettings,
        build=build_apg,
        presets=APG_PRESETS,
        differentiable=True,
        default=True,
        read_meta=read_meta,
        summary="gradients of the reward through the physics: accurate in a minute on a laptop",
        source="Wiedemann et al. 2023 (arXiv 2209.13052); network as in Leonardis et al. 2025",
    )
    yield PolicySpec(
        name="bottleneck_ppo",
        config=PpoSettings,
        build=build_ppo,
        presets=PPO_PRESETS,
        read_meta=read_meta,
        summary="proximal policy optimisation, the paper's method",
        source="Schulman et al. 2017 (arXiv 1707.06347); settings of Leonardis et al. 2025, Table 2",
    )
