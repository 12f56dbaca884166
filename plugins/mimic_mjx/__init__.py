"""The `mjx` simulator: MuJoCo written in JAX, for accelerators and for gradients."""

from __future__ import annotations

from mimic_core import SimulatorSpec, hookimpl
from mimic_mjx.settings import Settings


def build(config, model, control_dt, differentiable=False, altered=None):
    from mimic_mjx.simulator import MjxSimulator

    return MjxSimulator(config, model, control_dt, differentiable, altered)


def view_lacks(model):
    from mimic_mjx.differentiable import differentiable_view, left_out
    from mimic_mjx.tree import unsupported

    body = model.mj_model
    # what the tree's dynamics do not know the view can do too, but no faster than the C engine
    return left_out(body) or unsupported(differentiable_view(body, body.opt.timestep))


@hookimpl
def mimic_simulators():
    yield SimulatorSpec(
        name="mjx",
        config=Settings,
        build=build,
        rank={"cpu": 1.0, "gpu": 2.0, "tpu": 2.0},
        differentiable=True,
        view_lacks=view_lacks,
        altered=True,
        forces=True,
        summary="MuJoCo in JAX: runs on accelerators, and its differentiable view has gradients",
        source="MuJoCo XLA, mujoco-mjx 3.17",
    )
