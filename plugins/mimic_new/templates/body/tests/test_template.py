import mimic_template
import mujoco
import pytest

from mimic_core import BodyModel
from mimic_core.chain import built_body, installed
from mimic_core.testing import BodyConformance


class TestTemplate(BodyConformance):
    spec = next(iter(mimic_template.mimic_bodies()))


def test_keypoints_are_where_they_should_be():
    model = BodyModel.compile(built_body(installed(), TestTemplate.spec))
    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    found = dict(zip(model.keypoint_names, data.site_xpos[model.keypoint_site_ids], strict=True))
    assert found["Knee"] == pytest.approx([0, 0, -0.04], abs=1e-9)
    assert found["Toe"] == pytest.approx([0, 0, -0.08], abs=1e-9)
