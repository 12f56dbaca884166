"""The worked examples on bodies that others made, run whole where their models are there."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from where import ROOT, SHARED_DATA

WORM = SHARED_DATA / "celegans" / "celegans.xml"


def ran(name, out, *settings):
    more = [word for setting in settings for word in ("--set", setting)]
    mimic = Path(sys.executable).with_name("mimic")
    subprocess.run([mimic, "run", ROOT / "examples" / name, "--out", out, *more], check=True)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("myosuite") is None, reason="myosuite is not installed")
def test_the_finger_is_followed(tmp_path):
    ran("myofinger.toml", tmp_path)
    found = json.loads((tmp_path / "analysis" / "tracking" / "metrics.json").read_text())
    assert found["by_split"]["held_out"]["keypoint_mm"]["mean"] < 10  # mm; a limp body is 29 mm off
    assert (tmp_path / "report.html").exists()


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("musclemimic_models") is None, reason="musclemimic-models is not installed"
)
def test_the_hand_of_the_arm_is_followed(tmp_path):
    ran("myoarm.toml", tmp_path)
    fit = json.loads((tmp_path / "analysis" / "registration" / "metrics.json").read_text())
    assert fit["error_mm"]["mean"] < 2
    found = json.loads((tmp_path / "analysis" / "tracking" / "metrics.json").read_text())
    hand = found["by_split"]["held_out"]["keypoint_mm"]["per_keypoint"]["Hand"]
    assert hand < 5  # mm; the mean movement of the training is 122 mm off, a limp arm 333
    assert (tmp_path / "report.html").exists()


@pytest.mark.slow
@pytest.mark.skipif(not WORM.exists(), reason="the worm's model is not beside the checkout")
def test_the_worm_follows_its_wave(tmp_path):
    ran("worm.toml", tmp_path, f"body.model={WORM}")
    metrics = json.loads((tmp_path / "analysis" / "tracking" / "metrics.json").read_text())
    found = metrics["free"]["by_split"]["held_out"]
    assert found["controller"]["joint_deg_whole"] < 5  # in windows of 1 s
    assert found["limp body"]["joint_deg_whole"] > 15
    assert (tmp_path / "report.html").exists()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("dm_control") is None, reason="dm_control is not installed")
def test_the_fly_walks(tmp_path):
    ran("fruitfly.toml", tmp_path)
    found = json.loads((tmp_path / "analysis" / "tracking" / "metrics.json").read_text())["free"]["by_split"][
        "held_out"
    ]
    nulls = [found[null]["followed"] for null in found if null != "controller"]
    assert found["controller"]["followed"] > 60 > 2 * max(nulls)
