"""What the tables and the figure of a sweep say."""

from __future__ import annotations

import pytest

from mimic_sweep.results import Row
from mimic_sweep.tables import numbers, shown_metrics, tabulate


def test_numbers_of_a_summary():
    summary = {"a": {"b": 1.5, "curve": [1, 2], "ok": True, "seed": 3}, "c": 2, "d": None, "e": "text"}
    assert numbers(summary) == {"a.b": 1.5, "c": 2}


def rows(*values, metric="train.tracking_mm"):
    return [
        Row(run=f"{v}/{s}", point=str(v), seed=s, values=v, metrics={metric: m, "other": 1.0})
        for v, ms in values
        for s, m in enumerate(ms)
    ]


def test_tables(tmp_path):
    result = tabulate(
        rows(({"w": 0.1, "name": "a"}, [1, 3]), ({"w": 0.2, "name": "a"}, [5]), ({"w": 0.1, "name": [8]}, [2, 2])),
        ["train.*"],
        "Title",
    )
    results, summary = result.tables["results"], result.tables["summary"]
    assert results.columns == ("run", "w", "name", "seed", "train.tracking_mm", "other")
    assert results.rows[-1][1:] == (0.1, "[8]", 1, 2, 1.0)
    assert summary.columns == ("w", "name", "metric", "seeds", "mean", "sd", "ci95_low", "ci95_high")
    assert summary.rows[0][:5] == (0.1, "a", "train.tracking_mm", 2, 2.0)
    assert summary.rows[0][6:] == pytest.approx((2 - 12.706205, 2 + 12.706205))  # t(0.975, 1)·√2/√2
    assert summary.rows[2] == (0.2, "a", "train.tracking_mm", 1, 5.0, "", "", "")
    (panel,) = result.figures["sweep"].axes
    assert panel.get_title(loc="left") == "train.tracking_mm" and panel.get_xlabel() == "w"
    assert [t.get_text() for t in result.figures["sweep"].legends[0].get_texts()] == ["name a", "name [8]"]
    result.save(tmp_path)
    assert (tmp_path / "sweep.png").is_file()


def test_settings_that_are_no_numbers_are_drawn_by_name():
    result = tabulate(rows(({"name": "a"}, [1, 2]), ({"name": "b"}, [3, 4])), ["*mm"])
    (panel,) = result.figures["sweep"].axes
    assert [t.get_text() for t in panel.get_xticklabels()] == ["{'name': 'a'}", "{'name': 'b'}"]


def test_no_finished_run_gives_empty_tables():
    result = tabulate([], ["*"])
    assert result.figures == {} and result.tables["results"].rows == ()


def test_metrics_are_shown_in_the_order_of_their_patterns():
    found = [Row(run="", point="", seed=0, values={}, metrics={"b": 1, "a.x": 2, "a.y": 3})]
    assert shown_metrics(found, ["a.*", "*"]) == ["a.x", "a.y", "b"]
