"""The page of results and the README say what was measured, and nothing that was typed."""

from __future__ import annotations

import importlib.util
import json

import pytest
from where import ROOT

SPEC = importlib.util.spec_from_file_location("results", ROOT / "docs" / "results.py")
results = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(results)


@pytest.mark.parametrize("path", results.written(), ids=lambda p: p.name)
def test_the_page_is_what_the_script_writes(path):
    assert path.read_text(encoding="utf-8") == results.written()[path], "run: python docs/results.py"


def test_numbers_have_three_digits():
    found = [results.number(v) for v in (0.12345, 12.345, 1234.5, 0.0, 7, "text", None, float("nan"))]
    assert found == ["0.123", "12.3", "1,234", "0", "7", "text", "–", "–"]


def test_a_null_model_that_does_as_well_is_bold():
    headline = {"label": "error", "value": 1.0, "unit": "mm", "nulls": {"mean": 0.9, "limp": 4.0}, "better": "lower"}
    page = results.headlines({"stages": {"rollout": {"headlines": [headline]}}}, "rollout")
    assert "| `rollout`: error | 1 mm | **mean 0.9**; limp 4 |" in page
    assert "**" not in results.headlines({"stages": {"r": {"headlines": [{**headline, "better": ""}]}}}, "r")


def test_a_sweep_is_kept_with_its_intervals(tmp_path):
    kept = "spectral.share.mean,3,0.25,0.01,0.2,0.3", "emg.biceps.activation.mae,1,2,,,", "other,3,1,1,1,1"
    rows = "".join(f"laptop,{row}\n" for row in kept)
    (tmp_path / "summary.csv").write_text(f"preset,metric,seeds,mean,sd,ci95_low,ci95_high\n{rows}")
    kept = results.collect(tmp_path)
    assert json.loads(json.dumps(kept)) == kept
    assert set(kept["points"][0]["metrics"]) == {"spectral.share.mean", "emg.biceps.activation.mae"}
    heads = {"preset": "preset", "spectral.share.mean": "share", "emg.biceps.activation.mae": "one", "none": "none"}
    assert "| `laptop` | 0.25 ± 0.05 | 2 | – |" in results.points(kept, heads)


def test_only_runs_and_sweeps_are_collected(tmp_path):
    with pytest.raises(FileNotFoundError):
        results.collect(tmp_path)
