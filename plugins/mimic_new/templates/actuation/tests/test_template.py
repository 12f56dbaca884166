import mimic_template
import mujoco
import pytest

from mimic_core import BodyModel
from mimic_core.testing import ActuationConformance, toy_body


class TestTemplate(ActuationConformance):
    spec = next(iter(mimic_template.mimic_actuations()))


def test_torque_at_full_excitation():
    body = toy_body()
    model = BodyModel.compile(body, mimic_template.build(mimic_template.Template(torque=2e-3), body))
    data = mujoco.MjData(model.mj_model)
    data.ctrl[:] = 1.0
    mujoco.mj_forward(model.mj_model, data)
    assert data.qfrc_actuator[model.joint_dofadr] == pytest.approx([2e-3, 2e-3])
