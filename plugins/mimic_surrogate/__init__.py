"""The `surrogate` simulator: steps of one engine, slopes of another."""

from __future__ import annotations

from mimic_core import SimulatorSpec, hookimpl
from mimic_surrogate.settings import Settings


def build(config, model, control_dt, differentiable=False, altered=None):
    from mimic_surrogate.simulator import build as built

    return built(config, model, control_dt, differentiable, altered)


def draw_altered(settings, model):
    from mimic_variation import draw_bodies

    return draw_bodies(settings, model)


@hookimpl
def mimic_simulators():
    yield SimulatorSpec(
        name="surrogate",
        config=Settings,
        build=build,
        rank={"cpu": 0.2},
        differentiable=True,
        draw_altered=draw_altered,
        forces=True,
        summary="Steps of MuJoCo's C engine with the slopes of MJX's view of the body, for contacts and gradients",
        source="Song, Kim & Scaramuzza 2024, arXiv 2403.14864",
    )
