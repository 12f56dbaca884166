import mimic_template
import numpy as np

from mimic_core.testing import TerminationConformance, step_on_reference, toy_model


class TestTemplate(TerminationConformance):
    spec = next(iter(mimic_template.mimic_terminations()))


def test_limit_by_hand():
    model = toy_model()
    there = step_on_reference(model)
    far = mimic_template.build(mimic_template.Template(limit_deg=10.0), model)
    assert not far(there)
    assert not far(there._replace(joint_pos=there.joint_pos + np.deg2rad(9.0)))
    assert far(there._replace(joint_pos=there.joint_pos + np.deg2rad(11.0)))
