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
        source="Seth et al. 2018, doi:10.1371/journal.pcbi.1006223",
    )


def build_movements(config):
    from mimic_osim.exchange import Movements

    return Movements(config)


def build_rollouts(config):
    from mimic_osim.exchange import RolloutTables

    return RolloutTables(config)


@hookimpl
def mimic_formats():
    yield FormatSpec(
        name="opensim",
        kind=ReferenceClips.KIND,
        config=MovementSettings,
        build=build_movements,
        suffixes=(".mot", ".sto"),
        reads=True,
        keypoints=False,
        summary="OpenSim's coordinates over time (.mot, .sto), as inverse kinematics writes them",
        source="OpenSim documentation, Storage (.sto) and Motion (.mot) files",
    )
    yield FormatSpec(
        name="opensim_rollouts",
        kind=Rollouts.KIND,
        config=ExportSettings,
        build=build_rollouts,
        suffixes=(".sto", ".mot"),
        summary="rollouts as OpenSim's tables: states, controls, coordinates or muscle forces",
        source="OpenSim documentation, Storage (.sto) and Motion (.mot) files",
    )
