"""Models of OpenSim as MuJoCo has them, beside OpenSim itself: synthetic ones, and those of a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

import mujoco
import numpy as np
import pytest

from mimic_core import BodyModel, ConfigError, DataError, Description, Place

pytest.importorskip("opensim", reason="OpenSim is not installed: pip install 'mimic-neuro[opensim]'")

import synthetic_osim as made

from mimic_osim.agreement import Twin
from mimic_osim.convert import convert
from mimic_osim.importer import read
from mimic_osim.settings import Settings

FOLDER = os.environ.get("MIMIC_OSIM_MODELS", "")


def twin_of(model, folder: Path, settings: Settings | None = None, root: str = "model") -> Twin:
    return Twin(convert(made.save(model, folder / "model.osim"), settings or Settings(), root))


@pytest.mark.parametrize(
    "kind",
    "PinJoint SliderJoint UniversalJoint GimbalJoint BallJoint PlanarJoint FreeJoint WeldJoint".split(),
)
def test_bodies_are_where_openSim_has_them(kind, tmp_path):
    twin = twin_of(made.joint_of_kind(kind), tmp_path)
    found = twin.compare(poses=50)
    assert found.body_error.max() < 1e-9 and found.fitted_body_error.max() < 1e-9
    assert twin.model.nu == 0 and "second" in [twin.model.body(b).name for b in range(twin.model.nbody)]


@pytest.fixture(scope="module")
def knee(tmp_path_factory) -> Twin:
    return twin_of(made.knee(), tmp_path_factory.mktemp("knee"))


@pytest.fixture(scope="module")
def agreement(knee):
    return knee.compare(poses=200)


def test_couplings_are_exact_but_for_the_polynomial_and_its_error_is_said(knee, agreement):
    assert agreement.body_error.max() < 1e-9
    said = [r for r in knee.converted.remarks if "polynomial of 4th order" in r]
    assert any("knee_translation1" in r and "mm over -115 to 11°" in r for r in said)
    assert any(r.startswith("patella_angle follows knee_angle") for r in said)
    errors = [fit.error for fit in (f for _, f in knee.converted.skeleton.followers.values())]
    assert 0 < agreement.fitted_body_error.max() < 3 * sum(errors)


def test_a_locked_coordinate_is_held_at_its_value(knee):
    names = [knee.model.joint(j).name for j in range(knee.model.njnt)]
    assert "ankle_angle" not in names
    assert any(r.startswith("coordinate ankle_angle is locked; held at 0.2 rad") for r in knee.converted.remarks)


def test_what_a_model_forbids_stays_forbidden(tmp_path):
    """A coordinate clamped to one value, a muscle without passive force, and one whose control is limited."""
    import opensim as osim

    model = made.knee("DeGrooteFregly2016Muscle")
    hip = model.getCoordinateSet().get("hip_q0")
    hip.setRangeMin(0.1)
    hip.setRangeMax(0.1)
    hip.setDefaultValue(0.1)
    hip.set_clamped(True)
    front = osim.DeGrooteFregly2016Muscle.safeDownCast(model.getMuscles().get("front"))
    front.set_ignore_passive_fiber_force(True)
    front.setMaxControl(0.25)
    twin = twin_of(model, tmp_path)
    m, remarks = twin.model, twin.converted.remarks
    assert "hip_q0" not in [m.joint(j).name for j in range(m.njnt)]
    assert "coordinate hip_q0 has no range; held at 0.1 rad" in remarks
    assert 0 < m.actuator("front").biasprm[7] <= 1e-6 < m.actuator("back").biasprm[7]  # scale of the passive force
    assert m.actuator("front").ctrlrange.tolist() == [0.0, 0.25] and m.actuator("back").ctrlrange.tolist() == [0.0, 1.0]
    assert "front: excitation goes to 0.25, the largest control that the model allows" in remarks


def test_lengths_and_moment_arms(agreement):
    for muscle in ("front", "back", "bent", "moving"):
        assert np.median(agreement.length_error[muscle]) < 0.002, muscle
        assert len(agreement.arm_error[muscle]) > 100 and np.median(agreement.arm_error[muscle]) < 0.02, muscle
    assert np.median(agreement.length_error["front"]) < 1e-5  # what the spline's polynomial leaves


def test_what_is_not_as_in_the_model_is_one_line_each(knee):
    remarks = knee.converted.remarks
    assert sum("back: ellipsoid bulge becomes a" in r for r in remarks) == 1
    assert sum(r.startswith("path point bent-P2 is in use in") for r in remarks) == 1
    assert sum(r.startswith("moving path point moving-P2 follows") for r in remarks) == 1
    assert any(r.startswith("tendons do not stretch") for r in remarks)


def test_a_moving_point_may_stay(tmp_path):
    twin = twin_of(made.knee(), tmp_path, Settings(moving_points="fixed"))
    assert any(r.startswith("moving path point moving-P2 stays where") for r in twin.converted.remarks)
    assert not any("moving-P2" in twin.model.joint(j).name for j in range(twin.model.njnt))


def test_a_narrower_range_is_fitted_closer(knee, tmp_path):
    narrow = twin_of(made.knee(), tmp_path, Settings(range={"knee_angle": (-60.0, 0.0)}))
    error = {t: t.converted.skeleton.followers["knee_translation1"][1].error for t in (knee, narrow)}
    assert error[narrow] < 0.5 * error[knee]
    np.testing.assert_allclose(np.rad2deg(narrow.model.joint("knee_angle").range), [-60, 0], atol=1e-9)


def test_an_unknown_coordinate_is_answered(tmp_path):
    with pytest.raises(ConfigError, match=r"range.knee_angel: model.osim has no coordinate 'knee_angel'.*knee_angle"):
        twin_of(made.knee(), tmp_path, Settings(range={"knee_angel": (-60.0, 0.0)}))


@pytest.mark.parametrize("kind", ["Millard2012EquilibriumMuscle", "Thelen2003Muscle", "DeGrooteFregly2016Muscle"])
def test_muscle_parameters_by_hand(kind, tmp_path):
    """Slack length, optimal length and force of MuJoCo's muscle, read back from the compiled model."""
    twin = twin_of(made.knee(kind), tmp_path)
    m = twin.model
    a = m.actuator("front").id
    low, high = m.actuator_lengthrange[a]
    first, last = m.actuator_gainprm[a, :2]
    unit = (high - low) / (last - first)
    assert unit == pytest.approx(0.1 * np.cos(0.2)) and low - first * unit == pytest.approx(0.25)
    assert m.actuator_gainprm[a, 2] == pytest.approx(900 * np.cos(0.2))
    expected = (0.015, 0.06) if kind == "DeGrooteFregly2016Muscle" else (0.01, 0.04)
    if kind == "Thelen2003Muscle":
        expected = (0.015, 0.05)
    np.testing.assert_allclose(m.actuator_dynprm[a, :2], expected)
    assert m.actuator_gainprm[a, 6] == pytest.approx(10.0)
    assert 1.2 < m.actuator_gainprm[a, 8] < 2.0


