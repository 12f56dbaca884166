"""The conformance kit tries what reads neural recordings on synthetic ones."""

from __future__ import annotations

import numpy as np
import pytest

from mimic_core import DataError
from mimic_core.chain import do
from mimic_core.testing import toy_records
from mimic_core.testing.checks.stages import check_work
from mimic_encoding.neural import COUNTS, Neural


def test_the_kit_has_synthetic_neurons_of_its_rollouts(plugins):
    made = toy_records(plugins)
    found = made["neural"]
    assert isinstance(found, Neural) and found.synthetic and found.kind_of_value == COUNTS
    assert found.trial_names == made["rollouts"].clip_names
    values = found.values[np.isfinite(found.values)]
    assert (values >= 0).all() and (values == np.round(values)).all() and values.sum() > 0


def test_the_stage_works_on_them_and_on_files(plugins, tmp_path):
    stage = plugins.get("stage", "neural")
    rollouts = toy_records(plugins)["rollouts"].save(tmp_path / "rollouts.h5")
    assert check_work(stage, plugins, {"code": "intention", "files": [rollouts]}) == ""
    trials, spikes = tmp_path / "trials.csv", tmp_path / "spikes.csv"
    trials.write_text("clip,start_s,end_s\na,1.0,1.1\nb,2.0,2.1\n")
    spikes.write_text("unit,time_s\n1,1.01\n2,2.05\n")
    assert check_work(stage, plugins, {"files": [trials, spikes]}) == ""


@pytest.mark.parametrize("end", ["1e9", "1e300"])
def test_a_trial_that_lasts_for_years_is_refused_and_fills_no_memory(plugins, tmp_path, end):
    trials, spikes = tmp_path / "trials.csv", tmp_path / "spikes.csv"
    trials.write_text(f"clip,start_s,end_s\na,1.0,1.1\nb,2.0,{end}\n")
    spikes.write_text("unit,time_s\n1,1.01\n2,2.05\n")
    with pytest.raises(DataError, match=r"trial b lasts .* s, which makes .* bins of 2 neurons"):
        do(plugins, "neural", files=[trials, spikes], out=tmp_path / "n.h5")
