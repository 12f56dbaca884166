"""The view of a body with contacts, couplings and limits: near the true physics, and smooth."""

from __future__ import annotations

import copy

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from mimic_core import Body, BodyModel, Physics
from mimic_mjx.differentiable import differentiable_view, dynamics_of, left_out, without_ground
from mimic_mjx.rows import nearest
from mimic_mjx.settings import Settings
from mimic_mjx.simulator import MjxSimulator

DT = 0.004
FALLING = """
<mujoco>
  <option timestep="0.002" gravity="GRAVITY"/>
  <worldbody>
    <geom type="plane" size="5 5 1" friction="FRICTION 0.005 0.0001"/>
    <body name="thing" pos="0 0 HEIGHT">
      <freejoint/><geom name="thing" SHAPE mass="0.2" friction="0.1 0.005 0.0001"/>
    </body>
  </worldbody>
</mujoco>
"""
SHAPES = {
    "sphere": ('type="sphere" size="0.03"', 0.03),
    "capsule": ('type="capsule" size="0.02" fromto="-0.05 0 0 0.05 0 0"', 0.02),
    "box": ('type="box" size="0.05 0.04 0.02"', 0.02),
    "ellipsoid": ('type="ellipsoid" size="0.05 0.04 0.02"', 0.02),
    "cylinder": ('type="cylinder" size="0.04 0.02"', 0.02),
}


def falling(shape, gravity="0 0 -9.81", friction=0.7, height=0.06):
    text = FALLING
    for key, value in {"GRAVITY": gravity, "FRICTION": friction, "SHAPE": shape, "HEIGHT": height}.items():
        text = text.replace(key, str(value))
    return text


def model_of_mjcf(mjcf):
    return BodyModel.compile(Body(name="thing", mjcf=mjcf, physics=Physics(timestep=0.002, integrator="implicitfast")))


def stepped_by_mujoco(m, seconds, dt, ctrl, qvel):
    """qpos (step, nq) by MuJoCo in C at time steps of 0.2 ms, with as many iterations as its solver asks for."""
    m = copy.copy(m)
    m.opt.timestep, m.opt.iterations, m.opt.ls_iterations = 2e-4, 100, 50
    m.opt.solver, m.opt.integrator = mujoco.mjtSolver.mjSOL_NEWTON, mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    data = mujoco.MjData(m)
    data.qvel[:], data.ctrl[:] = qvel, ctrl
    out, every = [], round(dt / m.opt.timestep)
    for i in range(round(seconds / dt) * every):
        mujoco.mj_step(m, data)
        if i % every == every - 1:
            out.append(data.qpos.copy())
    return np.stack(out)


def rolled(mjcf, seconds, ctrl=0.0, qvel=None):
    """qpos (step, nq) of the view and of MuJoCo in C, from the model's own pose, at the same instants."""
    model = model_of_mjcf(mjcf)
    m = model.mj_model
    sim = MjxSimulator(Settings(), model, DT, differentiable=True)
    assert sim._smooth is not None
    qvel = np.zeros(m.nv) if qvel is None else np.asarray(qvel, float)
    excitation = jnp.full((1, m.nu), ctrl)
    state = sim.reset(m.qpos0[None], qvel[None], jnp.zeros((1, m.nu)))

    def step(state, _):
        state = sim.step(state, excitation)
        return state, state.qpos[0]

    _, ours = jax.jit(lambda s: jax.lax.scan(step, s, None, length=round(seconds / DT)))(state)
    return np.asarray(ours), stepped_by_mujoco(m, seconds, DT, ctrl, qvel)


