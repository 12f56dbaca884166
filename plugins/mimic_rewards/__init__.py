"""Reward terms, one file each."""

from __future__ import annotations

from mimic_core import RewardSpec, hookimpl
from mimic_rewards import control, energy, joint

_TABLE = "Leonardis et al. 2025 (arXiv 2511.21848), section 2.6 and Table 2"


@hookimpl
def mimic_rewards():
    yield RewardSpec(
        name="joint",
        config=joint.Joint,
        build=joint.build,
        units="1",
        weight=5.0,
        summary="closeness of joint angles, exp(−scale·Σ(q−q̂)²)",
        source=_TABLE,
    )
    yield RewardSpec(
        name="control",
        config=control.Control,
        build=control.build,
        units="1",
        cost=True,
        weight=0.15,
        summary="cost of excitation, Σ excitation²",
        source=_TABLE,
    )
    yield RewardSpec(
        name="energy",
        config=energy.Energy,
        build=energy.build,
        units="W",
        cost=True,
        weight=0.01,
        summary="cost of energy, Σ|joint velocity|·|actuator force|",
        source=_TABLE,
    )
