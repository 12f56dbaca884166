import mimic_template
import numpy as np

from mimic_core.testing import ObservationConformance, step_on_reference, toy_model


class TestTemplate(ObservationConformance):
    spec = next(iter(mimic_template.mimic_observations()))


def test_zero_on_the_reference():
    model = toy_model()
    seen = mimic_template.build(mimic_template.Template(scale=3.0), model)(step_on_reference(model))
    np.testing.assert_array_equal(seen, np.zeros(len(model.joint_names)))
