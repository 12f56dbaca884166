import json

import mimic_template
import mujoco
import pytest

from mimic_core import BodyModel, DataError, Description, Place
from mimic_core.testing import ImporterConformance


class TestTemplate(ImporterConformance):
    spec = next(iter(mimic_template.mimic_importers()))


def described(folder, link="shank"):
    file = folder / "leg.template"
    links = [{"name": "thigh", "length": 0.04, "mass": 0.01}, {"name": "shank", "length": 0.03, "mass": 0.006}]
    file.write_text(json.dumps({"links": links}))
    keypoints = {"knee": Place(body="thigh"), "toe": Place(body=link)}
    return Description(name="leg", model=file, keypoint_spread_mm=3.0, keypoints=keypoints, where="leg.toml")


def test_a_leg(tmp_path):
    model = BodyModel.compile(mimic_template.read(described(tmp_path)))
    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    assert model.joint_names == ("thigh", "shank")
    assert data.site("toe").xpos == pytest.approx([0, 0, -0.07])


def test_a_link_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"leg\.toml: keypoints\.toe: no link 'foot'"):
        mimic_template.read(described(tmp_path, "foot"))
