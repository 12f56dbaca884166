"""What a registration is: keypoints and a body in, reference clips out."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core.body.body import Body
from mimic_core.plugins.component import ComponentSpec
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.keypoints import Keypoints

Progress = Callable[[float, float, dict[str, float]], None]
Register = Callable[[Keypoints, Progress], ReferenceClips]
"""``register(keypoints, progress) -> ReferenceClips``; ``progress(done, total, metrics)``."""


@attrs.frozen(kw_only=True)
class RegistrationSpec(ComponentSpec):
    """A registration method. ``build(config, body: Body) -> Register``.

    The keypoints handed to it have exactly the body's keypoint names, in the body's order (see
    `match_keypoints`), in metres, finite or NaN.

    Attributes:
        build_calibrated: ``build_calibrated(config, calibration: Calibration) -> Register`` for a method that can
            keep the body of an animal that was registered before and fit only its movements; None if it cannot.
    """

    build_calibrated: Callable[..., Register] | None = None


def match_keypoints(keypoints: Keypoints, body: Body) -> tuple[Keypoints, Body]:
    """Bring keypoints and body to the names that both have, in the body's order and spelling.

    Names match regardless of case. Keypoints of the file that the body lacks are left out; so are
    keypoints of the body that the file lacks.

    Raises:
        DataError: they have fewer than two keypoints in common.
    """
    from mimic_core.errors import DataError

    lower = {n.lower(): i for i, n in enumerate(keypoints.names)}
    common = tuple(n for n in body.keypoints if n.lower() in lower)
    where = keypoints.files[0] if keypoints.files else keypoints.clip_names[0]
    if len(common) < 2:
        raise DataError(
            f"{where}: has keypoints {', '.join(keypoints.names)}, but body {body.name} needs at least two of "
            f"{', '.join(body.keypoints)}; rename the columns or choose another body"
        )
    pick = [lower[n.lower()] for n in common]
    confidence = None if keypoints.confidence is None else keypoints.confidence[:, :, pick]
    matched = attrs.evolve(keypoints, names=common, positions=keypoints.positions[:, :, pick], confidence=confidence)
    return matched, body.with_keypoints(common)
