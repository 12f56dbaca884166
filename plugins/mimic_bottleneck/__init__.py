"""Two trainers over one network: encoder → Gaussian intention → decoder, with a critic beside it."""

from __future__ import annotations

from mimic_bottleneck.presets import APG_PRESETS, PPO_PRESETS
from mimic_bottleneck.settings import ApgSettings, PpoSettings
from mimic_core import PolicySpec, hookimpl

_TRACED = ("seed", "policy.learning_rate", "policy.kl_weight", "rewards.*.weight", "rewards.*.scale")


def build_apg(config, task):
    from mimic_bottleneck.apg import AnalyticPolicyGradient

    return AnalyticPolicyGradient(config, task)


def build_ppo(config, task):
    from mimic_bottleneck.ppo import ProximalPolicyOptimisation

    return ProximalPolicyOptimisation(config, task)


@hookimpl
def mimic_policies():
    yield PolicySpec(
        name="bottleneck_apg",
        config=ApgSettings,
        build=build_apg,
        presets=APG_PRESETS,
        free_root="free",
        differentiable=True,
        traced=(*_TRACED, "policy.discount"),
        default=True,
        summary="gradients of the reward through the physics: accurate in a minute on a laptop",
        source="Wiedemann et al. 2023 (arXiv 2209.13052); network as in Leonardis et al. 2025",
    )
    yield PolicySpec(
        name="bottleneck_ppo",
        config=PpoSettings,
        build=build_ppo,
        presets=PPO_PRESETS,
        free_root="free",
        traced=(*_TRACED, "policy.discount", "policy.gae_lambda", "policy.entropy", "policy.clip"),
        summary="proximal policy optimisation, the paper's method",
        source="Schulman et al. 2017 (arXiv 1707.06347); settings of Leonardis et al. 2025, Table 2",
    )