def some_slow(names, fast):
    """Parameters of a test of which only a few are quick enough for every run."""
    return [n if n in fast else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("shape", some_slow(SHAPES, {"box"}))
def test_what_falls_comes_to_rest_on_the_floor_as_in_mujoco(shape):
    look, size = SHAPES[shape]
    ours, theirs = rolled(falling(look), 0.6)
    assert theirs[-1, 2] == pytest.approx(size, abs=1e-3)
    assert ours[-1, 2] == pytest.approx(theirs[-1, 2], abs=1e-3)
    assert np.abs(ours[:, 2] - theirs[:, 2]).max() < 6e-3


@pytest.mark.parametrize(("friction", "slides"), [pytest.param(0.7, False, marks=pytest.mark.slow), (0.2, True)])
def test_friction_holds_up_to_its_coefficient(friction, slides):
    """On a plane whose slope is 0.4, given by the direction of gravity."""
    down = 9.81 * np.array([0.4, 0.0, -1.0]) / np.hypot(0.4, 1.0)
    box = falling(SHAPES["box"][0], " ".join(map(str, down)), friction, height=0.0201)
    ours, theirs = rolled(box, 0.5)
    way = 0.5 * 9.81 / np.hypot(0.4, 1.0) * (0.4 - friction) * 0.5**2 if slides else 0.0
    assert theirs[-1, 0] == pytest.approx(way, abs=0.02)
    assert ours[-1, 0] == pytest.approx(theirs[-1, 0], abs=0.03)


@pytest.mark.slow
def test_nothing_sticks_to_the_floor():
    """Thrown up from the floor, a ball leaves it as in MuJoCo."""
    ours, theirs = rolled(falling(SHAPES["sphere"][0], height=0.0299), 0.1, qvel=[0, 0, 1.0, 0, 0, 0])
    assert theirs[-1, 2] > 0.06
    assert ours[-1, 2] == pytest.approx(theirs[-1, 2], abs=5e-3)


def test_a_hinged_rod_rests_on_the_floor_in_training_too():
    rod = """
    <mujoco><option timestep="0.002"/><worldbody><geom type="plane" size="1 1 1"/>
      <body name="rod" pos="0 0 0.05"><joint name="j" axis="0 1 0" damping="1e-3" armature="1e-4"/>
        <geom type="capsule" size="0.015" fromto="0 0 0 0.2 0 0" mass="0.1"/></body>
      <body name="far" pos="0 1 1"><joint name="k"/><geom size="0.02"/></body>
    </worldbody></mujoco>"""
    ours, theirs = rolled(rod, 0.6)
    heights = [0.05 - 0.2 * np.sin(q[-1, 0]) for q in (ours, theirs)]
    assert heights[1] == pytest.approx(0.015, abs=2e-3)
    assert heights[0] == pytest.approx(heights[1], abs=1e-3)


CHAIN = """
<mujoco><option timestep="0.002"/><worldbody>
  <body name="a" pos="0 0 1"><joint name="a" axis="0 1 0" damping="0.02" armature="1e-3"/>
    <geom type="capsule" size="0.01" fromto="0 0 0 0.1 0 0" mass="0.1"/><site name="top" pos="0.05 0 0"/>
    <body name="b" pos="0.1 0 0"><joint name="b" axis="0 1 0" damping="0.02" armature="1e-3"FRICTION/>
      <geom type="capsule" size="0.01" fromto="0 0 0 0.1 0 0" mass="0.1"/><site name="end" pos="0.1 0 0"/></body></body>
  <site name="anchor" pos="0 0 1.05"/>
  <body name="c" pos="0 0.3 1">
    <joint name="c" axis="0 1 0" damping="0.02"/><geom size="0.02" pos="0.1 0 0" mass="0.1"/>
  </body>
</worldbody>
<contact><exclude body1="a" body2="b"/><exclude body1="b" body2="c"/><exclude body1="a" body2="c"/></contact>
CONSTRAINT
</mujoco>"""


def tendon(settings):
    return f'<tendon><spatial name="t" {settings}><site site="anchor"/><site site="end"/></spatial></tendon>'


CONSTRAINTS = {
    "coupling": '<equality><joint joint1="b" joint2="a" polycoef="0.1 0.5 0.3 0 0"/></equality>',
    "held": '<equality><joint joint1="b" polycoef="0.3 0 0 0 0"/></equality>',
    "connection": '<equality><connect body1="b" anchor="0.1 0 0"/></equality>',
    "weld": '<equality><weld body1="b"/></equality>',
    "limit": tendon('limited="true" range="0 0.2"'),
    "spring": tendon('stiffness="20" damping="0.3" springlength="0.1"'),
    "friction": "",
}


@pytest.mark.parametrize("kind", some_slow(CONSTRAINTS, {"coupling", "limit"}))
def test_constraints_hold_as_in_mujoco(kind):
    friction = ' frictionloss="0.2"' if kind == "friction" else ""
    ours, theirs = rolled(CHAIN.replace("CONSTRAINT", CONSTRAINTS[kind]).replace("FRICTION", friction), 0.4)
    assert np.isfinite(ours).all()
    assert np.abs(ours - theirs).max() < 0.06  # rad; without the constraint they are 0.5 apart and more
    if kind == "coupling":
        a, b = ours[:, 0], ours[:, 1]
        assert np.abs(b - (0.1 + 0.5 * a + 0.3 * a**2))[40:].max() < 0.01


def test_parts_do_not_pass_through_each_other():
    pair = """
    <mujoco><option timestep="0.002"/><worldbody>
      <body name="still" pos="0 0 0.5"><joint name="s" damping="10" stiffness="50" axis="1 0 0"/>
        <geom type="capsule" size="0.02" fromto="-0.1 0 0 0.1 0 0" mass="1"/></body>
      <body name="ball" pos="0.02 0 0.6">
        <joint name="z" type="slide" axis="0 0 1"/><geom size="0.03" mass="0.05"/>
      </body>
    </worldbody></mujoco>"""
    ours, theirs = rolled(pair, 0.6)
    assert theirs[-1, 1] == pytest.approx(-0.05, abs=5e-3)
    assert ours[-1, 1] == pytest.approx(theirs[-1, 1], abs=2e-3)


def test_nearest_points_of_segments_are_nearest():
    rng = np.random.default_rng(0)
    a, u, c, w = rng.normal(size=(4, 200, 3, 1))
    one, two = nearest(*map(jnp.asarray, (a, u, c, w)))
    found = np.linalg.norm(np.asarray(one - two), axis=1)[:, 0]
    t = np.linspace(-1, 1, 101)
    line = a[..., 0][:, None] + t[:, None] * u[..., 0][:, None], c[..., 0][:, None] + t[:, None] * w[..., 0][:, None]
    best = np.linalg.norm(line[0][:, :, None] - line[1][:, None], axis=-1).min((1, 2))
    assert (found <= best + 2e-2).all()


@pytest.mark.parametrize("size", [1.0, 1e-3])
@pytest.mark.parametrize("lengths", [(0, 0), (1, 0), (0, 1), (1, 0.01)], ids=["points", "first", "second", "unlike"])
def test_points_and_segments_of_any_size_have_the_slopes_of_finite_differences(size, lengths):
    rng = np.random.default_rng(2)
    a, u, c, w = (rng.normal(size=(3, 3, 1)) for _ in range(4))
    along = [rng.normal(size=(3, 3, 1)) for _ in range(4)]
    at = [size * x for x in (a, lengths[0] * u, c, lengths[1] * w)]
    way = [size * x for x in (along[0], lengths[0] * along[1], along[2], lengths[1] * along[3])]

    def gap(at):
        one, two = nearest(*at)
        return ((two - one) ** 2).sum() / size**2

    slope = jax.grad(gap)([jnp.asarray(x, jnp.float32) for x in at])
    by_slope = sum((np.asarray(g) * w).sum() for g, w in zip(slope, way, strict=True))
    with jax.enable_x64():
        there, back = (gap([jnp.asarray(x + e * w) for x, w in zip(at, way, strict=True)]) for e in (1e-6, -1e-6))
        np.testing.assert_allclose(by_slope, (there - back) / 2e-6, rtol=1e-4)


@pytest.mark.slow
def test_a_step_with_contacts_has_the_slope_that_finite_differences_have():
    model = model_of_mjcf(falling(SHAPES["box"][0], height=0.0205))
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(model.mj_model.nq,))
    with jax.enable_x64(True):
        sim = MjxSimulator(Settings(), model, DT, differentiable=True)

        def outcome(qvel):
            state = sim.reset(jnp.asarray(model.mj_model.qpos0)[None], qvel[None], jnp.zeros((1, 0)))
            for _ in range(4):
                state = sim.step(state, jnp.zeros((1, 0)))
            return (state.qpos[0] * weights).sum()

        at = jnp.asarray([0.2, 0.1, -0.4, 0.5, -0.3, 0.2])
        slope = jax.jit(jax.grad(outcome))(at)
        run = jax.jit(outcome)
        numeric = [(run(at + 1e-6 * e) - run(at - 1e-6 * e)) / 2e-6 for e in np.eye(6)]
    np.testing.assert_allclose(slope, numeric, rtol=1e-4, atol=1e-8)


