"""The compact dynamics of a tree of hinges and slides, against MuJoCo in C and against MJX, values and gradients."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import compile_body, make_simulator

from mimic_core.chain.choose import make_body
from mimic_mjx.differentiable import differentiable_view
from mimic_mjx.tree import TreeDynamics, solve_positive, unsupported

BATCH = 4
TREE = """
<mujoco>
  <worldbody>
    <body name="a" pos="0.1 0 0.2" quat="0.9 0.1 0.3 0.2">
      <joint name="lift" type="slide" axis="0.2 0.3 1" stiffness="3" damping="0.2" springref="0.02"/>
      <joint name="turn" axis="1 2 0" pos="0.02 0 0.01" stiffness="0.1" damping="0.01" armature="1e-3"/>
      <geom type="capsule" size="0.02" fromto="0 0 0 0.2 0 0.05"/>
      <site name="s0" pos="0.05 0.02 0"/>
      <body name="b" pos="0.2 0 0.05" euler="20 10 0">
        <joint name="bend" axis="0 1 0.3" ref="0.2"/>
        <joint name="slip" type="slide" axis="1 0 0" ref="0.01"/>
        <geom type="box" size="0.03 0.02 0.05" pos="0.04 0 0.02" euler="0 30 0"/>
        <site name="s1" pos="0.05 0.01 0.03"/>
        <body name="c" pos="0.1 0 0">
          <joint name="flick" axis="0 0 1"/>
          <geom type="sphere" size="0.02" pos="0.03 0 0"/>
          <site name="s2" pos="0.04 0 0.01"/>
        </body>
      </body>
      <body name="d" pos="0 0.1 0">
        <joint name="wave" axis="1 0 1"/>
        <geom type="capsule" size="0.01" fromto="0 0 0 0 0.1 0"/>
        <site name="s3" pos="0 0.05 0.01"/>
      </body>
    </body>
  </worldbody>
  <tendon>
    <spatial name="long"><site site="s0"/><site site="s1"/><site site="s2"/></spatial>
    <spatial name="short"><site site="s1"/><site site="s3"/></spatial>
  </tendon>
  <actuator>
    <muscle name="m0" tendon="long" lengthrange="0.1 0.4"/>
    <motor name="m1" joint="wave" gear="3"/>
    <motor name="m2" tendon="short" gear="-2"/>
  </actuator>
