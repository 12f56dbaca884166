"""Imports MJCF, MuJoCo's own format, so that a description of a body may name such a model."""

from __future__ import annotations

from mimic_core import ImporterSpec, hookimpl
from mimic_modelling.settings import Settings


def build(config):
    from functools import partial

    from mimic_mjcf.importer import read

    return partial(read, settings=config)


@hookimpl
def mimic_importers():
    yield ImporterSpec(
        name="mjcf",
        config=Settings,
        build=build,
        suffixes=(".xml", ".mjcf"),
        summary="MuJoCo's own format; every number stays as the file has it",
        source="MuJoCo documentation, XML reference",
    )