def test_inverse_dynamics(tmp_path):
    from mimic_osim.storage import Storage

    knee = twin_of(made.knee(twist=0.0), tmp_path)
    t = np.linspace(0, 1, 101)
    columns = {"hip_q0": 40 * np.sin(5 * t), "knee_angle": -50 + 45 * np.cos(7 * t)}
    Storage(t, columns, True).write(tmp_path / "kick.mot", "Coordinates")
    for name, (ours, theirs) in knee.inverse_dynamics(tmp_path / "kick.mot").items():
        assert np.sqrt(np.mean((ours - theirs) ** 2)) < 0.005 * np.sqrt(np.mean(theirs**2)), name


def test_torques_at_rest_are_the_slope_of_openSims_potential_energy(knee, tmp_path):
    """Also where OpenSim's own inverse dynamics is not, see `synthetic_osim.knee`."""
    from mimic_osim.storage import Storage

    opened, every = knee.converted.opened, knee.converted.coordinates
    at, step = {"hip_q0": 0.17, "knee_angle": -0.87}, 1e-4

    def energy(name, by):
        values = every.settle({k: np.array([x + by * (k == name)]) for k, x in at.items()})
        opened.set_pose({c: float(values[c][0]) for c, known in every.every.items() if not known.fixed})
        opened.model.realizeDynamics(opened.state)
        return opened.model.calcPotentialEnergy(opened.state)

    t = np.linspace(0, 0.1, 5)
    Storage(t, {k: np.full(5, np.rad2deg(x)) for k, x in at.items()}, True).write(tmp_path / "rest.mot", "Coordinates")
    for name, (ours, _) in knee.inverse_dynamics(tmp_path / "rest.mot").items():
        slope = (energy(name, step) - energy(name, -step)) / (2 * step)
        assert ours[2] == pytest.approx(slope, rel=2e-3, abs=2e-3), name