</mujoco>
"""


@pytest.fixture(scope="module")
def tree():
    return mujoco.MjModel.from_xml_string(TREE)


@functools.lru_cache(maxsize=1)
def program(m):
    """What `computed` does, compiled."""
    dynamics = TreeDynamics(m)

    @jax.jit
    def run(q, v):
        pose = dynamics.pose(q)
        mass, inertia = jnp.asarray(m.body_mass)[:, None], jnp.asarray(m.body_inertia)[..., None]
        passive = dynamics.passive(q, v, jnp.asarray(m.dof_damping)[:, None])
        return *dynamics.inertia_and_bias(pose, v, mass, inertia), *dynamics.transmission(pose, q), passive

    return run


def computed(m, qpos, qvel):
    """M, bias force, actuator lengths and moments, passive force, by `TreeDynamics` in float64."""
    run = program(m)
    with jax.enable_x64(True):
        return [np.moveaxis(np.asarray(a), -1, 0) for a in run(jnp.asarray(qpos.T), jnp.asarray(qvel.T))]


def by_mujoco(m, qpos, qvel):
    """The same by MuJoCo in C, one state after the other."""
    out, d = [], mujoco.MjData(m)
    for q, v in zip(qpos, qvel, strict=True):
        d.qpos[:], d.qvel[:] = q, v
        mujoco.mj_forward(m, d)
        unit = np.eye(m.nv)
        full = np.zeros((m.nv, m.nv))
        for i in range(m.nv):
            mujoco.mj_mulM(m, d, full[i], unit[i])
        moment = np.zeros((m.nu, m.nv))
        mujoco.mju_sparse2dense(moment, d.actuator_moment, d.moment_rownnz, d.moment_rowadr, d.moment_colind)
        out.append([full, d.qfrc_bias.copy(), d.actuator_length.copy(), moment, d.qfrc_passive.copy()])
    return [np.stack(x) for x in zip(*out, strict=True)]


def assert_same_dynamics(m, qpos, qvel):
    for ours, theirs in zip(computed(m, qpos, qvel), by_mujoco(m, qpos, qvel), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12 * max(1.0, np.abs(theirs).max()))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_forces_of_a_branched_tree_with_slides_are_those_of_mujoco(tree, seed):
    rng = np.random.default_rng(seed)
    assert unsupported(tree) is None or "integrator" in unsupported(tree)
    assert_same_dynamics(tree, rng.uniform(-1, 1, (BATCH, tree.nq)), rng.normal(0, 3, (BATCH, tree.nv)))


@pytest.mark.parametrize(
    "body",
    [
        "mouse_forelimb",
        *(pytest.param(f"mouse_forelimb:{v}", marks=pytest.mark.slow) for v in ("revised", "mobile_shoulder")),
    ],
)
def test_forces_of_the_mouse_are_those_of_mujoco(plugins, body):
    m = compile_body(plugins, make_body(plugins, body), "hill").mj_model
    rng = np.random.default_rng(1)
    qpos = rng.uniform(m.jnt_range[:, 0], m.jnt_range[:, 1], (BATCH, m.nq))
    assert_same_dynamics(m, qpos, rng.normal(0, 5, (BATCH, m.nv)))


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("body", "actuation"),
    [
        ("mouse_forelimb", "hill"),
        pytest.param("mouse_forelimb:mobile_shoulder", "torque", marks=pytest.mark.slow),
        pytest.param("mouse_forelimb:mobile_shoulder", "hill", marks=pytest.mark.slow),
        pytest.param("mouse_forelimb", "torque", marks=pytest.mark.slow),
    ],
)
def test_a_step_and_its_gradient_are_those_of_mjx(plugins, body, actuation):
    model = compile_body(plugins, make_body(plugins, body), actuation)
    with jax.enable_x64(True):
        sim = make_simulator(plugins, "mjx", model, control_dt=1 / 400, differentiable=True)
    rng = np.random.default_rng(2)
    low, high = model.mj_model.jnt_range.T
    state = [
        rng.uniform(low - 0.02 * (high - low), high, (16, len(low))),  # some beyond a limit
        rng.normal(0, 1, (16, len(low))),
        rng.uniform(model.actuation.low, model.actuation.high, (16, len(model.actuator_names))),
    ]
    excitation = rng.uniform(model.actuation.low, model.actuation.high, state[2].shape)

    def outcome(qpos, qvel, activation, excitation):
        after = sim.step(sim.reset(qpos, qvel, activation), excitation)
        return (after.qpos + 1e-2 * after.qvel).sum() + after.activation.sum(), after

    with jax.enable_x64(True):
        args = [jnp.asarray(a) for a in (*state, excitation)]
        both = []
        for dynamics in (sim._tree, None):
            sim._tree = dynamics
            run = jax.jit(jax.value_and_grad(lambda *x: outcome(*x), argnums=(0, 1, 2, 3), has_aux=True))
            (_, after), gradient = run(*args)
            both.append((after[1:4], gradient))
    assert dynamics is None and both[0] is not both[1]
    for ours, theirs in zip(jax.tree.leaves(both[0]), jax.tree.leaves(both[1]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9 * max(1.0, np.abs(theirs).max()))


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 7))
def test_systems_are_solved(seed, n):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(BATCH, n, n))
    a = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(n)
    y = rng.normal(size=(BATCH, n))
    with jax.enable_x64(True):
        x = solve_positive(jnp.asarray(np.moveaxis(a, 0, -1)), jnp.asarray(y.T))
    np.testing.assert_allclose(x.T, np.linalg.solve(a, y[..., None])[..., 0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('type="slide" axis="1 0 0" ref="0.01"', 'type="ball"'), "neither hinge nor slide"),
        (('<spatial name="short">', '<spatial name="short" stiffness="5">'), "springs or dampers"),
        (("<worldbody>", '<option density="1.2"/><worldbody>'), "fluid"),
        (('<body name="d"', '<body name="d" gravcomp="1"'), "compensated gravity"),
        (("<worldbody>", '<option integrator="RK4"/><worldbody>'), "another integrator"),
        (("<worldbody>", '<option><flag gravity="disable"/></option><worldbody>'), "switches"),
    ],
)
def test_what_it_does_not_know_is_left_to_mjx(change, reason):
    m = differentiable_view(mujoco.MjModel.from_xml_string(TREE), 0.002)
    assert unsupported(m) is None
    assert change[0] in TREE
    other = mujoco.MjModel.from_xml_string(TREE.replace(*change))
    if "integrator" not in reason:
        other = differentiable_view(other, 0.002)
    assert reason in unsupported(other)


def test_a_body_that_moves_freely_is_stepped_by_mjx(plugins):
    from mimic_core.testing.steps import floating_model

    sim = make_simulator(plugins, "mjx", floating_model(plugins), control_dt=1 / 400, differentiable=True)
    assert sim._tree is None
