"""From an OpenSim model to a body."""

from __future__ import annotations

import attrs

from mimic_core import Body, Description
from mimic_modelling.make import make_body
from mimic_osim.convert import DEFAULT_POSE, convert
from mimic_osim.settings import Settings


def read(description: Description, settings: Settings | None = None) -> Body:
    """Make a body of an OpenSim model, see `mimic_osim.convert.convert`.

    Joints are named after coordinates, sites after markers, muscles as in the model; its default pose is the body's
    reference pose. What is not as in the model is in ``Body.remarks``, line by line.

    Raises:
        PluginError: the package `opensim` is missing.
        DataError: OpenSim cannot read the model, or no body can be made of it.
    """
    settings = settings or Settings()
    converted = convert(description.model, settings, description.root, description.where)
    settings = attrs.evolve(settings, keyframe=settings.keyframe or DEFAULT_POSE)
    return make_body(converted.tree, {}, description, settings, converted.remarks)
