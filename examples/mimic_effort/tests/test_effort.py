import mimic_effort
import numpy as np
import pytest

from mimic_core.testing import RewardConformance, random_step, toy_model


class TestEffort(RewardConformance):
    spec = next(iter(mimic_effort.mimic_rewards()))


class TestLinearEffort(RewardConformance):
    """The steepest setting that is allowed: its slope must exist at zero activation too."""

    spec = TestEffort.spec
    config = mimic_effort.Effort(power=1.0)


def test_value_by_hand():
    model = toy_model()
    step = random_step(model, 0)._replace(activation=np.array([0.5, 1.0]))
    assert mimic_effort.build(mimic_effort.Effort(), model)(step) == pytest.approx((0.25 + 1.0) / 2)
    assert mimic_effort.build(mimic_effort.Effort(power=3.0), model)(step) == pytest.approx((0.125 + 1.0) / 2)