@pytest.mark.slow
def test_an_environment_that_diverged_leaves_the_gradient_of_the_others_as_it_is():
    simulator = MjxSimulator(Settings(), model_of_mjcf(falling(SHAPES["sphere"][0])), DT, differentiable=True)
    start = simulator.reset(np.tile([0, 0, 0.03, 1, 0, 0, 0], (2, 1)), np.ones((2, 6)), np.zeros((2, 0)))

    def followed(shared, speed):
        moved = start._replace(qvel=start.qvel * speed[:, None] * shared)
        after = simulator.step(moved, jnp.zeros((2, 0)))
        good = (jnp.abs(after.qvel) < 1e4).all(axis=-1, keepdims=True)
        return jnp.where(good, after.qvel, 0.0).sum()

    slope = jax.jit(jax.grad(followed))
    alone, beside = (float(slope(1.0, jnp.array([1.0, other]))) for other in (0.0, 1e30))
    assert np.isfinite(beside)
    assert beside == pytest.approx(alone, rel=1e-5)


def test_what_is_left_out_is_listed():
    boxes = """
    <mujoco><worldbody>
      <body name="a"><freejoint/><geom type="box" size="0.1 0.1 0.1"/></body>
      <body name="b" pos="0 0 1"><freejoint/><geom type="box" size="0.1 0.1 0.1"/></body>
    </worldbody></mujoco>"""
    m = mujoco.MjModel.from_xml_string(boxes)
    assert dynamics_of(m, DT) == "smooth"
    assert left_out(m, DT) == ["contacts of box with box (1 pairs of geoms)"]
    light = mujoco.MjModel.from_xml_string(boxes.replace('name="a"', 'name="a" gravcomp="1"'))
    assert dynamics_of(light, DT) == "mjx"
    assert left_out(light, DT) == ["contacts (since it has compensated gravity)"]


