"""A body: the MuJoCo model in ``model.xml``, described in ``body.toml``."""

from pathlib import Path

from mimic_core import BodySpec, hookimpl


@hookimpl
def mimic_bodies():
    yield BodySpec(
        name="template",
        description=Path(__file__).parent / "body.toml",
        summary="a leg of two segments, a motor at each joint",
    )
