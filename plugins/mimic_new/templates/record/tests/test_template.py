import mimic_template
import numpy as np
import pytest

from mimic_core import DataError
from mimic_core.testing import RecordConformance


class TestTemplate(RecordConformance):
    spec = next(iter(mimic_template.mimic_records()))


def test_it_comes_back_from_a_file(tmp_path):
    given = mimic_template.Template(clip_names=("a", "b"), instant=np.array([0.25, np.nan]))
    found = TestTemplate.spec.build(given.save(tmp_path / "instants.h5"))
    assert found.clip_names == given.clip_names
    np.testing.assert_array_equal(found.instant, given.instant)


def test_lengths_that_differ_are_refused():
    with pytest.raises(DataError, match="axes"):
        mimic_template.Template(clip_names=("a",), instant=np.zeros((1, 1)))
