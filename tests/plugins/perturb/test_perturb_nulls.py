"""What a perturbation did beside no recovery, beside other clips, and in units of the intention's own spread."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse

from mimic_core.records import AppliedPerturbation
from mimic_core.testing import synthetic_rollouts
from mimic_perturb.response import between_clips_mm, intention

CLIPS, STEPS = 4, 200
SPREAD, SHIFT, DRAWN = 3.0, 0.6, 0.2


@pytest.fixture(scope="module")
def plain():
    """An intention of known spread in every dimension, about a mean that is not 0; the encoder's SD is 0.1."""
    r = synthetic_rollouts((STEPS,) * CLIPS, noise=0.0)
    rng = np.random.default_rng(0)
    mean = 5.0 + SPREAD * rng.standard_normal((CLIPS, STEPS, 4))
    return attrs.evolve(
        r, record={"intention_mean": mean, "intention": mean, "intention_logvar": np.full_like(mean, 2 * np.log(0.1))}
    )


def struck(plain, course_mm=0.0, shift=None, onset=50.0, end=500.0, **record):
    """The same with every keypoint moved along z by (step,) mm and the intention shifted by (clip, step, dimension)."""
    site_pos = plain.site_pos.copy()
    site_pos[..., 2] += 1e-3 * np.broadcast_to(course_mm, STEPS)[None, :, None]
    kept = plain.record | ({} if shift is None else {"intention": plain.record["intention"] + shift}) | record
    applied = AppliedPerturbation(name="push", label="push", onset_ms=(onset,) * CLIPS, end_ms=(end,) * CLIPS)
    return attrs.evolve(plain, site_pos=site_pos, record=kept, perturbation=applied)


def test_a_shift_is_told_in_units_of_the_intentions_own_spread(plain):
    shift = SHIFT * np.random.default_rng(1).standard_normal((CLIPS, STEPS, 4))
    result = analyse("recovery", rollouts=plain, perturbed=struck(plain, shift=shift, onset=0.0))
    found = result.metrics["push"]["intention"]
    assert found["shift"] == pytest.approx(SHIFT, rel=0.05)
    assert found["spread"] == pytest.approx(SPREAD, rel=0.05)
    assert found["in_spreads"] == pytest.approx(SHIFT / SPREAD, rel=0.07)
    assert found["uncertainty"] == pytest.approx(0.1)
    (row,) = result.tables["intention"].rows
    assert row[1:5] == tuple(found.values())


def test_only_the_time_of_the_perturbation_counts(plain):
    """A shift in the second half of the perturbed stretch has half of the mean square."""
    shift = np.zeros((CLIPS, STEPS, 4))
    shift[:, 100:] = SHIFT
    onset, end = np.zeros(CLIPS), np.full(CLIPS, 1.0)
    whole = intention(plain, struck(plain, shift=shift), onset, end)
    later = intention(plain, struck(plain, shift=shift), onset + 0.25, end)
    assert (whole.shift, later.shift) == pytest.approx((SHIFT / np.sqrt(2), SHIFT))


def test_what_a_stochastic_controller_draws_is_no_shift(plain):
    """Both draw their intention; variances add, so the shift alone is what is left."""
    rng = np.random.default_rng(2)

    def drawn():
        return DRAWN * rng.standard_normal((CLIPS, STEPS, 4))

    random = attrs.evolve(plain, record=plain.record | {"intention": plain.record["intention_mean"] + drawn()})
    shift = SHIFT * rng.standard_normal((CLIPS, STEPS, 4))
    other = struck(plain, intention=plain.record["intention_mean"] + drawn() + shift)
    found = intention(random, other, np.zeros(CLIPS), np.ones(CLIPS))
    assert found.shift == pytest.approx(SHIFT, rel=0.06)


def test_without_a_shift_or_an_intention_nothing_is_told(plain):
    result = analyse("recovery", rollouts=plain, perturbed=struck(plain, course_mm=1.0))
    assert "intention" not in result.metrics["push"] and "intention" not in result.tables
    bare = attrs.evolve(plain, record={})
    assert intention(bare, attrs.evolve(struck(plain), record={}), np.zeros(CLIPS), np.ones(CLIPS)) is None


def test_what_is_left_stands_beside_the_peak_and_beside_other_clips(plain):
    """2 mm at the onset, half a millimetre at the end: a quarter of the deviation is left."""
    course = np.where(np.arange(STEPS) < 20, 0.0, np.where(np.arange(STEPS) < 60, 2.0, 0.5))
    result = analyse("recovery", rollouts=plain, perturbed=struck(plain, course_mm=course))
    (headline,) = result.headlines
    assert (headline.value, headline.better) == (pytest.approx(0.5), "lower")
    assert headline.nulls["no recovery: its peak"] == pytest.approx(2.0)
    assert headline.nulls["a clip from the mean of all"] == result.metrics["between_clips_mm"]
    assert "no recovery: its peak" not in headline.unbeaten and "undisturbed" in headline.note


def test_what_never_recovers_does_as_well_as_no_recovery(plain):
    result = analyse("recovery", rollouts=plain, perturbed=struck(plain, course_mm=np.arange(STEPS) >= 20))
    assert "no recovery: its peak" in result.headlines[0].unbeaten


def test_how_far_clips_are_apart_is_known():
    """Two clips 2 mm apart in one keypoint are 1 mm from their mean."""
    r = synthetic_rollouts((50, 50))
    pos = np.zeros_like(r.site_pos)
    pos[1, :, r.keypoint_names.index("elbow_tip"), 0] = 0.002
    assert between_clips_mm(attrs.evolve(r, site_pos=pos), ["elbow_tip"]) == pytest.approx(1.0)
    assert between_clips_mm(attrs.evolve(r, site_pos=pos), ["base", "elbow_tip"]) == pytest.approx(0.5)


def test_muscles_that_differ_before_the_onset_are_told_apart(plain):
    """One differs from the beginning, another one from 100 ms after the onset."""
    excitation = plain.excitation.copy()
    first, second, *_ = plain.actuator_names
    excitation[..., plain.actuator_names.index(first)] += 0.2
    excitation[:, 61:, plain.actuator_names.index(second)] += 0.2
    other = attrs.evolve(struck(plain), excitation=excitation)
    muscles = analyse("recovery", rollouts=plain, perturbed=other).metrics["push"]["muscles"]
    assert (muscles[first]["responds_before"], muscles[second]["responds_before"]) == (1.0, 0.0)
    assert muscles[second]["latency_ms"] == pytest.approx(100.0)
    at_once = attrs.evolve(struck(plain, onset=0.0), excitation=excitation)
    muscles = analyse("recovery", rollouts=plain, perturbed=at_once).metrics["push"]["muscles"]
    assert np.isnan(muscles[first]["responds_before"])  # nothing is before it
