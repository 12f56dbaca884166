"""The `ray` executor: the jobs of a sweep on the machines of a Ray cluster."""

from __future__ import annotations

import attrs

from mimic_core import ExecutorSpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of the Ray executor.

    Attributes:
        address: of the cluster: ``auto`` is the one that this machine belongs to, ``HOST:PORT`` another one's head,
            ``local`` a cluster of this machine alone, begun for the sweep.
        cpus: cores that a job needs; so many jobs share a machine as its cores allow.
        gpus: accelerators that a job needs; a fraction shares one.
        retries: how often a job whose process or machine dies is begun again.
    """

    address: str = "auto"
    cpus: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    gpus: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    retries: int = attrs.field(default=3, validator=attrs.validators.ge(0))


def build(config: Settings):
    from mimic_ray.cluster import executor

    return executor(config)


@hookimpl
def mimic_executors():
    yield ExecutorSpec(
        name="ray",
        config=Settings,
        build=build,
        summary="the machines of a Ray cluster, also inside a Slurm allocation (needs the extra 'ray')",
        source="Moritz et al. 2018, arXiv 1712.05889",
    )
