"""The mouse forelimb with the muscles of Gilmer et al. 2025, beside OpenSim's numbers for the same model."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from mimic_core import BodyModel
from mimic_mouse_forelimb import facts

JOINTS = ("elv_angle", "extension_angle", "rotation_angle", "elbow_flex")
POSE = (0.8, 0.6, -0.3, -0.4)
OSIM = {
    "Pectoralis_Clavicle_Head": (4.7905, 6.1959, (0.409, -0.058, 1.096, 0.0)),
    "Biceps_Short_Head": (8.8556, 7.4488, (0.0, 0.0, 0.0, -1.122)),
    "Biceps_Long_Head": (8.7118, 6.5757, (-0.421, 0.594, -0.223, -1.134)),
    "Deltoid_Medial": (3.7963, 3.7821, (0.001, 0.563, 1.092, 0.0)),
    "Triceps_Lat_Head": (5.5675, 6.6264, (0.0, 0.0, 0.0, 0.835)),
    "Triceps_Long_Head": (6.6682, 8.9728, (0.548, -0.309, -0.219, 1.075)),
    "Brachialis_Proximal_Head": (7.2909, 6.3458, (0.0, 0.0, 0.0, -0.957)),
    "Brachialis_Distal_Head": (7.2867, 6.3467, (0.0, 0.0, 0.0, -0.988)),
    "Anconeus": (3.6300, 2.7045, (0.0, 0.0, 0.0, -0.809)),
    "Deltoid_Posterior": (3.3430, 3.6402, (0.157, -0.367, -0.207, 0.0)),
    "Anconeus_Short_Head": (1.0045, 1.4852, (0.0, 0.0, 0.0, 0.275)),
    "Subscapularis_SuperiorHead": (4.6242, 4.7793, (-0.023, 0.332, 0.443, 0.0)),
    "Infraspinatus": (3.0966, 2.8808, (-0.333, -0.133, -0.053, 0.0)),
    "PronatorTeres": (3.5319, 2.6559, (0.0, 0.0, 0.0, -0.551)),
    "FlexorCarpiRadialis": (8.8238, 8.1181, (0.0, 0.0, 0.0, -0.391)),
    "Brachioradialis": (8.0000, 6.8983, (0.0, 0.0, 0.0, -1.032)),
    "Triceps_Medial_Head": (3.6559, 4.4537, (0.0, 0.0, 0.0, 0.578)),
    "Latissimus_Dorsi_Rostral": (10.7466, 11.2398, (-0.300, 0.471, 0.498, 0.0)),
    "Latissimus_Dorsi_Caudal": (15.4017, 15.9170, (-0.337, 0.300, 0.198, 0.0)),
    "Pectoralis_Major_Anterior": (6.7636, 8.2693, (0.204, 0.277, 1.220, 0.0)),
    "Pectoralis_Major_Posterior": (5.4233, 7.0950, (0.370, 0.277, 1.723, 0.0)),
}
"""Muscle → OpenSim 4.6: its length (mm) in the model's default pose and in `POSE`, and its moment arms there, mm."""


@pytest.fixture(scope="module")
def gilmer(plugins) -> BodyModel:
    body, native = plugins.get("body", "mouse_forelimb").make("gilmer"), plugins.get("actuation", "native")
    return BodyModel.compile(body, native.build(native.config(), body))


def placed(model: BodyModel, pose) -> mujoco.MjData:
    data = mujoco.MjData(model.mj_model)
    data.qpos[model.joint_qposadr] = pose
    mujoco.mj_fwdPosition(model.mj_model, data)
    return data


def moment_arms(model: BodyModel, data: mujoco.MjData) -> np.ndarray:
    """(muscle, joint) minus the slope of length by angle, mm."""
    slopes = np.zeros((model.mj_model.nu, model.mj_model.nv))
    sparse = data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind
    mujoco.mju_sparse2dense(slopes, *sparse)
    return -1e3 * slopes[:, model.joint_dofadr]


def test_joints_and_muscles_in_the_order_of_the_facts(gilmer):
    assert gilmer.joint_names == JOINTS == tuple(facts.load("gilmer")["joints"])
    assert gilmer.muscle_names == tuple(OSIM) == tuple(facts.load("gilmer")["muscles"]) and len(OSIM) == 21
    assert set(gilmer.body_names) == {"humerus", "ulna", "radius", "hand"}  # scapula and clavicle do not move
    assert {"scapula", "clavicle"} < {gilmer.mj_model.body(b).name for b in range(gilmer.mj_model.nbody)}


