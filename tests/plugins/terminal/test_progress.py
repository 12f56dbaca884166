"""How progress is shown: bars, the panel of ``--watch``, and lines for a log file."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mimic_terminal import progress

SETTINGS = {"seed": 3, "settings": {"rewards": {"joint": {"weight": 5.0}, "control": {"weight": 0.15}}}}
METRICS = {
    "control": 0.605,
    "gradient_norm": 1.25,
    "joint": 4.192,
    "reward": 3.892,
    "steps_per_second": 31234.0,
    "tracking_mm": 0.4691,
}


@pytest.fixture
def time_s(monkeypatch):
    """The clock, in seconds, as a list of one."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def screen(kind, width):
    return kind(Console(width=width, file=io.StringIO(), force_terminal=True, record=True))


def text(shown) -> str:
    shown.console.print(shown.get_renderable())
    return shown.console.export_text()


def train_half(shown, time_s):
    """Compile for 30 s, then go from 20 % to 60 % in 40 s, the last evaluation lying behind."""
    shown.mimic_stage_started("train", SETTINGS)
    time_s[0] += 30
    shown.mimic_progress("train", 200_000, 1_000_000, {**METRICS, "reward": 1.0, "tracking_mm": 9.0})
    time_s[0] += 20
    shown.mimic_progress("train", 400_000, 1_000_000, METRICS)
    time_s[0] += 20
    shown.mimic_progress("train", 600_000, 1_000_000, {k: v for k, v in METRICS.items() if k != "tracking_mm"})


@pytest.mark.parametrize(
    ("width", "metrics"),
    [
        (70, "reward 3.892"),
        (90, "reward 3.892  tracking 0.469 mm"),
        (140, "reward 3.892  tracking 0.469 mm  speed 31,234 steps/s  joint 4.192  control 0.605"),
        (160, "reward 3.892  tracking 0.469 mm  speed 31,234 steps/s  joint 4.192  control 0.605  gradient_norm 1.25"),
    ],
)
def test_a_bar_shows_what_fits_and_cuts_no_number(time_s, width, metrics):
    bars = screen(progress.ProgressBars, width)
    train_half(bars, time_s)
    (line,) = text(bars).splitlines()
    # 200 000 steps take 20 s and 400 000 are left; compilation does not count
    assert "train" in line and "60%" in line and "0:01:10" in line and "ETA 0:00:40" in line
    assert line.rstrip().endswith(f"ETA 0:00:40 {metrics}")


def test_bars_of_stages_before_stay_and_that_of_a_failed_one_goes(time_s):
    bars = screen(progress.ProgressBars, 100)
    bars.mimic_stage_started("register", {})
    time_s[0] += 7
    bars.mimic_progress("register", 3, 60, {"cost_mm2": 0.25})
    bars.mimic_stage_finished("register")
    train_half(bars, time_s)
    bars.mimic_stage_failed("train")
    (line,) = text(bars).splitlines()
    assert "register" in line and "100%" in line and "0:00:07" in line


def test_an_error_leaves_no_half_bar(time_s):
    bars = screen(progress.ProgressBars, 100)
    with pytest.raises(ValueError), bars:
        train_half(bars, time_s)
        raise ValueError("from a stage that tells nobody")
    assert bars.tasks == []


def test_the_panel_shows_every_metric_and_the_course_of_two(time_s):
    panel = screen(progress.WatchPanel, 100)
    train_half(panel, time_s)
    shown = text(panel)
    for part in ("60%", "0:01:10", "ETA 0:00:40", "600000 of 1000000", "reward terms", "31,234 steps/s", "0.469 mm"):
        assert part in shown
    for name, value in (("joint", "4.192"), ("control", "0.605"), ("gradient_norm", "1.25")):
        assert any(name in line and value in line for line in shown.splitlines())
    curves = [line.strip("│ ").split() for line in shown.splitlines() if "▁" in line]
    assert [(c[0], c[1], c[3]) for c in curves] == [("reward", "1", "3.892"), ("tracking", "9", "0.469")]
    reward, tracking = (c[2] for c in curves)
    assert len(reward) == len(tracking) and reward[0] + reward[-1] == "▁█" and tracking[0] + tracking[-1] == "█▁"


def test_the_panel_stays_when_the_training_is_done(time_s):
    panel = screen(progress.WatchPanel, 80)
    panel.mimic_stage_started("register", {})
    panel.mimic_stage_finished("register")
    train_half(panel, time_s)
    panel.mimic_stage_finished("train")
    shown = text(panel)
    assert "register done in 0:00:00" in shown and "100%" in shown and "0.469 mm" in shown


def test_sparkline_by_hand():
    assert progress.sparkline([(0, 0.0), (1, 1.0), (2, 2.0), (3, 7.0)], 4) == "▁▂▃█"
    assert progress.sparkline([(0, 0.0), (1, 4.0), (2, 0.0), (4, 7.0)], 3) == "▃▁█"  # the mean of 0 and 4 is 2
    assert progress.sparkline([(0, 1.0), (10, 3.0)], 4) == "▁▁▁█"
    assert progress.sparkline([(5, 1.0), (5, 1.0)], 3) == "▁▁▁"


def test_lines_for_a_log_file_keep_to_their_width(time_s, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "72")
    train_half(progress.ProgressLines(), time_s)
    assert capsys.readouterr().err.splitlines() == [
        "train  20%  ETA -:--:--  reward 1  tracking 9 mm  speed 31,234 steps/s",
        "train  40%  ETA 0:01:00  reward 3.892  tracking 0.469 mm",
        "train  60%  ETA 0:00:40  reward 3.892  tracking 0.469 mm",
    ]
