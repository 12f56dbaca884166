"""The `mujoco` simulator: MuJoCo's C engine, threaded over the batch."""

from __future__ import annotations

from mimic_core import SimulatorSpec, hookimpl
from mimic_mujoco.settings import Settings


def build(config, model, control_dt, differentiable=False, altered=None):
    from mimic_mujoco.simulator import MujocoSimulator

    return MujocoSimulator(config, model, control_dt, altered)


def draw_altered(settings, model):
    from mimic_variation import draw_bodies

    return draw_bodies(settings, model)


@hookimpl
def mimic_simulators():
    yield SimulatorSpec(
        name="mujoco",
        config=Settings,
        build=build,
        rank={"cpu": 2.0, "gpu": 0.5, "tpu": 0.5},
        draw_altered=draw_altered,
        forces=True,
        summary="MuJoCo's C engine, threaded over the batch (fastest on a CPU; no gradient)",
        source="Todorov, Erez & Tassa 2012, doi:10.1109/IROS.2012.6386109",
    )