def test_lengths_and_moment_arms_are_openSims(gilmer):
    """The source's numbers are rounded to 0.1 µm, OpenSim's here to 0.1 µm and 1 µm."""
    rest, bent = placed(gilmer, gilmer.reference_qpos), placed(gilmer, POSE)
    default, there, arms = (np.array(column) for column in zip(*OSIM.values(), strict=True))
    np.testing.assert_allclose(1e3 * rest.actuator_length, default, rtol=0, atol=5e-4)
    np.testing.assert_allclose(1e3 * bent.actuator_length, there, rtol=0, atol=5e-4)
    np.testing.assert_allclose(moment_arms(gilmer, bent), arms, rtol=0, atol=2e-3)


def test_flexors_and_extensors_of_the_elbow_turn_it_their_way_in_every_pose(gilmer):
    """The source's elbow angle grows as the elbow extends."""
    low, high = gilmer.joint_range.T
    elbow = gilmer.joint("elbow_flex")
    for pose in np.random.default_rng(3).uniform(low, high, (100, 4)):
        arms = moment_arms(gilmer, placed(gilmer, pose))[:, elbow]
        for sign, names in ((1, ("Triceps_Lat_Head", "Triceps_Long_Head")), (-1, ("Biceps_Long_Head", "Anconeus"))):
            assert (sign * arms[[gilmer.muscle(n) for n in names]] > 0).all()


def test_the_shoulder_is_where_paper_has_it_and_bones_have_their_lengths(gilmer, mouse_model):
    """Distances of joint centres by hand from the source's numbers: 6.53 mm of humerus, 7.71 mm from elbow to wrist."""
    data, paper = placed(gilmer, POSE), placed(mouse_model, np.zeros(4))
    at = {k: data.site(f"keypoint_{k}").xpos for k in gilmer.keypoint_names}
    np.testing.assert_allclose(at["shoulder"], paper.body("humerus").xpos, atol=1e-7)
    assert np.linalg.norm(at["elbow"] - at["shoulder"]) == pytest.approx(6.53e-3, abs=1e-5)
    assert np.linalg.norm(at["wrist"] - at["elbow"]) == pytest.approx(7.71e-3, abs=6e-5)


def test_force_of_a_muscle_by_hand(gilmer):
    """At L₀·cos α₀ plus slack length a muscle gives F₀·cos α₀, and none at half or less of length_min's."""
    table, m = facts.load("gilmer"), gilmer.mj_model
    for name, muscle in table["muscles"].items():
        actuator = m.actuator(name)
        cosine = np.cos(muscle["pennation"])
        optimal = muscle["slack_length"] + muscle["optimal_length"] * cosine
        gain = [
            mujoco.mju_muscleGain(length, 0.0, actuator.lengthrange, actuator.acc0[0], actuator.gainprm[:9])
            for length in (optimal, muscle["slack_length"] + 0.3 * muscle["optimal_length"] * cosine)
        ]
        np.testing.assert_allclose(gain, [-muscle["max_isometric_force"] * cosine, 0.0], rtol=1e-9, atol=1e-12)
        bias = mujoco.mju_muscleBias(1.5 * optimal, actuator.lengthrange, actuator.acc0[0], actuator.gainprm[:9])
        assert abs(bias) < 1e-5  # the source's muscles have no passive force


@pytest.mark.slow
def test_its_time_step_is_short_enough(gilmer):
    """Driven at random for 0.1 s, it moves as with Runge-Kutta at 0.05 ms."""
    import copy

    fine = copy.copy(gilmer.mj_model)
    fine.opt.timestep = 5e-5
    rng, (low, high) = np.random.default_rng(4), gilmer.joint_range.T
    off = []
    for _ in range(6):
        pose, excitation, ends = low + rng.uniform(0.3, 0.7, 4) * (high - low), rng.uniform(0, 1, (4, 21)), []
        for m in (gilmer.mj_model, fine):
            data = mujoco.MjData(m)
            data.qpos[:] = pose
            for u in excitation:
                data.ctrl[:] = u
                for _ in range(round(0.025 / m.opt.timestep)):
                    mujoco.mj_step(m, data)
            assert not data.warning.number.any()
            ends.append(data.qpos.copy())
        off.append(np.abs(np.subtract(*ends)))
    assert np.degrees(np.mean(off)) < 0.5
