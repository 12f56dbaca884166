"""Null models of tracking on movements whose errors are known."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse, training_of

from mimic_core import Rollouts
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_tracking.findings import entries, held_out_words, over_what, summary
from mimic_tracking.nulls import LATE, LIMP, MEAN, MEAN_OF_OTHERS, courses, errors_mm
from mimic_tracking.settings import Settings
from mimic_tracking.windows import Windows, reach_end

SPLIT = ("train", "held_out", "train", "held_out", "train", "train")


def moved(rollouts: Rollouts, site_pos: np.ndarray, **changes) -> Rollouts:
    """The rollouts with the controller's keypoints elsewhere, and the errors that follow."""
    changed = attrs.evolve(rollouts, site_pos=site_pos, **changes)
    return attrs.evolve(
        changed,
        error_mm=1e3 * np.linalg.norm(site_pos - changed.ref_site_pos, axis=-1),
        tracked_error_mm=1e3 * np.linalg.norm(site_pos - changed.tracked_pos, axis=-1),
    )


def on_course(course: np.ndarray, split=SPLIT, **changes) -> Rollouts:
    """Rollouts whose reference has all keypoints at ``course`` (clip, step, xyz) m."""
    r = synthetic_rollouts((course.shape[1],) * len(course), split=split)
    reference = np.repeat(course[:, :, None], len(r.keypoint_names), axis=2)
    return moved(r, reference, ref_site_pos=reference, tracked_pos=reference, **changes)


@pytest.fixture(scope="module")
def rollouts():
    return synthetic_rollouts((60,) * 6, split=SPLIT)


def test_replaying_the_mean_gets_the_mean_null(rollouts):
    mean = rollouts.ref_site_pos[np.array(SPLIT) == "train"].mean(0)
    replayed = moved(rollouts, np.repeat(mean[None], 6, axis=0))
    found = entries(replayed, Windows.of(replayed, 75.0))
    for against in ("reference", "tracked"):
        for window, entry in found[against]["held_out"].items():
            assert entry.mean == pytest.approx(entry.nulls[MEAN], rel=1e-12), window
    result = analyse("tracking", Settings(reach_ms=75), rollouts=replayed)
    assert all(MEAN in h.unbeaten for h in result.headlines)


def test_a_training_clip_is_left_out_of_its_own_mean():
    """Training clips at 0, 3 and 6 mm: the others' mean is 4.5, 1.5 or 0 mm away; a held-out clip sees all three."""
    at = np.zeros((4, 20, 3))
    at[:, :, 0] = np.array([0.0, 0.003, 0.006, 0.010])[:, None]
    r = on_course(at, split=("train", "train", "train", "held_out"))
    error = errors_mm(r)["reference"][MEAN][:, 5, 1]
    np.testing.assert_allclose(error, [4.5, 0.0, 4.5, 7.0], atol=1e-9)


def test_one_step_late_of_constant_velocity():
    """At v m/s every step but the first is v·dt off."""
    n, v = 40, 0.3
    course = np.zeros((6, n, 3))
    course[..., 1] = v * np.arange(n) / 400.0
    r = on_course(course)
    late = errors_mm(r)["reference"][LATE]
    np.testing.assert_allclose(late[:, 1:], 1e3 * v / 400.0)
    assert (late[:, 0] == 0).all()
    entry = entries(r, Windows.of(r, None))["reference"]["held_out"]["whole"]
    assert entry.nulls[LATE] == pytest.approx(1e3 * v / 400.0 * (n - 1) / n)


def test_noise_does_not_beat_the_mean():
    """A controller that makes the common movement and whims of its own is further off than the mean movement."""
    common, beaten = np.cumsum(np.random.default_rng(0).normal(0, 1e-3, (60, 3)), axis=0), 0
    split = ("train",) * 8 + ("held_out",) * 12
    for seed in range(100):
        rng = np.random.default_rng(seed)
        reference, whim = common + np.cumsum(rng.normal(0, 5e-4, (2, 20, 60, 3)), axis=2)
        guessing = moved(on_course(reference, split=split), np.repeat(whim[:, :, None], 3, axis=2))
        error = errors_mm(guessing)["reference"]
        beaten += error["controller"][8:].mean() < error[MEAN][8:].mean()
    assert beaten <= 5


def test_long_clips_go_on_with_the_last_mean():
    lengths, at = (20, 30, 40), np.zeros((3, 40, 3))
    r = synthetic_rollouts(lengths, split=("train", "train", "held_out"))
    at[:2, :, 0] = 1e-3 * np.arange(40)
    inside = np.arange(40) < np.array(lengths)[:, None]
    reference = np.where(inside[..., None, None], np.repeat(at[:, :, None], 3, axis=2), np.nan)
    r = moved(r, reference, ref_site_pos=reference, tracked_pos=reference)
    error = errors_mm(r)["reference"][MEAN][2, :, 1]
    np.testing.assert_allclose(error, np.minimum(np.arange(40), 29), atol=1e-9)


def test_other_clips_stand_in_where_none_was_trained_on(rollouts):
    new = attrs.evolve(rollouts, split=("held_out",) * 6)
    assert MEAN not in courses(new) and MEAN_OF_OTHERS in courses(new)
    one = attrs.evolve(synthetic_rollouts((20,)), split=("held_out",))
    assert list(courses(one)) == ["controller", LATE]


