import mimic_template
import numpy as np

from mimic_core.testing import GeneratorConformance, floating_model, toy_model


class TestTemplate(GeneratorConformance):
    spec = next(iter(mimic_template.mimic_generators()))


def test_segments_keep_their_length():
    model = toy_model()
    made = mimic_template.build(mimic_template.Template(clips=2, frames=10), model, 1)()
    elbow, hand = (made.positions[:, :, made.names.index(name)] for name in ("elbow", "hand"))
    np.testing.assert_allclose(np.linalg.norm(hand - elbow, axis=-1), 0.01, atol=1e-9)


def test_a_free_body_is_left_to_others():
    assert mimic_template.suits(toy_model()) and not mimic_template.suits(floating_model())
