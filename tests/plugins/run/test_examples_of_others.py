"""The worked examples on bodies that others made, run whole where their models are there."""

from __future__ import annotations

import importlib.util
import json

import pytest
from where import ROOT, SHARED_DATA

from mimic_core.cli import main

WORM = SHARED_DATA / "celegans" / "celegans.xml"


def ran(name, out, *settings):
    more = [word for setting in settings for word in ("--set", setting)]
    assert main(["run", str(ROOT / "examples" / name), "--out", str(out), *more]) in (0, None)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("myosuite") is None, reason="myosuite is not installed")
def test_the_finger_is_followed(tmp_path):
    ran("myofinger.toml", tmp_path)
    found = json.dumps(json.loads((tmp_path / "analysis" / "tracking" / "metrics.json").read_text()))
    assert found and (tmp_path / "report.html").exists()


@pytest.mark.slow
@pytest.mark.skipif(not WORM.exists(), reason="the worm's model is not beside the checkout")
def test_the_worm_is_made_up_and_registered(tmp_path):
    ran("worm.toml", tmp_path, f"body.model={WORM}", "train=false", "rollout=false", "analyze.tracking=false")
    assert (tmp_path / "clips.h5").exists()
