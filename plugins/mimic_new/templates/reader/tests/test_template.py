import mimic_template
import numpy as np
import pytest

from mimic_core import DataError
from mimic_core.testing import ReaderConformance


class TestTemplate(ReaderConformance):
    spec = next(iter(mimic_template.mimic_readers()))


def test_what_is_read(tmp_path):
    found = mimic_template.read(mimic_template.example(tmp_path))
    assert (found.names, found.rate_hz, found.unit) == (("elbow", "hand"), 200.0, "mm")
    np.testing.assert_array_equal(found.positions[0, 2], [[0, 0, 0], [10, 1, 0]])
    assert np.isnan(found.positions[0, 1, found.names.index("hand")]).all()


def test_a_line_too_short(tmp_path):
    path = mimic_template.example(tmp_path)
    path.write_text(path.read_text() + "0 0 0\n")
    with pytest.raises(DataError, match=r"trial\.template: not as expected"):
        mimic_template.read(path)
