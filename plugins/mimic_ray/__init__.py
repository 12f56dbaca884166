"""The `ray` executor: the jobs of a sweep on the machines of a Ray cluster."""

from __future__ import annotations

from mimic_core import ExecutorSpec, hookimpl
from mimic_ray.settings import Settings


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
