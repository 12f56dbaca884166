"""The whole chain with the mouse, as a run file composes it."""

from __future__ import annotations

import pytest

from mimic_run import pipeline

MOUSE = """
body = "mouse_forelimb"
[generate]
clips = 6
[register]
[train.policy]
steps = 60_000
[rollout]
[analyze.registration]
[analyze.tracking]
[analyze.simplex]
shuffles = 3
[report]
"""


@pytest.mark.slow
def test_the_mouse_by_the_default_policy(plugins, tmp_path):
    (tmp_path / "mouse.toml").write_text(MOUSE)
    summary = pipeline.run(plugins, tmp_path / "mouse.toml", tmp_path / "out")
    stage = summary["stages"]
    assert stage["register"]["error_mm"]["mean"] < 0.5 and stage["register"]["body"] == "mouse_forelimb"
    assert stage["train"]["simulator"] == "mjx" and stage["rollout"]["simulator"] == "mujoco"
    first, *_, last = stage["train"]["training"]["curve"]
    assert last["tracking_mm"] < 0.5 * first["tracking_mm"]
    assert len(stage["rollout"]["muscles"]) == 9
    assert stage["analyze.registration"]["error_mm"] == stage["register"]["error_mm"]
    assert (tmp_path / "out" / "report.html").stat().st_size > 50_000
