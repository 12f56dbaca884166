"""Imports MJCF, MuJoCo's own format, so that a description of a body may name such a model."""

from __future__ import annotations

from mimic_core import ImporterSpec, hookimpl


def build(config):
    from mimic_mjcf.importer import read

    return read


@hookimpl
def mimic_importers():
    yield ImporterSpec(
        name="mjcf",
        build=build,
        suffixes=(".xml", ".mjcf"),
        summary="MuJoCo's own format; every number stays as the file has it",
        source="MuJoCo documentation, XML reference",
    )
