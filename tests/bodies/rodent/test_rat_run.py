"""The run file of the rat, whole: a free animal on the floor is followed in the true physics."""

from __future__ import annotations

import pytest
from where import ROOT, SHARED_DATA

from mimic_run import pipeline

RAT = SHARED_DATA / "rodent"


@pytest.mark.slow
@pytest.mark.skipif(not RAT.is_dir(), reason="the rat's recording and model are not here")
def test_most_windows_of_a_walking_rat_are_followed_to_their_end(plugins, tmp_path):
    values = {
        "register": {"files": [str(RAT / "mocap_1000_frames.mat")], "reader": {"names": str(RAT / "stac_model.yaml")}},
        "body": {"mjcf": str(RAT / "rodent.xml")},
        "report": False,
    }
    summary = pipeline.run(plugins, ROOT / "examples/rat.toml", tmp_path / "rat", values)
    free = summary["stages"]["rollout"]["free"]
    for split in ("held_out", "train"):
        followed = {model: numbers["to_the_end"] for model, numbers in free["by_split"][split].items()}
        assert followed["controller"] >= 80.0
        assert followed["controller"] > max(v for model, v in followed.items() if model != "controller")
