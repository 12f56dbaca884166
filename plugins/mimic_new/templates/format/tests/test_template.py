import csv

import mimic_template
import numpy as np

from mimic_core.testing import FormatConformance, toy_clips


class TestTemplate(FormatConformance):
    spec = next(iter(mimic_template.mimic_formats()))


def test_angles_in_degrees(tmp_path):
    clips = toy_clips(frames=(5, 4))
    mimic_template.Template().write(clips, tmp_path / "angles.csv")
    rows = list(csv.DictReader((tmp_path / "angles.csv").open()))
    assert len(rows) == 9
    assert abs(float(rows[0]["elbow"]) - np.rad2deg(clips.qpos[0, 0, clips.joint_names.index("elbow")])) < 1e-5
