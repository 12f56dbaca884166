"""A file layout of another program: joint angles as csv, a row for each frame. It is written, not read."""

import csv

import attrs
import numpy as np

from mimic_core import BodyModel, FormatSpec, atomic_path, hookimpl


@attrs.frozen
class Template:
    """Settings of the file.

    Attributes:
        digits: after the point.
    """

    digits: int = attrs.field(default=6, validator=attrs.validators.ge(1))

    def write(self, record, path):
        """Write clip, time (s) and joint angles (degrees; slides in mm) of `ReferenceClips`."""
        model = BodyModel.compile(record.body)
        values = np.where(model.is_hinge, np.rad2deg(1.0), 1e3) * record.qpos[..., model.joint_qposadr]
        with atomic_path(path) as tmp, tmp.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(["clip", "time_s", *model.joint_names])
            for name, n, clip in zip(record.clip_names, record.n_frames, values, strict=True):
                for frame, row in enumerate(clip[:n]):
                    out.writerow([name, frame / record.rate_hz, *(f"{v:.{self.digits}f}" for v in row)])


@hookimpl
def mimic_formats():
    yield FormatSpec(
        name="template",
        config=Template,
        build=lambda config: config,
        suffixes=(".csv",),
        summary="joint angles in degrees (.csv)",
    )
