"""The mouse forelimb against its two reference models, and against geometry worked out apart from MuJoCo."""

from __future__ import annotations

import importlib.util
from xml.etree import ElementTree as ET

import attrs
import h5py
import mujoco
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation
from where import ROOT

from mimic_core import BodyModel, ConfigError
from mimic_core.chain import discover

VARIANTS = ("paper", "revised")
"""Those with a reference model."""

JOINTS = ("sh_elv", "sh_extension", "sh_rotation", "elbow")
MUSCLES = ("Pec_C", "Lat", "PD", "AD", "MD", "Triceps_Lateral", "Triceps_Long", "Brachialis", "Biceps_Long")


@pytest.fixture(scope="module")
def models() -> dict[str, BodyModel]:
    plugins = discover()
    hill = plugins.get("actuation", "hill")
    built = {}
    for variant in VARIANTS:
        body = plugins.get("body", "mouse_forelimb").make(variant)
        built[variant] = BodyModel.compile(body, hill.build(hill.config(), body))
    return built


@pytest.fixture(scope="module", params=VARIANTS)
def pair(request, shared_data, models) -> tuple[BodyModel, mujoco.MjModel]:
    """This project's model, and the reference with the same integration settings."""
    ours = models[request.param]
    reference = mujoco.MjModel.from_xml_path(str(shared_data / f"mouse_forelimb_{request.param}.xml"))
    for option in ("timestep", "integrator", "solver", "iterations", "ls_iterations", "tolerance", "ls_tolerance"):
        setattr(reference.opt, option, getattr(ours.mj_model.opt, option))
    return ours, reference


def random_poses(model: BodyModel, count: int, seed: int = 0) -> np.ndarray:
    low, high = model.joint_range.T
    return np.random.default_rng(seed).uniform(low, high, (count, len(low)))