def test_limp_body_by_hand(rollouts):
    limp = rollouts.ref_site_pos + np.array([0.0, 3e-3, 4e-3])
    r = attrs.evolve(rollouts, limp_site_pos=limp)
    entry = entries(r, Windows.of(r, None))["reference"]["train"]["whole"]
    assert entry.nulls[LIMP] == pytest.approx(5.0)
    result = analyse("tracking", rollouts=r)
    assert result.headlines[0].nulls[LIMP] == pytest.approx(5.0) and "do not hold it" not in result.methods
    assert "these rollouts do not hold it" in analyse("tracking", rollouts=rollouts).methods
    labels = {line.get_label() for line in result.figures["error_beside_nulls"].axes[0].lines}
    assert {MEAN, LIMP, LATE, "controller"} <= labels


def test_errors_are_of_the_animals_size(rollouts):
    from mimic_core.testing import toy_body

    large = attrs.evolve(rollouts, body=attrs.evolve(toy_body(), scale=1.5))
    for name in (MEAN, LATE):
        small = errors_mm(rollouts)["reference"][name]
        np.testing.assert_allclose(errors_mm(large)["reference"][name], 1.5 * small)


# -- windows ------------------------------------------------------------------------------------------------------


def test_a_given_reach_counts_its_steps(rollouts):
    """30 ms at 400 Hz are entries 0 to 11; 150 ms are 60 entries, of which 40 begin in the first 100 ms."""
    steps = Windows.of(rollouts, 30.0).steps
    assert list(steps) == ["reach", "hold", "first 100 ms", "whole"]
    assert [int(s[0].sum()) for s in steps.values()] == [12, 48, 40, 60]
    assert "hold" not in Windows.of(rollouts, 500.0).steps
    with pytest.raises(ValueError, match="reach_ms"):
        Settings(reach_ms=0)


def test_the_end_of_a_reach_is_found():
    """Minimum jerk: speed 30 s²(1−s)², a tenth of its top value at s(1−s) = √(0.1/16), then a hold."""
    n, pause = 200, 50
    s = np.clip(np.arange(n + pause) / n, 0, 1)
    course = np.zeros((6, n + pause, 3))
    course[..., 0] = 0.01 * (10 * s**3 - 15 * s**4 + 6 * s**5)
    r = on_course(course)
    at = (1 + np.sqrt(1 - 4 * np.sqrt(0.1 / 16))) / 2
    np.testing.assert_allclose(reach_end(r), at * n / 400.0, atol=1.5 / 400.0)
    windows = Windows.of(r, None)
    assert not windows.given and "a tenth" not in windows.in_words() and "10 % of its top speed" in windows.in_words()


def test_a_movement_that_does_not_slow_down_is_all_reach():
    course = np.zeros((6, 40, 3))
    course[..., 0] = 1e-3 * np.arange(40)
    r = on_course(course)
    np.testing.assert_allclose(reach_end(r), 0.1)
    assert "hold" not in Windows.of(r, None).steps


# -- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("animals", "trained", "clips", "said"),
    [
        (("",) * 6, (), "h", "held out within the recording trained on"),
        (("a",) * 6, ("a",), "h", "held out within the recording trained on"),
        (("a", "b", "a", "b", "a", "a"), ("a",), "h", "held out: another animal (b)"),
        (("a", "b", "a", "c", "a", "a"), ("a",), "h", "held out: other animals (b, c)"),
        (("a", "b", "a", "a", "a", "a"), ("a",), "h", "held out within the recording trained on"),
        (("a",) * 6, ("a",), "other", "held out: another recording"),
    ],
)
def test_what_held_out_means(rollouts, animals, trained, clips, said):
    training = attrs.evolve(training_of(), clips="h", train_animals=trained)
    r = attrs.evolve(rollouts, animals=animals, training=training, clips=clips)
    assert held_out_words(r) == said
    assert summary(r, Windows.of(r, None))["held_out"] == said
    assert said in analyse("tracking", rollouts=r).headlines[0].note


def test_intervals_say_what_they_span(rollouts):
    r = attrs.evolve(rollouts, animals=("a", "b", "a", "b", "c", "c"))
    assert over_what(r, "held_out") == "over 2 clips of one animal, one controller"
    assert over_what(r, "train") == "over 4 clips and the 2 animals that they are of, one controller"
    assert held_out_words(attrs.evolve(rollouts, split=("train",) * 6)) == "no clip was held out"


def test_window_tables_hold_what_the_metrics_hold(rollouts):
    result = analyse("tracking", Settings(reach_ms=75), rollouts=rollouts)
    table = result.tables["windows"]
    rows = {(r[0], r[1]): dict(zip(table.columns, r, strict=True)) for r in table.rows}
    by = result.metrics["by_window"]["reference"]
    assert set(rows) == {(s.replace("_", "-"), w) for s in by for w in by[s]}
    for (split, window), row in rows.items():
        entry = by[split.replace("-", "_")][window]
        assert row["controller"] == entry["mean"] and row[MEAN] == entry["nulls"][MEAN]
        assert entry["low"] <= entry["mean"] <= entry["high"]
    whole = by["train"]["whole"]["mean"]
    assert whole == pytest.approx(result.metrics["by_split"]["train"]["keypoint_mm"]["mean"])
