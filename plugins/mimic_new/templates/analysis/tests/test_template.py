import attrs
import mimic_template
import numpy as np
import pytest

from mimic_core import Context, Inputs
from mimic_core.chain import installed
from mimic_core.testing import AnalysisConformance, synthetic_rollouts


class TestTemplate(AnalysisConformance):
    spec = next(iter(mimic_template.mimic_analyses()))


def test_a_steady_movement():
    rollouts = synthetic_rollouts((50, 50))
    pos = np.zeros_like(rollouts.site_pos)
    pos[..., 0] = 0.002 * np.arange(pos.shape[1])[:, None] / rollouts.rate_hz  # 2 mm/s along x
    inputs = Inputs({"rollouts": [attrs.evolve(rollouts, site_pos=pos)]})
    found = mimic_template.build(mimic_template.Template())(inputs, Context(plugins=installed()))
    assert found.metrics["speed_mm_s"] == pytest.approx({name: 2.0 for name in rollouts.keypoint_names})