def tendons(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
    """Lengths (muscle,) and moment arms (muscle, joint), both by name."""
    arms = np.zeros((model.ntendon, model.nv))
    mujoco.mju_sparse2dense(arms, data.ten_J, model.ten_J_rownnz, model.ten_J_rowadr, model.ten_J_colind)
    rows = [model.tendon(m).id for m in MUSCLES]
    return data.ten_length[rows], arms[np.ix_(rows, [model.joint(j).dofadr[0] for j in JOINTS])]


# --- against the reference models ---


def test_tendon_lengths_and_moment_arms_equal_the_reference(pair):
    ours, reference = pair
    a, b = mujoco.MjData(ours.mj_model), mujoco.MjData(reference)
    worst_length = worst_arm = 0.0
    for pose in random_poses(ours, 1000):
        for model, data in ((ours.mj_model, a), (reference, b)):
            data.qpos[[model.joint(j).qposadr[0] for j in JOINTS]] = pose
            mujoco.mj_fwdPosition(model, data)
        (length_a, arm_a), (length_b, arm_b) = tendons(ours.mj_model, a), tendons(reference, b)
        assert length_a.min() > 1e-4 and np.abs(arm_a).max() > 1e-4
        worst_length = max(worst_length, np.abs(length_a - length_b).max())
        worst_arm = max(worst_arm, np.abs(arm_a - arm_b).max())
    assert worst_length < 1e-6
    assert worst_arm < 1e-6


def test_muscle_parameters_equal_the_reference(pair):
    ours, reference = pair
    for muscle in MUSCLES:
        a, b = ours.mj_model.actuator(muscle), reference.actuator(muscle)
        for field in ("gainprm", "biasprm", "dynprm", "gear", "ctrlrange", "ctrllimited", "actlimited"):
            np.testing.assert_array_equal(getattr(a, field), getattr(b, field), err_msg=f"{muscle} {field}")
        np.testing.assert_allclose(a.lengthrange, b.lengthrange, rtol=0, atol=1e-12)


def simulate(model: mujoco.MjModel, pose: np.ndarray, excitation: np.ndarray) -> tuple[np.ndarray, bool]:
    """Joint angles (step, joint) by name, and whether a joint limit was ever touched."""
    data = mujoco.MjData(model)
    qpos = [model.joint(j).qposadr[0] for j in JOINTS]
    ctrl = [model.actuator(m).id for m in MUSCLES]
    data.qpos[qpos] = pose
    angles, touched = [], False
    for u in excitation:
        data.ctrl[ctrl] = u
        mujoco.mj_step(model, data)
        touched |= bool((data.efc_type == mujoco.mjtConstraint.mjCNSTR_LIMIT_JOINT).any())
        angles.append(data.qpos[qpos])
    assert not data.warning.number.any()
    return np.array(angles), touched


def test_passive_swing_equals_the_reference(pair):
    ours, reference = pair
    rest = np.zeros((240, len(MUSCLES)))  # 240 steps of 1.25 ms are 0.3 s
    low, high = ours.joint_range.T
    moved, touched_any = 0.0, False
    for pose in [*random_poses(ours, 8, seed=1), low, high]:
        (a, touched), (b, _) = (simulate(m, pose, rest) for m in (ours.mj_model, reference))
        assert np.abs(a - b).max() < 1e-6
        moved, touched_any = max(moved, np.ptp(a, axis=0).max()), touched_any or touched
    assert moved > 0.1
    assert touched_any


def test_response_to_random_excitation_equals_the_reference(pair):
    ours, reference = pair
    rng = np.random.default_rng(2)
    touched_any = False
    for pose in [*random_poses(ours, 8, seed=3), *ours.joint_range.T]:
        excitation = np.repeat(rng.uniform(0, 1, (60, len(MUSCLES))), 4, axis=0)
        (a, touched), (b, _) = (simulate(m, pose, excitation) for m in (ours.mj_model, reference))
        assert np.abs(a - b).max() < 1e-6
        assert np.ptp(a, axis=0).max() > 0.1
        touched_any |= touched
    assert touched_any


# --- against geometry worked out by hand or with scipy ---


def test_names_and_order(models):
    for model in models.values():
        assert model.joint_names == JOINTS
        assert model.muscle_names == model.actuator_names == MUSCLES
        assert model.keypoint_names == ("shoulder", "elbow", "wrist", "paw")
        assert model.root is None
        assert model.body.keypoint_spread == pytest.approx(0.0025)
    assert BodyModel.compile(discover().get("body", "mouse_forelimb").make(None)).body.variant == "paper"


def test_joint_ranges_in_degrees(models):
    expected = {"sh_elv": (-70, 0), "sh_extension": (-70, 40), "sh_rotation": (-25, 89), "elbow": (-80, 90)}
    for joint, limits in expected.items():
        np.testing.assert_allclose(
            np.rad2deg(models["paper"].joint_range[models["paper"].joint(joint)]), limits, rtol=0, atol=1e-12
        )


def chain(angles: dict[str, float]) -> dict[str, tuple[np.ndarray, Rotation]]:
    """Frames (position, orientation) of the arm's bodies, from the numbers in the facts table, without MuJoCo."""
    from mimic_mouse_forelimb import facts

    table = facts.load("paper")
    frames = {"world": (np.zeros(3), Rotation.identity())}
    for name, body in table["bodies"].items():
        pos, rot = frames[body["parent"]]
        pos, rot = pos + rot.apply(body["pos"]), rot * Rotation.from_euler("XYZ", body["euler_deg"], degrees=True)
        for joint, fact in table["joints"].items():
            if fact["body"] == name:
                rot = rot * Rotation.from_rotvec(angles[joint] * np.array(fact["axis"]))
        frames[name] = pos, rot
    return frames


def path_length(body, angles: dict[str, float], muscle: str) -> float:
    from mimic_mouse_forelimb import facts

    where = {site: (name, pos) for name, sites in facts.load("paper")["sites"].items() for site, pos in sites.items()}
    frames = chain(angles)
    path = next(m.path for m in body.muscles if m.name == muscle)
    points = np.array([frames[b][0] + frames[b][1].apply(p) for b, p in (where[s] for s in path)])
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def test_tendon_lengths_and_moment_arms_equal_scipy_kinematics(models):
    model = models["paper"]
    data, h = mujoco.MjData(model.mj_model), 1e-6
    for pose in random_poses(model, 5, seed=4):
        data.qpos[model.joint_qposadr] = pose
        mujoco.mj_fwdPosition(model.mj_model, data)
        lengths, arms = tendons(model.mj_model, data)
        angles = dict(zip(JOINTS, pose, strict=True))
        for i, muscle in enumerate(MUSCLES):
            assert lengths[i] == pytest.approx(path_length(model.body, angles, muscle), abs=1e-12)
            for j, joint in enumerate(JOINTS):
                up, down = (path_length(model.body, angles | {joint: angles[joint] + s * h}, muscle) for s in (1, -1))
                assert arms[i, j] == pytest.approx((up - down) / (2 * h), abs=1e-8)


def test_keypoints_segment_lengths(models):
    model = models["paper"]
    data = mujoco.MjData(model.mj_model)
    shoulders = []
    for pose in random_poses(model, 20, seed=5):
        data.qpos[model.joint_qposadr] = pose
        mujoco.mj_forward(model.mj_model, data)
        shoulder, elbow, wrist, paw = data.site_xpos[model.keypoint_site_ids]
        shoulders.append(shoulder)
        # sqrt(0.5^2 + 0.3^2 + 6.8^2) and sqrt(2^2 + 6.5^2 + 0.5^2) mm
        assert np.linalg.norm(elbow - shoulder) == pytest.approx(6.824954e-3, abs=1e-9)
        assert np.linalg.norm(wrist - elbow) == pytest.approx(6.819091e-3, abs=1e-9)
        assert np.linalg.norm(paw - wrist) == pytest.approx(3e-3, abs=1e-12)
        assert elbow == pytest.approx(data.body("ulna").xpos, abs=1e-15)
        assert shoulder == pytest.approx(data.body("humerus").xpos, abs=1e-15)
    assert np.ptp(shoulders, axis=0).max() == 0.0


def test_keypoints_are_on_the_segments_that_tracked_landmarks_keep_to(models):
    model = models["paper"]
    carriers = {
        k: model.mj_model.body(model.mj_model.site_bodyid[s]).name
        for k, s in zip(model.keypoint_names, model.keypoint_site_ids, strict=True)
    }
    assert carriers == {"shoulder": "scapula", "elbow": "humerus", "wrist": "wrist_body", "paw": "wrist_body"}


def test_the_elbow_keypoint_does_not_turn_with_the_forearm(models):
    """Wherever a registration moves it on the humerus: its distance to the shoulder is the same in every pose."""
    body = attrs.evolve(models["paper"].body, keypoint_pos={"elbow": (0.001, -0.002, -0.006)})
    model = BodyModel.compile(body)
    data, distances = mujoco.MjData(model.mj_model), []
    for pose in random_poses(model, 20, seed=6):
        data.qpos[model.joint_qposadr] = pose
        mujoco.mj_kinematics(model.mj_model, data)
        at = dict(zip(model.keypoint_names, data.site_xpos[model.keypoint_site_ids], strict=True))
        distances.append([np.linalg.norm(at[k] - at["elbow"]) for k in ("shoulder", "wrist")])
    to_shoulder, to_wrist = np.ptp(distances, axis=0)
    assert to_shoulder < 1e-12 and to_wrist > 1e-3


def test_tracked_elbows_keep_their_distance_to_the_shoulder(shared_data):
    """SD within each reach, in the recordings of another laboratory."""
    for path in sorted((shared_data / "reaches").glob("set*.csv")):
        reach = pd.read_csv(path)
        at = {k: reach[[f"{k}_{a}" for a in "xyz"]].to_numpy() for k in ("shoulder", "elbow", "wrist")}
        upper, lower = (np.linalg.norm(at["elbow"] - at[k], axis=1).std() for k in ("shoulder", "wrist"))
        assert upper < 1e-6 and lower > 3e-4, path.name


def test_segments_are_those_of_the_recorded_animal_within_the_spread(shared_data, models):
    """Tracked landmarks lie on the skin, so only to within the spread that a registration is told to expect."""
    clips = []
    for path in sorted((shared_data / "mouse_reach").glob("*_ik.h5")):
        with h5py.File(path) as file:
            names = [n.decode().lower() for n in file["kp_names"][()]]
            frames = file["kp_data"][()].reshape(-1, len(names), 3)
        clips.append({n: frames[:, i] for i, n in enumerate(names)})
    for a, b, model_length in (("shoulder", "elbow", 6.825e-3), ("elbow", "wrist", 6.819e-3)):
        measured = np.median(np.concatenate([np.linalg.norm(c[a] - c[b], axis=-1) for c in clips]))
        assert abs(measured - model_length) < models["paper"].body.keypoint_spread


@pytest.mark.parametrize("mouse", ["set1", "set4"])
def test_paw_is_where_another_laboratory_tracks_it(shared_data, mouse):
    """Wrist to paw over elbow to wrist, in mice of another size."""
    ratios = []
    for path in (shared_data / "reaches").glob(f"{mouse}_*.csv"):
        reach = pd.read_csv(path)
        at = {k: reach[[f"{k}_{a}" for a in "xyz"]].to_numpy() for k in ("elbow", "wrist", "paw")}
        paw, forearm = (np.linalg.norm(at[a] - at[b], axis=1) for a, b in (("paw", "wrist"), ("wrist", "elbow")))
        ratios.append((paw / forearm).mean())
    assert np.median(ratios) == pytest.approx(3.0 / 6.819, rel=0.1)


def test_masses_and_bones(models):
    model = models["paper"].mj_model
    assert model.body_mass.sum() == pytest.approx(2 * 1.258e-4 + 7.1e-4, abs=1e-15)
    bones = [i for i in range(model.ngeom) if model.geom(i).name.startswith("bone_")]
    assert len(bones) == model.ngeom >= 6
    assert not model.geom_contype.any() and not model.geom_conaffinity.any()


def test_length_ranges_do_not_move_with_the_time_step(models):
    body = models["paper"].body
    hill = discover().get("actuation", "hill")
    coarse = attrs.evolve(body, physics=attrs.evolve(body.physics, timestep=0.0025, integrator="euler", iterations=1))
    again = BodyModel.compile(coarse, hill.build(hill.config(), coarse))
    np.testing.assert_array_equal(again.mj_model.actuator_lengthrange, models["paper"].mj_model.actuator_lengthrange)


def test_physics_is_that_of_the_training_runs(models):
    for model in models.values():
        option = model.mj_model.opt
        assert option.timestep == 0.00125
        assert option.integrator == mujoco.mjtIntegrator.mjINT_RK4
        assert option.solver == mujoco.mjtSolver.mjSOL_CG
        assert (option.iterations, option.ls_iterations) == (6, 6)


# --- the facts table ---


def test_every_fact_has_a_unit_and_a_known_source():
    from mimic_mouse_forelimb import facts

    cited = set()
    known = {v: facts.sources(v) for v in facts._document()["variants"]}
    for variant, sources in known.items():
        for fact in facts.table(variant):
            where = f"{fact.group}.{fact.entry}.{fact.quantity}"
            assert fact.source in sources, where
            is_text = isinstance(fact.value[0] if isinstance(fact.value, list) else fact.value, str)
            assert bool(fact.unit) != is_text, where
            cited.add((fact.source, sources[fact.source]))
    assert cited == {pair for sources in known.values() for pair in sources.items()}


def test_variants_differ_exactly_where_they_should():
    from mimic_mouse_forelimb import facts

    paper, revised = ({(f.group, f.entry, f.quantity): f for f in facts.table(v)} for v in VARIANTS)
    assert paper.keys() == revised.keys()
    changed = {k for k in paper if paper[k].value != revised[k].value}
    forces = {("muscles", m, "max_isometric_force") for m in MUSCLES if m != "Brachialis"}
    assert changed == forces | {
        ("muscles", "AD", "operating_range"),
        ("muscle_defaults", "", "deactivation_time"),
        ("joint_defaults", "", "armature"),
        ("joint_defaults", "", "damping"),
        ("compile", "", "timestep"),
    }
    assert all(revised[k].source == "revised" for k in changed)
    assert {f.source for f in paper.values()}.isdisjoint({"revised"})


def test_mjcf_keeps_every_digit(models):
    from mimic_mouse_forelimb import facts

    root = ET.fromstring(models["paper"].body.mjcf)
    written = {s.get("name"): [float(x) for x in s.get("pos").split()] for s in root.iter("site")}
    for sites in facts.load("paper")["sites"].values():
        for name, pos in sites.items():
            assert written[name] == pos
    assert root.find("tendon") is None and root.find("actuator") is None


def test_spec_and_table_name_the_same_variants():
    from mimic_mouse_forelimb import facts

    spec = discover().get("body", "mouse_forelimb")
    document = facts._document()
    assert list(spec.variants) == document["variants"] == [*VARIANTS, "mobile_shoulder", "wrist", "gilmer"]


def test_unknown_variant():
    from mimic_mouse_forelimb import facts

    spec = discover().get("body", "mouse_forelimb")
    for make in (spec.make, facts.load):
        with pytest.raises(ConfigError, match=r"unknown variant 'papper'; did you mean paper\?"):
            make("papper")


# --- the report of muscle forces ---


@pytest.fixture(scope="module")
def muscle_forces():
    path = ROOT / "benchmarks" / "muscle_forces.py"
    spec = importlib.util.spec_from_file_location("muscle_forces", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_muscle_forces_over_the_joint_range(muscle_forces, models):
    for model in models.values():
        table = muscle_forces.force_table(model, muscle_forces.poses_over_range(model, 400))
        assert tuple(table.index) == MUSCLES
        assert (table["min"] >= 0).all()
        # Every muscle meets its optimal length somewhere; none passes the physiological 1.2 N.
        np.testing.assert_allclose(table["max"], table["largest isometric"], rtol=0.08)
        assert table["max"].max() <= 1.2 * 1.01


def test_muscle_forces_over_the_reaches(muscle_forces, models, shared_data):
    poses = muscle_forces.poses_of_reaches(models["revised"], shared_data / "mouse_reach")
    assert poses.shape == (37 * 60, 4)
    forces = muscle_forces.isometric_forces(models["revised"], poses)
    table = muscle_forces.force_table(models["revised"], poses)
    np.testing.assert_allclose(table["max"], forces.max(0))
    assert table.loc["Triceps_Lateral", "share in 0.2-1.2 N"] == 1.0
    with pytest.raises(SystemExit, match=r"holds no \*_ik\.h5 files"):
        muscle_forces.poses_of_reaches(models["revised"], shared_data / "rodent")
