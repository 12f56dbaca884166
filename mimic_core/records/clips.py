"""Reference clips: what a registration makes of keypoints, and what training imitates."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import numpy as np

from mimic_core.body.body import Body
from mimic_core.records.statistics import error_summary
from mimic_core.records.storage import Record, array, value

animals_unknown = attrs.Factory(lambda record: ("",) * len(record.clip_names), takes_self=True)


@attrs.frozen(kw_only=True)
class ReferenceClips(Record):
    """A registered animal: its body, and the movements as that body makes them.

    Positions are in the model's frame and at the model's size: a length of the animal is
    ``body.scale`` times the length here. NaN is missing; frames past a clip's end are NaN.

    Attributes:
        body: the body with its registered keypoint positions and scale.
        joint_names: names of the scalar joints, in the order of joint arrays derived from qpos.
        qpos, qvel: generalised coordinates and their rates at the recording's frames.
        site_pos: keypoint sites of the body at qpos.
        tracked_pos: what was tracked, moved into the model's frame and size.
        error_mm: distance between the two in millimetres of the animal.
        animals: whose movement each clip is; empty names where nobody said so.
        trust: how much of each tracked position the fit believed, 1 whole, 0 none (missing, or a jump of the tracking).
        alignment: per clip, the 4×4 map that carried recorded metres into model metres.
        start, start_qvel: the posture that an episode begins in, where it does not begin on the clip (None: all begin
            on it), and its rates (None: it is at rest).
        n_after: how many of a clip's last frames are seen coming, but not followed; None: none of any clip.
        remarks: sentences of the registration about this fit that a reader should know.
        provenance: settings, versions and input hashes that reproduce the fit.
    """

    KIND: ClassVar[str] = "clips"
    INSIDE: ClassVar = ("n_frames", ("qpos", "site_pos"))

    body: Body = value(type=Body)
    rate_hz: float = value(converter=float)
    clip_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    joint_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    keypoint_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    n_frames: np.ndarray = array(("clip",), "frame")
    qpos: np.ndarray = array(("clip", "frame", "qpos"), "rad, m")
    qvel: np.ndarray = array(("clip", "frame", "qvel"), "rad/s, m/s")
    site_pos: np.ndarray = array(("clip", "frame", "keypoint", "xyz"), "m")
    tracked_pos: np.ndarray = array(("clip", "frame", "keypoint", "xyz"), "m")
    error_mm: np.ndarray = array(("clip", "frame", "keypoint"), "mm")
    alignment: np.ndarray = array(("clip", "row", "column"), "1, m")
    animals: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple, default=animals_unknown)
    trust: np.ndarray | None = array(("clip", "frame", "keypoint"), "1", optional=True)
    start: np.ndarray | None = array(("clip", "qpos"), "rad, m", optional=True)
    start_qvel: np.ndarray | None = array(("clip", "qvel"), "rad/s, m/s", optional=True)
    n_after: np.ndarray | None = array(("clip",), "frame", optional=True)
    remarks: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple, default=())
    provenance: dict[str, Any] = value(default=attrs.Factory(dict))

    def error_summary(self) -> dict[str, Any]:
        """Mean, median, 95th percentile and maximum of the registration error, in millimetres of the animal."""
        return error_summary(self.error_mm, self.keypoint_names)
