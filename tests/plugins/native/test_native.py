"""The `native` actuation: a model's own actuators, as MuJoCo has them."""

from __future__ import annotations

import json

import attrs
import jax
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_case import ADHESION, STATED, imported, native, xml
from toys import clips_of

from mimic_core import Body, BodyModel, ConfigError, DataError
from mimic_core.chain import discover, plan_training
from mimic_core.config import structure
from mimic_core.files import to_json
from mimic_core.physics import Readings
from mimic_core.testing.toy import toy_body
from mimic_strength.holding import holding_activation


@pytest.fixture(scope="module")
def body(tmp_path_factory) -> Body:
    return imported(tmp_path_factory.mktemp("native"), xml(ADHESION))


@pytest.fixture(scope="module")
def model(body) -> BodyModel:
    return native(body)


@pytest.fixture(scope="module")
def without_adhesion(tmp_path_factory) -> BodyModel:
    return native(imported(tmp_path_factory.mktemp("native")))


# --- what is kept ---


def test_every_number_is_kept_exactly(model):
    reference = mujoco.MjModel.from_xml_string(xml(ADHESION))
    names = [n for n in dir(reference) if n.startswith(("actuator_", "jnt_", "dof_", "body_", "geom_", "tendon_"))]
    # keypoints are sites more, so that the site of an actuator has another number
    for name in [n for n in names if isinstance(getattr(reference, n), np.ndarray) and n != "actuator_trnid"]:
        np.testing.assert_array_equal(getattr(model.mj_model, name), getattr(reference, name), err_msg=name)
    assert model.mj_model.na == reference.na == len(STATED) < reference.nu


def test_what_has_no_name_is_called_as_what_it_drives(model):
    assert model.actuator_names[:4] == ("grip", "muscle_tendon", "muscle_joint", "shoulder")
    assert model.actuator_names == model.actuation.actuators
    assert model.muscle_names == ("muscle_tendon", "muscle_joint")


def test_body_comes_back_the_same_from_a_file(body):
    again = structure(json.loads(json.dumps(to_json(body))), Body, "body")
    assert again == body and again.actuators
    assert native(again).actuator_names == native(body).actuator_names


def test_skeleton_and_motors_know_nothing_of_them(body):
    assert BodyModel.compile(body).mj_model.nu == 0
    torque = discover().get("actuation", "torque")
    driven = BodyModel.compile(body, torque.build(torque.config(torque_limits={"*": 0.1}), body))
    assert driven.actuator_names == driven.joint_names and driven.mj_model.na == 0
    assert "left out, since they read actuators: read" in body.remarks


# --- control ranges ---


def test_control_ranges_are_the_bounds(model):
    bounds = dict(zip(model.actuator_names, zip(model.actuation.low, model.actuation.high, strict=True), strict=True))
    assert bounds["shoulder"] == (-2, 1) and bounds["servo"] == (-2, 0.5) and bounds["filtered"] == (0.1, 0.4)
    assert bounds["muscle_tendon"] == bounds["muscle_joint"] == bounds["grip"] == (0, 1)


@given(st.floats(-1, 1), st.floats(-1, 1))
@settings(deadline=None, max_examples=30)
def test_actions_map_affinely_onto_the_ranges(without_adhesion, a, b):
    actuation = without_adhesion.actuation
    mapped = actuation.excitation(np.array([[a], [b], [-1.0], [1.0], [0.0]]))
    np.testing.assert_allclose(mapped[2:4], [actuation.low, actuation.high], atol=1e-12)
    half = 0.5 * (actuation.high - actuation.low)
    np.testing.assert_allclose(mapped[0] - mapped[1], (a - b) * half, atol=1e-12)
    np.testing.assert_allclose(mapped[4], 0.5 * (actuation.high + actuation.low), atol=1e-12)


def test_a_muscle_is_excited_between_0_and_1_whatever_its_range_says(tmp_path):
    """MuJoCo clips a muscle's excitation there; an action beyond it would do nothing."""
    wide = xml().replace('tendon="flexor" timeconst', 'tendon="flexor" ctrlrange="-1 2" timeconst')
    narrow = wide.replace('force="0.7"', 'force="0.7" ctrlrange="0.1 0.6"')
    assert wide.count('ctrlrange="-1 2"') == 1 and narrow.count('ctrlrange="0.1 0.6"') == 1
    made = native(imported(tmp_path, narrow))
    bounds = dict(zip(made.actuator_names, zip(made.actuation.low, made.actuation.high, strict=True), strict=True))
    assert bounds["muscle_tendon"] == (0, 1)
    assert bounds["muscle_joint"] == (0.1, 0.6)
    given = native(imported(tmp_path), control_range={"muscle_*": (-0.5, 0.8)})
    at = given.actuator_names.index("muscle_tendon")
    assert (given.actuation.low[at], given.actuation.high[at]) == (0, 0.8)


