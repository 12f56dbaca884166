"""Settings of playback."""

from __future__ import annotations

import attrs
from attrs.validators import and_, ge, gt, in_, le

RENDERERS = ("auto", "egl", "osmesa", "cgl", "glfw", "matplotlib")


@attrs.frozen
class Playback:
    """How a rollout is played.

    Attributes:
        speed: seconds of the movement in one second of playback; 1 is real time.
        fps: pictures per second of the video; a gif's are rounded to what its format can hold.
        width, height: of a picture, pixels; rounded up to even numbers, which mp4 needs.
        camera: ``auto``, or azimuth and elevation of the direction of view in degrees, as in ``90,-15``: azimuth 0
            looks along x, 90 along y, a negative elevation looks down.
        beside: show the reference at the body's side instead of over it.
        renderer: ``egl``, ``osmesa`` (no screen needed), ``cgl`` (macOS) and ``glfw`` (a window) are MuJoCo's ways to
            draw; ``matplotlib`` draws outlines and works everywhere; ``auto`` takes the first that works.
    """

    speed: float = attrs.field(default=0.1, validator=and_(gt(0), le(100)))
    fps: float = attrs.field(default=25.0, validator=and_(gt(0), le(240)))
    width: int = attrs.field(default=960, converter=lambda n: n + n % 2, validator=and_(ge(240), le(7680)))
    height: int = attrs.field(default=720, converter=lambda n: n + n % 2, validator=and_(ge(180), le(4320)))
    camera: str = attrs.field(default="auto")
    beside: bool = False
    renderer: str = attrs.field(default="auto", validator=in_(RENDERERS))

    @camera.validator
    def _is_a_direction(self, attribute: attrs.Attribute, camera: str) -> None:
        if camera != "auto":
            angles_deg(camera)


def angles_deg(camera: str) -> tuple[float, float]:
    """Return azimuth and elevation (deg) of a camera that is not ``auto``.

    Raises:
        ValueError: the text is no two angles.
    """
    try:
        azimuth, elevation = (float(angle) for angle in camera.split(","))
    except ValueError:
        raise ValueError(f"must be auto, or azimuth and elevation in degrees such as 90,-15; got {camera!r}") from None
    if not (abs(azimuth) <= 360 and abs(elevation) <= 90):
        raise ValueError(f"must have an azimuth within ±360 and an elevation within ±90 degrees, got {camera!r}")
    return azimuth, elevation