def test_a_body_that_would_fall_is_told_why():
    floor = '<worldbody><geom name="floor" type="plane" size="5 5 1"/>'
    bodies = "".join(f'<body><freejoint/><geom name="g{i}" size="0.1"/></body>' for i in range(5))
    mjcf = f"<mujoco>{floor}{bodies}</worldbody></mujoco>"
    assert without_ground(mujoco.MjModel.from_xml_string(mjcf), DT) == ""
    light = mujoco.MjModel.from_xml_string(mjcf.replace("<body>", '<body gravcomp="1">', 1))
    assert without_ground(light, DT) == "contacts of floor, g0, g1, g2 and 2 more (since it has compensated gravity)"


def test_long_control_steps_are_divided_where_there_are_contacts():
    m = model_of_mjcf(falling(SHAPES["box"][0])).mj_model
    assert differentiable_view(m, 0.02).opt.timestep == pytest.approx(0.005)
    assert differentiable_view(m, 0.012).opt.timestep == pytest.approx(0.004)
    assert differentiable_view(m, 0.0025).opt.timestep == pytest.approx(0.0025)
    assert differentiable_view(m, 0.01, 0.003).opt.timestep == pytest.approx(0.0025)
    assert differentiable_view(m, 0.01, 0.02).opt.timestep == pytest.approx(0.01)