def test_a_description_makes_a_body_in_the_default_pose(tmp_path):
    path = made.save(made.knee(), tmp_path / "knee.osim")
    places = {"Hip": Place(site="thigh_top"), "Toe": Place(site="shank_tip"), "Knee": Place(joint="knee_angle")}
    body = read(Description(name="leg", model=path, keypoint_spread_mm=5, keypoints=places, where="leg.toml"))
    model = BodyModel.compile(body)
    assert {"hip_q0", "knee_angle", "knee_translation1"} <= set(model.joint_names)
    assert model.reference_qpos[model.joint_qposadr[model.joint("knee_angle")]] == pytest.approx(-0.4)
    assert [a for a in ("front", "back", "bent", "moving") if f'"{a}"' in body.actuators] == [
        "front",
        "back",
        "bent",
        "moving",
    ]
    # gravity is down where MuJoCo's z is up
    np.testing.assert_allclose(model.mj_model.opt.gravity, [0, 0, -9.80665], atol=1e-6)


def test_what_is_no_model_is_said_in_one_line(tmp_path):
    bad = tmp_path / "bad.osim"
    bad.write_text("<OpenSimDocument")
    with pytest.raises(DataError, match=r"bad.osim: OpenSim cannot read it") as e:
        convert(bad, Settings())
    assert "\n" not in str(e.value)


def test_a_model_for_kinematics_alone_is_said_in_one_line(tmp_path):
    text = made.save(made.joint_of_kind("PinJoint"), tmp_path / "model.osim").read_text()
    path = tmp_path / "massless.osim"
    path.write_text(re.sub(r"<mass>.*?</mass>", "<mass>0</mass>", text))
    with pytest.raises(DataError, match=r"massless.osim: (none of its 2 bodies has a mass|OpenSim .*is massless)") as e:
        convert(path, Settings())
    assert "\n" not in str(e.value)


def test_a_free_root_is_mujocos_and_its_coordinates_are_openSims(tmp_path):
    from mimic_osim.survey import survey

    twin = twin_of(made.free_body(), tmp_path)
    assert twin.model.jnt_type[0] == int(mujoco.mjtJoint.mjJNT_FREE)
    found = survey(twin.converted.opened, twin.converted.coordinates, 30, 4)
    qpos, missing = twin.motion.qpos(found.values)
    assert not missing
    data, upright = mujoco.MjData(twin.model), twin.converted.skeleton.frames["ground"].turn
    for i, q in enumerate(qpos):
        data.qpos[:] = q
        mujoco.mj_kinematics(twin.model, data)
        np.testing.assert_allclose(data.body("trunk").xpos, upright @ found.pos["trunk"][i], atol=1e-9)
        np.testing.assert_allclose(data.body("trunk").xmat.reshape(3, 3), upright @ found.turn["trunk"][i], atol=1e-9)
    back = [twin.motion.values(q[None]) for q in qpos]
    for name, x in found.values.items():
        np.testing.assert_allclose([b[name][0] for b in back], x, atol=1e-9)
    held = twin_of(made.free_body(), tmp_path, root="fixed")
    assert held.model.nv == 0


@pytest.mark.skipif(not FOLDER, reason="MIMIC_OSIM_MODELS names no folder of models")
@pytest.mark.slow
@pytest.mark.parametrize("file", sorted(Path(FOLDER).glob("*.osim")) if FOLDER else [], ids=lambda p: p.stem)
def test_models_of_others(file):
    found = Twin(convert(file, Settings())).compare(poses=200)
    assert found.body_error.max() < 1e-5
    arms = [float(np.median(e)) for e in found.arm_error.values() if len(e)]
    assert not arms or np.median(arms) < 0.02