def test_resting_action_is_zero_control_or_an_eighth_of_a_muscle(model):
    actuation = model.actuation
    rest = dict(zip(model.actuator_names, actuation.excitation(actuation.resting_action), strict=True))
    assert rest["muscle_tendon"] == rest["muscle_joint"] == pytest.approx(0.125)
    assert rest["shoulder"] == rest["push"] == rest["slow_servo"] == pytest.approx(0.0)
    assert rest["filtered"] == pytest.approx(0.1 + 0.3 / 8)  # its range does not reach 0
    assert (np.abs(actuation.resting_action) < 1).all()


def test_actuators_without_a_range_are_named_all_at_once(tmp_path):
    loose = xml().replace(' ctrlrange="-2 1"', "").replace(' ctrlrange="-3 3"', "")
    body = imported(tmp_path, loose)
    with pytest.raises(ConfigError, match=r"body animal: no control range for shoulder, speed; give ctrlrange in the"):
        native(body)
    given_one = native(body, control_range={"sh*": (-0.5, 0.25), "speed": (-1, 1)})
    i = given_one.actuator_names.index("shoulder")
    assert (given_one.actuation.low[i], given_one.actuation.high[i]) == (-0.5, 0.25)
    np.testing.assert_array_equal(given_one.mj_model.actuator_ctrlrange[i], [-0.5, 0.25])
    assert given_one.mj_model.actuator_ctrllimited[i]


def test_wrong_ranges(body):
    with pytest.raises(ConfigError, match=r"control_range: no actuator of body animal is called 'srvo'.*mean servo"):
        native(body, control_range={"srvo": (-1, 1)})
    with pytest.raises(ValueError, match="'servo': the lower end must be below the upper one"):
        native(body, control_range={"servo": (1, -1)})


def test_body_without_actuators_of_its_own():
    with pytest.raises(ConfigError, match=r"body toy: has no actuators of its own .*; use actuation = 'hill'"):
        native(toy_body())


# --- what drives by default ---


def test_it_is_the_default_where_there_are_actuators(plugins, body):
    clips = clips_of(BodyModel.compile(body), [np.zeros((8, BodyModel.compile(body).mj_model.nq))], 100.0, ["still"])
    assert plan_training({}, plugins, clips).actuation == "native"
    others = attrs.evolve(clips, body=toy_body())
    assert plan_training({}, plugins, others).actuation == plan_training({}, plugins).actuation == "hill"
    assert plan_training({"actuation": {"name": "torque"}}, plugins, clips).actuation == "torque"


# --- physics ---


def states(model: BodyModel, seed: int = 0, batch: int = 3, steps: int = 6):
    rng, m, (low, high) = np.random.default_rng(seed), model.mj_model, model.joint_range.T
    qpos = low + (high - low) * rng.uniform(0.2, 0.8, (batch, m.nq))
    qvel = rng.normal(0, 0.3, (batch, m.nv))
    ends = model.actuation.low, model.actuation.high
    drive = rng.uniform(*ends, (steps + 1, batch, m.nu)).astype(np.float32)
    return qpos.astype(np.float32), qvel.astype(np.float32), drive[0], drive[1:]


def by_mujoco(m: mujoco.MjModel, qpos, qvel, activation, drive, substeps: int):
    """States that MuJoCo's own step comes to: (qpos, act of the actuators with a state, data)."""
    data, has = mujoco.MjData(m), m.actuator_actadr >= 0
    data.qpos, data.qvel = qpos, qvel
    data.act[m.actuator_actadr[has]] = activation[has]
    for control in drive:
        data.ctrl = control
        data.qacc_warmstart[:] = 0  # each control step begins cold
        mujoco.mj_step(m, data, substeps)
    mujoco.mj_forward(m, data)
    return data.qpos, data.act[m.actuator_actadr[has]], data


def check_against_mujoco(model: BodyModel, simulator: str, tolerance: float) -> None:
    spec, m = discover().get("simulator", simulator), model.mj_model
    sim = spec.build(spec.config(), model, 2 * m.opt.timestep, False)
    qpos, qvel, activation, drive = states(model)
    state, step = sim.reset(qpos, qvel, activation), jax.jit(sim.step)
    for control in drive:
        state = step(state, control)
    read = jax.jit(lambda s: sim.read(s, frozenset(Readings._fields)))(state)
    has = m.actuator_actadr >= 0
    for i in range(len(qpos)):
        end, act, data = by_mujoco(m, qpos[i], qvel[i], activation[i], drive[:, i], 2)
        assert np.abs(end - qpos[i]).max() > 1e-3
        np.testing.assert_allclose(state.qpos[i], end, atol=tolerance)
        np.testing.assert_allclose(np.asarray(state.activation[i])[has], act, atol=tolerance)
        np.testing.assert_allclose(np.asarray(state.activation[i])[~has], drive[-1, i][~has], atol=1e-6)
        muscles = model.muscle_ids
        np.testing.assert_allclose(read.muscle_force[i], -data.actuator_force[muscles], rtol=1e-3, atol=1e3 * tolerance)
        np.testing.assert_allclose(read.muscle_length[i], data.actuator_length[muscles], atol=10 * tolerance)


