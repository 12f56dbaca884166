"""Disturbances of a trained controller while it acts, and the analysis of recovery from them."""

from __future__ import annotations

from mimic_core import AnalysisSpec, PerturbationSpec, Reads, hookimpl
from mimic_perturb.settings import (
    Ablation,
    ForcePulse,
    IntentionNoise,
    Lesion,
    Recovery,
    SensorimotorNoise,
    SensoryDelay,
    Weakening,
)


def build_perturbation(config, context):
    from mimic_perturb.perturbations import BUILDERS

    return BUILDERS[type(config)](config, context)


def build_recovery(config: Recovery):
    from mimic_perturb.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_perturbations():
    for name, config, summary in (
        ("force_pulse", ForcePulse, "a force on one body for a short time"),
        ("ablation", Ablation, "muscles that give no force"),
        ("weakening", Weakening, "muscles with a share of their maximum isometric force"),
        ("sensory_delay", SensoryDelay, "senses that are later than in training"),
        ("intention_noise", IntentionNoise, "noise in the controller's intention"),
        ("lesion", Lesion, "units of the network that are silent"),
        ("sensorimotor_noise", SensorimotorNoise, "noise in senses and muscles"),
    ):
        yield PerturbationSpec(name=name, config=config, build=build_perturbation, summary=summary)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="recovery",
        config=Recovery,
        build=build_recovery,
        reads=(Reads("rollouts"), Reads("perturbed", several=True)),
        summary="how far perturbed rollouts leave the undisturbed ones, how fast they come back, which muscles respond",
    )
