import mimic_template
import numpy as np
import pytest

from mimic_core import RolloutContext
from mimic_core.task import TaskSettings
from mimic_core.testing import PerturbationConformance, toy_model


class TestTemplate(PerturbationConformance):
    spec = next(iter(mimic_template.mimic_perturbations()))


def test_impulse_by_hand():
    context = RolloutContext(
        clip_names=("one",), n_steps=np.array([81]), rate_hz=400.0, model=toy_model(), inputs={}, task=TaskSettings()
    )
    made = mimic_template.build(mimic_template.Template(force_N=0.2, onset_ms=50.0, duration_ms=25.0), context)
    (force,) = made.force.values()
    assert force.sum() / context.rate_hz == pytest.approx(0.2 * 0.025)
