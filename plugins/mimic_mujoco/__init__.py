"""The `mujoco` simulator: MuJoCo's C engine, threaded over the batch."""

from __future__ import annotations

import attrs

from mimic_core import SimulatorSpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of the C engine.

    Attributes:
        threads: worker threads; 0 takes one per core.
        integrator: ``body`` keeps the body's own; ``implicitfast`` and ``euler`` are about three times
            faster and less exact, which is enough to gather experience with.
    """

    threads: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    integrator: str = attrs.field(
        default="body", validator=attrs.validators.in_(("body", "euler", "implicitfast", "rk4"))
    )


def build(config, model, control_dt, differentiable=False, altered=None):
    from mimic_mujoco.simulator import MujocoSimulator

    return MujocoSimulator(config, model, control_dt, altered)


@hookimpl
def mimic_simulators():
    yield SimulatorSpec(
        name="mujoco",
        config=Settings,
        build=build,
        rank={"cpu": 2.0, "gpu": 0.5, "tpu": 0.5},
        altered=True,
        forces=True,
        summary="MuJoCo's C engine, threaded over the batch (fastest on a CPU; no gradient)",
        source="Todorov, Erez & Tassa 2012, doi:10.1109/IROS.2012.6386109",
    )
