"""Work and energy beside what is spent without a movement, or done without opposition."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse, training_of

from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_core.testing.toy import toy_body
from mimic_energetics.metabolics import Muscles


@pytest.fixture(scope="module")
def moving(toy_model):
    """The toy arm with both muscles active and at optimal length; what they do is set by the tests."""
    r, muscles = synthetic_rollouts((41, 41), joints=("shoulder",)), toy_model.muscle_names
    of = Muscles.of(toy_model)
    optimal = of.shortest + (1.0 - of.lowest) * of.optimal_length
    zero = np.zeros((2, 41, 2))
    fields = ("qpos", "qvel", "joint_pos", "joint_vel", "joint_force", "ref_joint_pos", "ref_joint_vel", "action")
    return attrs.evolve(
        r,
        joint_names=toy_model.joint_names,
        actuator_names=muscles,
        muscle_names=muscles,
        **dict.fromkeys((*fields, "muscle_force", "muscle_velocity"), zero),
        excitation=zero + 0.5,
        activation=zero + 0.5,
        muscle_length=zero + optimal,
        body=toy_body(),
        training=training_of(),
    )


def nulls_of(rollouts):
    return analyse("energetics", rollouts=rollouts).metrics["nulls"]


def test_activity_that_does_not_move_costs_what_it_costs_held_still(moving, toy_model):
    """At constant length with the isometric force, the null model is the very same; shortening costs more."""
    isometric = attrs.evolve(moving, muscle_force=np.zeros((2, 41, 2)) + 0.5 * Muscles.of(toy_model).max_force)
    found = analyse("energetics", rollouts=isometric).metrics
    assert found["nulls"]["metabolic_uJ"]["held_still"] == pytest.approx(found["metabolic_uJ"]["mean"], rel=1e-6)
    quick = attrs.evolve(isometric, muscle_velocity=np.full((2, 41, 2), -0.02))
    of_quick = analyse("energetics", rollouts=quick).metrics
    assert of_quick["nulls"]["metabolic_uJ"]["held_still"] == pytest.approx(found["metabolic_uJ"]["mean"], rel=1e-6)
    assert of_quick["metabolic_uJ"]["mean"] > 1.5 * found["metabolic_uJ"]["mean"]
    assert found["nulls"]["metabolic_uJ"]["relaxed"] == 0


def test_relaxed_muscles_cost_nothing(moving):
    """The same code with no activity gives the null of relaxed muscles."""
    none = np.zeros((2, 41, 2))
    metrics = analyse("energetics", rollouts=attrs.evolve(moving, excitation=none, activation=none)).metrics
    assert metrics["metabolic_uJ"]["mean"] == metrics["nulls"]["metabolic_uJ"]["held_still"] == 0


def test_what_antagonists_do_against_one_another_cancels_at_the_joints(moving):
    """One gives 2 mW and the other takes them for 100 ms: 200 µJ of positive work, and none of all together."""
    force, speed = np.full((2, 41, 2), 0.2), np.zeros((2, 41, 2))
    speed[..., 0], speed[..., 1] = -0.01, 0.01
    found = analyse("energetics", rollouts=attrs.evolve(moving, muscle_force=force, muscle_velocity=speed)).metrics
    assert found["work_uJ"]["positive"]["mean"] == pytest.approx(200, rel=1e-6)
    assert found["nulls"]["work_uJ"]["all_together"] == pytest.approx(0, abs=1e-6)
    assert found["nulls"]["work_uJ"]["at_joints"] == 0  # these joints have no torque


def test_work_at_the_joints_by_hand(moving):
    """0.01 N·m at 2 rad/s for 100 ms is 2 mJ in one joint; the other takes 0.5 mJ."""
    torque, speed = np.zeros((2, 41, 2)), np.full((2, 41, 2), 2.0)
    torque[..., 0], torque[..., 1] = 0.01, -0.0025
    nulls = nulls_of(attrs.evolve(moving, joint_force=torque, joint_vel=speed))
    assert nulls["work_uJ"]["at_joints"] == pytest.approx(2000, rel=1e-6)


def test_passive_forces_alone_are_the_static_curve(moving, toy_model):
    """Muscles stretched beyond their optimal length, shortening at 10 mm/s for 100 ms: force times 1 mm."""
    of = Muscles.of(toy_model)
    length = of.shortest + (1.4 - of.lowest) * of.optimal_length
    stretched = attrs.evolve(
        moving, muscle_length=np.zeros((2, 41, 2)) + length, muscle_velocity=np.full((2, 41, 2), -0.01)
    )
    passive = np.asarray(of.static(length).passive)
    assert (passive > 0).all()
    assert nulls_of(stretched)["work_uJ"]["passive"] == pytest.approx(1e6 * 0.001 * passive.sum(), rel=1e-5)


def test_every_number_of_the_table_is_a_headlines(moving):
    result = analyse("energetics", rollouts=moving)
    energy, done = result.headlines
    assert set(energy.nulls) == {"the same activity, held still", "relaxed muscles"}
    assert set(done.nulls) == {"at the joints", "all together", "passive forces alone"}
    shown = {(row[0], row[1]): row[2] for row in result.tables["nulls"].rows}
    assert shown["metabolic energy", "the controller"] == energy.value
    assert shown["positive work", "at the joints"] == done.nulls["at the joints"]
