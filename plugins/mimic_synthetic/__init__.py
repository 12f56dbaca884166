"""The `reaches` generator: synthetic reaching movements of any body, for demonstrations and tests."""

from __future__ import annotations

from mimic_core import GeneratorSpec, hookimpl
from mimic_synthetic.settings import Settings


def build(config, model, seed):
    from mimic_synthetic.reaches import Reaches

    return Reaches(config, model, seed)


@hookimpl
def mimic_generators():
    yield GeneratorSpec(
        name="reaches",
        config=Settings,
        build=build,
        default=True,
        summary="minimum-jerk reaches to several targets, with tracking noise and gaps",
        source="Flash & Hogan 1985, doi:10.1523/JNEUROSCI.05-07-01688.1985",
    )
