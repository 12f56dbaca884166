"""The tracking analysis on rollouts whose errors are known."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse

from mimic_core import ConfigError
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_tracking.analysis import muscle_use
from mimic_tracking.figures import drawn_joints, joint_angles
from mimic_tracking.findings import summary
from mimic_tracking.measures import over_clips, representative
from mimic_tracking.settings import Settings
from mimic_tracking.windows import Windows

LENGTHS = (40, 30, 40, 20, 40, 40)
SPLIT = ("train", "held_out", "train", "held_out", "train", "held_out")


@pytest.fixture(scope="module")
def rollouts():
    """Every keypoint of clip c is off by c + 1 mm, and by 1 mm more from what was tracked; joints by 2 and 3 deg."""
    r = synthetic_rollouts(LENGTHS, split=SPLIT)
    inside = np.isfinite(r.error_mm)
    error = np.where(inside, np.arange(1.0, 7.0)[:, None, None], np.nan)
    return attrs.evolve(
        r, error_mm=error, tracked_error_mm=error + 1, joint_pos=r.ref_joint_pos + np.deg2rad([2.0, -3.0])
    )


@pytest.fixture(scope="module")
def result(rollouts):
    return analyse("tracking", rollouts=rollouts)


def rows(table, **where):
    out = [dict(zip(table.columns, r, strict=True)) for r in table.rows]
    return [r for r in out if all(r[k] == v for k, v in where.items())]


def test_keypoint_table_by_split(result):
    table = result.tables["keypoint_error"]
    (held,) = rows(table, split="held_out", against="registered reference", keypoint="all moving")
    # clips 1, 3, 5 with 30, 20 and 40 steps are off by 2, 4 and 6 mm
    assert held["mean (mm)"] == pytest.approx((30 * 2 + 20 * 4 + 40 * 6) / 90)
    assert (held["median (mm)"], held["max (mm)"]) == (4, 6)
    values = np.repeat([2.0, 4.0, 6.0], [60, 40, 80])
    assert held["p95 (mm)"] == pytest.approx(np.percentile(values, 95))
    (tracked,) = rows(table, split="held_out", against="tracked keypoints", keypoint="elbow_tip")
    assert tracked["mean (mm)"] == pytest.approx(held["mean (mm)"] + 1)
    (train,) = rows(table, split="train", against="registered reference", keypoint="shoulder_tip")
    assert train["mean (mm)"] == pytest.approx((1 + 3 + 5) / 3)
    assert {r["split"] for r in rows(table)} == {"held_out", "train", "all"}


def test_fixed_keypoints_are_named_and_left_out(rollouts, result):
    assert result.metrics["fixed_keypoints"] == ["base"]
    assert rows(result.tables["keypoint_error"], keypoint="base (fixed)")
    error = rollouts.error_mm.copy()
    error[..., rollouts.keypoint_names.index("base")] = 100
    other = analyse("tracking", rollouts=attrs.evolve(rollouts, error_mm=error))
    assert other.metrics["keypoint_mm"] == result.metrics["keypoint_mm"]
    assert "base" in result.methods


def test_metrics_are_the_rollouts_own_summary(rollouts, result):
    own = summary(rollouts, Windows.of(rollouts, None))
    assert {k: result.metrics[k] for k in own} == own
    assert result.metrics["joint_deg"] == pytest.approx({"shoulder": 2.0, "elbow": 3.0})


def test_tracking_summary_by_hand():
    """Clips of different lengths; the base, which cannot move, is left out; splits are summarised apart."""
    r = synthetic_rollouts(clip_steps=(30, 20, 25), split=("train", "held_out", "train"))
    t = summary(r, Windows.of(r, None))
    moving = r.error_mm[..., 1:]
    assert t["fixed_keypoints"] == ["base"]
    assert t["keypoint_mm"]["mean"] == pytest.approx(np.nanmean(moving))
    assert t["keypoint_mm"]["max"] == pytest.approx(np.nanmax(moving))
    assert t["keypoint_mm"]["per_keypoint"].keys() == {"shoulder_tip", "elbow_tip"}
    held = t["by_split"]["held_out"]
    assert held["clips"] == 1 and held["keypoint_mm"]["mean"] == pytest.approx(moving[1, :20].mean())
    assert held["tracked_keypoint_mm"]["p95"] == pytest.approx(np.percentile(r.tracked_error_mm[1, :20, 1:], 95))
    degrees = np.rad2deg(np.abs(r.joint_pos - r.ref_joint_pos))
    assert t["joint_deg_mean"] == pytest.approx(np.nanmean(degrees))
    weighted = (20 * held["joint_deg_mean"] + 55 * t["by_split"]["train"]["joint_deg_mean"]) / 75
    assert t["joint_deg_mean"] == pytest.approx(weighted)


def test_joint_table(result):
    (elbow,) = rows(result.tables["joint_error"], split="train", joint="elbow")
    assert [elbow[k] for k in ("mean (deg)", "median (deg)", "p95 (deg)", "max (deg)")] == pytest.approx([3.0] * 4)


def test_representative_clips(rollouts, result):
    np.testing.assert_allclose(rollouts.clip_errors_mm(), [1, 2, 3, 4, 5, 6])
    assert representative(rollouts) == {"median held-out clip": 3, "worst clip": 5}
    assert result.metrics["shown_clips"] == {"median held-out clip": "synthetic_03", "worst clip": "synthetic_05"}
    assert "synthetic_03" in result.captions["joint_angles"]
    only_train = attrs.evolve(rollouts, split=("train",) * 6)
    assert representative(only_train) == {"median clip": 2, "worst clip": 5}


def test_joint_figure_draws_the_named_clips(rollouts, result):
    axes = result.figures["joint_angles"].axes
    assert len(axes) == 4 and axes[0].get_ylabel() == "shoulder (deg)" and axes[-1].get_xlabel() == "time (ms)"
    reference, rollout = (line.get_ydata() for line in axes[0].lines)
    np.testing.assert_allclose(reference, np.rad2deg(rollouts.of("ref_joint_pos", "shoulder")[3]))
    np.testing.assert_allclose(rollout - reference, np.where(np.arange(40) < 20, 2, np.nan), atol=1e-9)
    assert axes[0].lines[0].get_xdata()[1] == pytest.approx(2.5)


def test_of_many_joints_those_furthest_off_are_drawn(rollouts, monkeypatch):
    monkeypatch.setattr("mimic_tracking.figures._MOST_JOINTS", 1)
    apart = {n: rollouts.of("joint_pos", n) - rollouts.of("ref_joint_pos", n) for n in rollouts.joint_names}
    off = {n: np.nanmean(np.abs(a)) for n, a in apart.items()}
    assert len(set(off.values())) == len(off) > 1
    every = range(len(rollouts.clip_names))
    assert drawn_joints(rollouts, list(every)) == [max(off, key=off.get)]
    assert len(joint_angles(rollouts, {"all": 0}).axes) == 1


def test_error_over_time_is_median_and_band(result):
    ax = result.figures["keypoint_error_over_time"].axes[0]
    held = ax.lines[0].get_ydata()
    assert len(held) == 30  # half of the held-out clips (20, 30, 40 steps) last so long
    np.testing.assert_allclose(held, np.full(30, 4.0))
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(np.percentile([2, 4, 6], 5))
    assert band.max() == pytest.approx(np.percentile([2, 4, 6], 95))


def test_activation_figure_is_mean_and_standard_error(rollouts, result):
    ax = result.figures["activation"].axes[0]
    a = over_clips(rollouts.of("activation", "shoulder_flexor"), rollouts.n_steps)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.nanmean(a, axis=0))
    vertices = ax.collections[0].get_paths()[0].vertices
    at_start = vertices[np.isclose(vertices[:, 0], 0), 1]
    sem = a[:, 0].std(ddof=1) / np.sqrt(6)
    assert np.ptp(at_start) == pytest.approx(2 * sem, rel=1e-6)
    assert ax.get_title(loc="left") == "shoulder_flexor"


def test_muscle_use_by_hand(rollouts):
    u = np.full(rollouts.excitation.shape, np.nan)
    u[:, 1:11] = 0.5
    u[:, 9:11] = 1.0
    use = muscle_use(attrs.evolve(rollouts, excitation=u), 0.99)["elbow_flexor"]
    assert use["mean_excitation"] == pytest.approx(0.6)
    assert (use["peak_excitation"], use["saturated"]) == (1.0, pytest.approx(0.2))
    a = rollouts.of("activation", "elbow_flexor")
    assert use["mean_activation"] == pytest.approx(np.nanmean(a)) and use["peak_activation"] == np.nanmax(a)


def test_chosen_clips_are_shown(rollouts):
    result = analyse("tracking", Settings(show=("synthetic_00",)), rollouts=rollouts)
    assert result.figures["joint_angles"].axes[0].get_title(loc="left") == "train\nsynthetic_00"
    with pytest.raises(ConfigError, match=r"analyze\.tracking\.show: no clip 'synthetic_0'.*did you mean synthetic_0"):
        analyse("tracking", Settings(show=("synthetic_0",)), rollouts=rollouts)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lengths", [(30,), (30, 20), (40, 40, 40, 10)])
@pytest.mark.slow
def test_few_and_unequal_clips(lengths, tmp_path):
    result = analyse("tracking", rollouts=synthetic_rollouts(lengths))
    result.save(tmp_path)
    assert {p.stem for p in tmp_path.glob("*.svg")} == set(result.figures) == set(result.captions)
    assert {p.stem for p in tmp_path.glob("*.csv")} == set(result.tables)
    assert set(result.tables) >= {"windows", "windows_tracked", "keypoint_error", "joint_error", "muscle_use"}


def test_plugin_is_installed(plugins):
    assert plugins.get("analysis", "tracking").config is Settings
