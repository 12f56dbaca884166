"""What trivial answers get where the published pairings are judged."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse

from mimic_core import Emg
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_reach_paper.emg import CONSTANT, LIMP, null_errors
from mimic_reach_paper.forecast import Vectors, null_forecasts

MUSCLE = "elbow_flexor"


def vectors(now, y, frame, library):
    return Vectors(np.zeros((len(y), 2)), np.asarray(y, float), library, np.asarray(now, float), np.asarray(frame))


def test_constant_and_limp_body_by_hand():
    """Over the samples that the simulation has, of (0.2, 0.4, 0.9) and 0.5 without a simulation."""
    seen, beside = np.array([[0.2, 0.4, 0.9, 0.5]]), np.array([[1.0, 1.0, 1.0, np.nan]])
    found = null_errors(seen, beside)
    assert found == pytest.approx({CONSTANT: (0.2 + 0 + 0.5) / 3, LIMP: 0.5})


def test_emg_beside_nulls_in_the_whole_analysis():
    """EMG that rises from 0 to 1 is off by a quarter from its median, and by a half from rest."""
    r = synthetic_rollouts((201,) * 3)
    rise = np.tile(np.linspace(0, 1, 51), (3, 1))
    emg = Emg(rate_hz=200.0, trial_names=r.clip_names, muscle_names=[MUSCLE], envelope=rise[..., None])
    result = analyse("paper_compat", rollouts=r, emg=emg)
    nulls = result.metrics["emg_both"][MUSCLE]["mae"]["nulls"]
    assert nulls == pytest.approx({"best_constant": 0.25, "limp_body": 0.5}, abs=0.01)
    headline = result.headlines[0]
    assert (headline.label, headline.better) == (f"excitation beside EMG, {MUSCLE}, MAE", "lower")
    assert list(headline.nulls.values()) == list(nulls.values()) and headline.note.startswith("the published way: ")


def test_persistence_and_mean_course_of_a_course_that_all_clips_share():
    """Frame decides the target: the library's mean forecasts it in full; now is a quarter of a period earlier."""
    frame = np.tile(np.arange(20), 4)
    course = np.sin(2 * np.pi * frame / 20)
    later = np.sin(2 * np.pi * (frame + 5) / 20)
    found = null_forecasts(vectors(course, later, frame, library=60))
    assert found["mean course"] == pytest.approx(1.0)
    assert found["persistence"] == pytest.approx(0.0, abs=1e-9)


def test_what_stays_is_forecast_by_persistence_alone():
    """Every clip has a level of its own, which no frame tells."""
    frame, level = np.tile(np.arange(10), 6), np.repeat([1.0, 5.0, 2.0, 4.0, 3.0, 6.0], 10)
    found = null_forecasts(vectors(level, level, frame, library=30))
    assert found["persistence"] == pytest.approx(1.0)
    assert np.isnan(found["mean course"])  # a constant has no correlation


def test_frames_that_the_library_lacks_are_left_out():
    found = null_forecasts(vectors([1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 1, 2, 3, 9], [0, 1, 2, 0, 1, 2, 3], library=3))
    assert found["mean course"] == pytest.approx(1.0)


def test_tracking_stands_beside_the_mean_movement():
    """Two clips whose joints are 2 deg apart are 1 deg from their mean."""
    r = synthetic_rollouts((50, 50))
    ref = np.zeros_like(r.ref_joint_pos)
    ref[1] = np.deg2rad(2.0)
    found = analyse("paper_compat", rollouts=attrs.evolve(r, ref_joint_pos=ref, joint_pos=ref)).metrics
    assert found["reference_held"]["tracking_deg"]["nulls"]["mean_movement"] == pytest.approx(1.0)
    assert found["reference_held"]["tracking_deg"]["right"] == 0
