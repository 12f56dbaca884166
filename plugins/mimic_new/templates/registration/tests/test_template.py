import mimic_template
import numpy as np
import pytest

from mimic_core import ConfigError
from mimic_core.plugins import no_progress
from mimic_core.testing import RegistrationConformance, floating_model, toy_clips, toy_keypoints


class TestTemplate(RegistrationConformance):
    spec = next(iter(mimic_template.mimic_registrations()))


def test_the_angles_come_back():
    clips = toy_clips(frames=(6,))
    found = mimic_template.build(mimic_template.Template(), clips.body)(toy_keypoints(clips), no_progress)
    np.testing.assert_allclose(found.qpos, clips.qpos, atol=1e-3)


def test_a_free_body_is_refused():
    with pytest.raises(ConfigError, match="moves freely"):
        mimic_template.build(mimic_template.Template(), floating_model().body)
