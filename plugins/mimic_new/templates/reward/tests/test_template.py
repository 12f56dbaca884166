import mimic_template
import numpy as np
import pytest

from mimic_core.testing import RewardConformance, random_step, toy_model


class TestTemplate(RewardConformance):
    spec = next(iter(mimic_template.mimic_rewards()))


def test_value_by_hand():
    model = toy_model()
    step = random_step(model, 0)._replace(joint_vel=np.array([10.0, -20.0]))
    assert mimic_template.build(mimic_template.Template(), model)(step) == pytest.approx((1.0 + 4.0) / 2)
