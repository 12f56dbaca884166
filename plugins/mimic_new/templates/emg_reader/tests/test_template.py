import mimic_template
import numpy as np

from mimic_core.testing import EmgReaderConformance


class TestTemplate(EmgReaderConformance):
    spec = next(iter(mimic_template.mimic_emg_readers()))


def test_shares_of_the_peak(tmp_path):
    found = mimic_template.build(mimic_template.Template())(mimic_template.example(tmp_path))
    assert found.trial_names == ("reach1", "reach2")
    biceps = found.envelope[..., found.muscle_names.index("biceps")]
    np.testing.assert_allclose(biceps.max(axis=1), [0.25, 1.0])
