"""Imports OpenSim's models (.osim), and exchanges movements and rollouts with OpenSim (.mot, .sto)."""

from __future__ import annotations

from mimic_core import FormatSpec, ImporterSpec, ReferenceClips, Rollouts, hookimpl
from mimic_osim.settings import ExportSettings, MovementSettings, Settings


def build(config):
    from functools import partial

    from mimic_osim.importer import read

    return partial(read, settings=config)


@hookimpl
def mimic_importers():
    yield ImporterSpec(
        name="osim",
        config=Settings,
        build=build,
        suffixes=(".osim",),
        summary="OpenSim's models; muscles become MuJoCo's, what cannot be kept is said line by line",
        source="Seth et al. 2018, doi:10.1371/journal.pcbi.1006223; muscles: Millard et al. 2013, doi:10.1115/1.4023390",
    )