def test_mujoco_drives_every_kind(model):
    check_against_mujoco(model, "mujoco", 1e-6)


@pytest.mark.slow
def test_mjx_drives_every_kind(without_adhesion):
    check_against_mujoco(without_adhesion, "mjx", 2e-5)


def test_mjx_says_what_it_cannot_drive(model):
    spec = discover().get("simulator", "mjx")
    with pytest.raises(ConfigError) as e:
        spec.build(spec.config(), model, 2 * model.mj_model.opt.timestep, False)
    assert str(e.value) == (
        "body animal: the simulator mjx does not have adhesion (grip); use --simulator mujoco with a policy that needs "
        "no gradient, or change these in the model"
    )


def test_mjx_says_which_shapes_it_cannot_collide(tmp_path):
    """An ellipsoid meets a box; the sphere beside them is no fault."""
    touching = xml().replace(
        "<worldbody>",
        '<worldbody><geom name="stone" type="ellipsoid" size="0.1 0.1 0.05" pos="0 0 -1" contype="1" conaffinity="1"/>'
        '<geom name="ball" type="sphere" size="0.1" pos="1 0 -1" contype="1" conaffinity="1"/>',
    )
    touching = touching.replace('type="box"', 'type="box" contype="1" conaffinity="1"')
    model, spec = native(imported(tmp_path, touching)), discover().get("simulator", "mjx")
    with pytest.raises(ConfigError) as e:
        spec.build(spec.config(), model, 2 * model.mj_model.opt.timestep, False)
    assert "does not have collisions of ellipsoid with box (stone with palm); use --simulator mujoco" in str(e.value)


# --- beginning at rest ---


def test_a_pose_is_held_by_muscles_motors_and_servos(without_adhesion):
    """From the activation that holds a pose, the body does not move while the states stay as they are."""
    model = without_adhesion
    m, data = model.mj_model, mujoco.MjData(model.mj_model)
    pose = np.array([[0.1, -0.6, 0.002, 0.05]])
    held = holding_activation(model, pose)[0]
    has = m.actuator_actadr >= 0
    low, high = (
        np.where(m.actuator_actlimited, m.actuator_actrange[:, i], b)
        for i, b in enumerate((model.actuation.low, model.actuation.high))
    )
    assert (held >= low - 1e-9).all() and (held <= high + 1e-9).all()
    data.qpos, data.ctrl = pose[0], held
    data.act[m.actuator_actadr[has]] = held[has]
    mujoco.mj_forward(m, data)
    asked = mujoco.MjData(m)
    asked.qpos = pose[0]
    mujoco.mj_inverse(m, asked)
    np.testing.assert_allclose(data.qfrc_actuator, asked.qfrc_inverse, rtol=0.02, atol=2e-3)


def test_longer_segments_move_a_muscles_working_range(body):
    """Both segments 1.5 times as long, so is the path but for its origin, and the range grows as the path does."""
    longer = native(attrs.evolve(body, segment_scale={"upper": 1.5, "lower": 1.5}))
    before = native(body)
    at = before.mj_model.tendon("flexor").id
    ratio = longer.mj_model.tendon_length0[at] / before.mj_model.tendon_length0[at]
    i = before.actuator_names.index("muscle_tendon")
    np.testing.assert_allclose(
        longer.mj_model.actuator_lengthrange[i], ratio * before.mj_model.actuator_lengthrange[i], rtol=1e-12
    )
    assert ratio > 1.2
    j = before.actuator_names.index("muscle_joint")  # an angle stays what it is
    np.testing.assert_array_equal(longer.mj_model.actuator_lengthrange[j], [-2, 0.5])


def test_actuator_of_an_engine_plugin_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="MuJoCo cannot compile it: Error: unrecognized plugin"):
        imported(tmp_path, xml('<plugin joint="elbow" plugin="mujoco.none" name="x"/>'))


def test_muscles_without_a_range_of_lengths_are_named(tmp_path):
    """MuJoCo says the number of the muscle alone."""
    bad = xml().replace('joint="elbow" lengthrange="-2 0.5"', 'joint="elbow"').replace('range="-2 0.5"/>', "/>", 1)
    with pytest.raises(DataError, match=r"MuJoCo cannot compile it: .* \(actuator 1 is 'muscle_joint'\)"):
        imported(tmp_path, bad.replace('axis="0 1 0" range="-2 0.5"', 'axis="0 1 0"'))
