"""Generators of synthetic movements of any body: reaches of one that is fixed in space, gaits of a free one."""

from __future__ import annotations

from mimic_core import GeneratorSpec, hookimpl
from mimic_synthetic.settings import Gait, Settings, Targets


def build(config, model, seed):
    from mimic_synthetic.reaches import Reaches

    return Reaches(config, model, seed)


def build_targets(config, model, seed):
    from mimic_synthetic.targets import EndpointReaches

    return EndpointReaches(config, model, seed)


def build_gait(config, model, seed):
    from mimic_synthetic.gait import Walking

    return Walking(config, model, seed)


@hookimpl
def mimic_generators():
    yield GeneratorSpec(
        name="reaches",
        config=Settings,
        build=build,
        default=True,
        suits=lambda model: model.root is None,
        summary="minimum-jerk reaches to several targets, with tracking noise and gaps",
        source="Flash & Hogan 1985, doi:10.1523/JNEUROSCI.05-07-01688.1985",
    )
    yield GeneratorSpec(
        name="targets",
        config=Targets,
        build=build_targets,
        suits=lambda model: model.root is None,
        summary="a keypoint goes straight to targets within reach, joints by inverse kinematics",
        source="Flash & Hogan 1985, doi:10.1523/JNEUROSCI.05-07-01688.1985",
    )
    yield GeneratorSpec(
        name="gait",
        config=Gait,
        build=build_gait,
        suits=lambda model: model.root is not None,
        summary="a free animal walks: feet in turn by inverse kinematics, or a wave along a body without feet",
        source="Alexander & Jayes 1983, doi:10.1111/j.1469-7998.1983.tb04266.x (speed); Hirose 1993 (serpenoid curve)",
    )
