"""What reserves gave beside the muscles, by hand."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse

from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_core.testing.toy import toy_body
from mimic_tracking.reserves import Given, given, headlines, lines, summary


@pytest.fixture(scope="module")
def rollouts():
    """Two clips trained on and one held out; muscles give ±4 mN·m, the elbow's reserve ±1, ±2 in the last clip."""
    plain = synthetic_rollouts((40, 40, 30), split=("train", "train", "held_out"))
    inside = np.isfinite(plain.joint_force)
    flip = np.where(np.arange(40) % 2, 1.0, -1.0)[:, None]
    muscles = np.where(inside, 4e-3 * flip, np.nan)
    reserve = np.where(inside, flip * [0.0, 1e-3], np.nan)
    reserve[2] *= 2.0
    activation = np.concatenate([plain.activation, reserve[..., 1:] / 5e-3], axis=-1)
    return attrs.evolve(
        plain,
        actuator_names=(*plain.actuator_names, "reserve_elbow"),
        action=activation,
        excitation=activation,
        activation=activation,
        joint_force=muscles + reserve,
        reserve_names=("reserve_elbow",),
        reserve_force=reserve,
    )


def test_shares_by_hand(rollouts):
    found = given(rollouts)
    assert {split: list(of) for split, of in found.items()} == {s: ["elbow"] for s in ("held_out", "train", "all")}
    assert attrs.astuple(found["train"]["elbow"]) == pytest.approx((4e-3, 1e-3, 5e-3, 1e-3, False))
    assert attrs.astuple(found["held_out"]["elbow"]) == pytest.approx((4e-3, 2e-3, 6e-3, 2e-3, False))
    assert (found["train"]["elbow"].share, found["held_out"]["elbow"].share) == pytest.approx((0.25, 0.5))
    assert found["all"]["elbow"].reserve == pytest.approx(1e-3 * np.sqrt((80 + 30 * 4) / 110))
    assert Given(0.0, 1.0, 1.0, 1.0).share is None


def test_it_is_said_at_the_top_and_in_a_table(rollouts):
    (top,) = headlines(rollouts)
    assert (top.label, top.unit) == ("torque of reserves over that of muscles, held-out clips", "%")
    assert top.value == pytest.approx(50.0) and top.note.startswith("at elbow")
    result = analyse("tracking", rollouts=rollouts)
    assert top in result.headlines and result.metrics["reserves"] == summary(rollouts)
    first = result.tables["reserves"].rows[0]
    assert first[:3] == ("held-out", "elbow", "µN·m") and first[3:] == pytest.approx((4000, 2000, 6000, 2000, 50))
    assert "1 reserves" in result.methods
    (table,) = lines(summary(rollouts))
    assert [row[0] for row in table.rows] == ["held-out"]


def test_forces_of_a_slide_are_in_millinewtons(rollouts):
    slide = toy_body().mjcf.replace('<joint name="elbow"', '<joint name="elbow" type="slide"')
    moved = attrs.evolve(rollouts, body=attrs.evolve(toy_body(), mjcf=slide))
    (table,) = lines(summary(moved))
    assert table.rows[0][2] == "mN" and table.rows[0][3:5] == pytest.approx((4, 2))


def test_a_reserve_is_no_muscle(rollouts):
    """Neither the muscles' use nor the figure of activations has it."""
    result = analyse("tracking", rollouts=rollouts)
    muscles = rollouts.muscle_names
    assert tuple(result.metrics["muscles"]) == tuple(row[0] for row in result.tables["muscle_use"].rows) == muscles
    drawn = [ax.get_title(loc="left") for ax in result.figures["activation"].axes if ax.get_visible()]
    assert drawn == list(muscles)


def test_a_body_without_reserves_says_nothing():
    plain = synthetic_rollouts((40, 40))
    assert (given(plain), summary(plain), headlines(plain), list(lines(summary(plain)))) == ({}, {}, [], [])
    result = analyse("tracking", rollouts=plain)
    assert "reserves" not in result.tables and "reserves" not in result.metrics and "reserve" not in result.methods
