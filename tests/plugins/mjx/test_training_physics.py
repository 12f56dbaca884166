"""What policies train in: the view chosen for a body, what is read off it, poses in bulk, cores as devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from toys import FREE, compile_body, enable_x64, make_simulator, sites

from mimic_core import Body, BodyModel, ConfigError, Readings
from mimic_core.body.kinematics import positions
from mimic_core.chain.assembly import build_task, plan_training, training_simulator
from mimic_core.chain.choose import make_body
from mimic_core.testing.toy import toy_body
from mimic_core.trainer import Devices

PPO = {"policy": {"name": "bottleneck_ppo"}}


# -- poses in bulk --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["mouse_forelimb", "mouse_forelimb:mobile_shoulder"])
def test_positions_are_those_of_mujoco_pose_by_pose(plugins, body):
    model = compile_body(plugins, make_body(plugins, body))
    qpos = np.random.default_rng(0).uniform(*model.joint_range.T, (3, 5, model.mj_model.nq))
    found, bodies = positions(model, qpos)
    np.testing.assert_allclose(found, sites(model, qpos), atol=1e-12)
    data = mujoco.MjData(model.mj_model)
    for at in np.ndindex(3, 5):
        data.qpos[:] = qpos[at]
        mujoco.mj_kinematics(model.mj_model, data)
        np.testing.assert_allclose(bodies[at], data.xpos[model.body_ids], atol=1e-12)


def test_positions_of_a_free_body():
    model = BodyModel.compile(Body(name="free", mjcf=FREE, keypoints={"nose": "nose"}))
    qpos = np.random.default_rng(1).normal(size=(4, model.mj_model.nq))
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    np.testing.assert_allclose(positions(model, qpos)[0], sites(model, qpos), atol=1e-12)


# -- readings off the smooth view -----------------------------------------------------------------------------


@pytest.mark.parametrize("actuation", ["hill", "torque"])
def test_the_view_reads_what_mujoco_computes(plugins, actuation):
    model = compile_body(plugins, make_body(plugins, "mouse_forelimb"), actuation)
    rng, (low, high) = np.random.default_rng(2), model.joint_range.T
    state = [
        rng.uniform(low, high, (6, len(low))),
        rng.normal(0, 2, (6, len(low))),
        rng.uniform(model.actuation.low, model.actuation.high, (6, len(model.actuator_names))),
    ]
    names = frozenset(Readings._fields)
    with enable_x64(True):
        view = make_simulator(plugins, "mjx", model, differentiable=True)
        found = jax.jit(lambda *s: view.read(view.reset(*s), names))(*map(jnp.asarray, state))
        engine = make_simulator(plugins, "mujoco", model)
        expected = engine.read(engine.reset(*map(jnp.asarray, state)), names)
    for name, ours, theirs in zip(Readings._fields, found, expected, strict=True):
        assert ours.shape == theirs.shape, name
        scale = np.abs(theirs).max(initial=0.0)
        # MuJoCo's activation dynamics do not enter: a reading is of the very state
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9 * scale, err_msg=name)


# -- the view chosen ------------------------------------------------------------------------------------------

TOUCHING = """
<mujoco><worldbody><geom type="plane" size="1 1 1"/>
<body name="a" pos="0 0 .1"><joint name="j" range="-1 1" limited="true"/><geom size="0.02" fromto="0 0 0 .1 0 0"
type="capsule"/><site name="tip" pos=".1 0 0"/></body></worldbody></mujoco>"""


def model_of(mjcf):
    return BodyModel.compile(Body(name="thing", mjcf=mjcf, keypoints={"tip": "tip"}))


def chosen(plugins, given, model):
    spec, smooth = training_simulator(plan_training(given, plugins), plugins, "cpu", model)
    return spec.name, smooth


def test_a_limb_is_trained_in_the_fast_view_and_measured_in_its_own_physics(plugins, toy_model, toy_clips):
    assert chosen(plugins, PPO, toy_model) == ("mjx", True)
    plan = plan_training(PPO, plugins)
    tasks = [
        build_task(toy_clips, plan, plugins, train_clips=np.arange(6), for_training=training)
        for training in (True, False)
    ]
    assert [type(t.simulator).__name__ for t in tasks] == ["MjxSimulator", "MujocoSimulator"]
    assert tasks[0].simulator.differentiable and not tasks[1].simulator.differentiable


FLOOR = '<geom type="plane" size="1 1 1"/>'
LIGHT = '<body gravcomp="1" name="a"'
SLOW = "the speed of a small tree without contacts"
HINGE = '<joint name="j" range="-1 1" limited="true"/>'


@pytest.mark.parametrize(
    ("changes", "lacks"),
    [
        ({}, SLOW),
        ({'<body name="a"': LIGHT}, "contacts (since it has compensated gravity)"),
        ({"<worldbody>": '<option density="1.2"/><worldbody>'}, SLOW),
        ({FLOOR: ""}, None),
        ({FLOOR: '<geom type="plane" size="1 1 1" contype="0" conaffinity="0"/>'}, None),
        ({FLOOR: "", 'name="j"': 'name="j" frictionloss="0.1"'}, SLOW),
        ({FLOOR: "", "</mujoco>": '<equality><joint joint1="j"/></equality></mujoco>'}, SLOW),
        ({FLOOR: "", HINGE: '<joint name="j" type="ball"/>'}, SLOW),
    ],
)
def test_what_the_view_lacks(plugins, changes, lacks):
    mjcf = TOUCHING
    for old, new in changes.items():
        mjcf = mjcf.replace(old, new)
    model = model_of(mjcf)
    assert plugins.get("simulator", "mjx").view_lacks(model) == lacks
    assert chosen(plugins, PPO, model) == (("mjx", True) if lacks is None else ("mujoco", False))
    # who asks for the view gets it
    assert chosen(plugins, {**PPO, "simulator": {"view": "smooth"}}, model) == ("mjx", True)


@pytest.mark.parametrize(
    ("simulator", "expected"),
    [
        ({"integrator": "implicitfast"}, ("mujoco", False)),
        ({"name": "mujoco"}, ("mujoco", False)),
        ({"name": "mjx"}, ("mjx", False)),
        ({"name": "auto"}, ("mjx", True)),
        ({"view": "auto"}, ("mujoco", False)),
        ({"name": "mjx", "view": "fast"}, ("mjx", True)),
        ({"name": "mujoco", "view": "fast"}, ("mujoco", False)),
    ],
)
def test_simulator_settings_given_replace_those_of_the_preset(plugins, toy_model, simulator, expected):
    assert chosen(plugins, {**PPO, "simulator": simulator}, toy_model) == expected


def test_simulator_settings_may_be_lists(plugins):
    settings = plan_training({**PPO, "simulator": {"cores": [0, 1]}}, plugins).settings["simulator"]
    assert settings == {"cores": [0, 1]}


def test_other_presets_train_in_the_bodys_own_physics(plugins, toy_model):
    for preset in ("paper", "joint_only", "physics_aware"):
        assert chosen(plugins, {**PPO, "preset": preset}, toy_model) == ("mujoco", False)
    assert chosen(plugins, {"policy": {"name": "bottleneck_apg"}}, toy_model) == ("mjx", True)


def test_a_view_that_cannot_be(plugins, toy_model):
    with pytest.raises(ConfigError, match=r"simulator\.view: must be one of auto, smooth, fast, got 'smoth'.*smooth"):
        plan_training({**PPO, "simulator": {"view": "smoth"}}, plugins)
    with pytest.raises(ConfigError, match="'mujoco' has no gradient"):
        chosen(plugins, {**PPO, "simulator": {"name": "mujoco", "view": "smooth"}}, toy_model)


# -- cores as devices -----------------------------------------------------------------------------------------


def told_by_a_new_process(code, **environment):
    inherited = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, "JAX_PLATFORMS": "cpu", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


COUNT = """
import json, os
from mimic_core.trainer import runtime
runtime.prepare_jax()
import jax
print(json.dumps([jax.device_count(), runtime.cores_are_devices(), len(os.sched_getaffinity(0))]))
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores cannot be counted like this here")
def test_each_core_is_a_device_unless_the_user_says_how_many_there_are():
    count, split, cores = told_by_a_new_process(COUNT)
    assert (count, split) == (cores, cores > 1)
    assert told_by_a_new_process(COUNT, JAX_NUM_CPU_DEVICES="3")[:2] == [3, False]
    flags = "--xla_force_host_platform_device_count=4"
    assert told_by_a_new_process(COUNT, XLA_FLAGS=flags)[:2] == [4, False]


class Host:
    host_only = True


class Anywhere:
    host_only = False


@pytest.mark.parametrize(
    ("simulator", "environments", "used"),
    [
        (Anywhere, 512, 2),
        (Anywhere, 1024, 4),
        (Anywhere, 511, 1),
        (Anywhere, 771, 3),
        (Anywhere, 64, 1),
        (Host, 512, 1),
    ],
)
def test_as_many_cores_as_the_environments_keep_busy(monkeypatch, simulator, environments, used):
    monkeypatch.setattr("mimic_core.trainer.devices.cores_are_devices", lambda: True)
    monkeypatch.setattr(jax, "device_count", lambda: 4)
    monkeypatch.setattr(jax, "devices", lambda: jax.local_devices()[:1] * 4)
    monkeypatch.setattr("mimic_core.trainer.devices.Mesh", lambda devices, axes: len(devices))
    task = type("T", (), {"simulator": simulator})
    assert (Devices.of(task, environments).mesh or 1) == used


def test_the_toy_has_no_constraint_but_limits(plugins):
    assert plugins.get("simulator", "mjx").view_lacks(compile_body(plugins, toy_body())) is None
