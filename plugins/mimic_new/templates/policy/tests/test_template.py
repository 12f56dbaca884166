import jax.numpy as jnp
import mimic_template
import numpy as np
from mimic_template.search import act_on

from mimic_core.task import Observation
from mimic_core.testing import PolicyConformance


class TestTemplate(PolicyConformance):
    spec = next(iter(mimic_template.mimic_policies()))
    config = mimic_template.Template(generations=2, pairs=4, horizon=5)


def test_action_by_hand():
    seen = Observation(jnp.array([[3.0]]), jnp.array([[-1.0]]))  # x = (1, −1, 1)
    matrix = jnp.array([[0.1, 0.2, 0.3]])
    found = act_on(matrix, jnp.array([1.0, 0.0]), jnp.array([2.0, 1.0]), seen)
    np.testing.assert_allclose(found, np.tanh([[0.1 - 0.2 + 0.3]]), rtol=1e-6)
