"""The `stac` registration: simultaneous tracking and calibration of a body to 3D keypoints."""

from __future__ import annotations

from mimic_core import RegistrationSpec, hookimpl
from mimic_stac.settings import Settings


def build(config, body):
    from mimic_stac.register import Registration

    return Registration(config, body)


def build_calibrated(config, calibration):
    from mimic_stac.register import Registration

    return Registration(config, calibration.body, calibration)


@hookimpl
def mimic_registrations():
    yield RegistrationSpec(
        name="stac",
        config=Settings,
        build=build,
        build_calibrated=build_calibrated,
        default=True,
        summary="joint angles, keypoint offsets, scale and alignment fitted together, within joint limits",
        source="Wu, Tran, Kirk & Todorov 2013, doi:10.1109/HUMANOIDS.2013.7029995 (STAC)",
    )
