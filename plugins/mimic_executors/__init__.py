"""Executors of a sweep's jobs: `local` in processes on this machine, `ray` on the machines of a Ray cluster."""

from __future__ import annotations

from mimic_core import ExecutorSpec, hookimpl
from mimic_executors.settings import LocalSettings, RaySettings


def build_local(config: LocalSettings):
    from mimic_executors.here import executor

    return executor(config)


def build_ray(config: RaySettings):
    from mimic_executors.cluster import executor

    return executor(config)


@hookimpl
def mimic_executors():
    yield ExecutorSpec(
        name="local",
        config=LocalSettings,
        build=build_local,
        default=True,
        summary="processes on this machine, one after the other or several at once",
    )
    yield ExecutorSpec(
        name="ray",
        config=RaySettings,
        build=build_ray,
        summary="the machines of a Ray cluster, also inside a Slurm allocation (needs the extra 'ray')",
        source="Moritz et al. 2018, arXiv 1712.05889",
    )
