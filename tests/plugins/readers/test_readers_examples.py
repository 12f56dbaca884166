"""The example files that readers bring hold the same movement in every format."""

from __future__ import annotations

import numpy as np
import pytest

from mimic_core.records import METRES_PER
from mimic_core.testing import check_component
from mimic_readers import examples


@pytest.mark.parametrize("name", ["mimic", "wide_csv", "trc"])
def test_an_example_is_read_as_it_was_made(plugins, name, tmp_path):
    spec = plugins.get("reader", name)
    found = spec.build(spec.config())(spec.example(tmp_path))
    assert found.names == examples.NAMES and found.rate_hz == examples.RATE_HZ
    np.testing.assert_allclose(found.positions[0] * METRES_PER[found.unit], examples.movement(), atol=1e-12)
    assert not any("none given" in remark for remark in check_component(plugins.provider("reader", name), plugins))
