"""The `mjx` simulator: MuJoCo written in JAX, for accelerators and for gradients."""

from __future__ import annotations

from mimic_core import SimulatorSpec, hookimpl
from mimic_mjx.settings import Settings


def build(config, model, control_dt, differentiable=False, altered=None):
    from mimic_mjx.simulator import MjxSimulator

    return MjxSimulator(config, model, control_dt, differentiable, altered)


def view_lacks(model):
    from mimic_mjx.differentiable import dynamics_of, left_out

    body, step = model.mj_model, model.mj_model.opt.timestep
    if lost := left_out(body, step):
        return ", ".join(lost)
    way = dynamics_of(body, step)
    # the others can do it too, but no faster than the C engine
    return None if way == "compact" else "the speed of a small tree without contacts"


def draw_altered(settings, model):
    from mimic_variation import draw_bodies

    return draw_bodies(settings, model)


@hookimpl
def mimic_simulators():
    yield SimulatorSpec(
        name="mjx",
        config=Settings,
        build=build,
        rank={"cpu": 1.0, "gpu": 2.0, "tpu": 2.0},
        differentiable=True,
        view_lacks=view_lacks,
        draw_altered=draw_altered,
        forces=True,
        summary="MuJoCo in JAX: runs on accelerators, and its differentiable view has gradients",
        source="MuJoCo XLA, mujoco-mjx 3.17",
    )
