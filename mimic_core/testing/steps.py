"""Steps to try reward terms, observations and terminations on: random, at rest, on the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from mimic_core.body.body import Body, Muscle
from mimic_core.body.model import BodyModel
from mimic_core.task.step import Kinematics, StepView
from mimic_core.testing.toy import toy_body

if TYPE_CHECKING:
    from mimic_core.plugins.manager import Plugins

CONTROL_DT = 0.0025
"""Length of a control step, s."""

_FLOATING = """
<mujoco model="floating">
  <compiler angle="degree"><lengthrange mode="muscle" timestep="0"/></compiler>
  <worldbody>
    <body name="trunk">
      <freejoint name="root"/>
      <inertial pos="0 0 0" mass="0.005" diaginertia="2e-7 2e-7 2e-7"/>
      <site name="nose" pos="0.02 0 0"/>
      <site name="origin" pos="0.002 0 -0.004"/>
      <body name="leg" pos="0 0 -0.005">
        <joint name="hip" axis="0 1 0" range="-40 40" limited="true" armature="1e-6" damping="2e-5"/>
        <inertial pos="0 0 -0.005" mass="0.0005" diaginertia="2e-8 2e-8 2e-8"/>
        <site name="insertion" pos="0.001 0 -0.003"/>
        <site name="foot" pos="0 0 -0.01"/>
      </body>
    </body>
  </worldbody>
</mujoco>
"""

_SPEED = 5.0
"""Standard deviation of random joint velocities, rad/s."""


def toy_model(plugins: Plugins | None = None) -> BodyModel:
    """Compile the toy body (`toy_body`) with the default actuation of ``plugins`` (the installed ones)."""
    return _driven(toy_body(), plugins)


def floating_model(plugins: Plugins | None = None) -> BodyModel:
    """Compile a body that moves freely: a trunk and a leg on a hinge with one muscle; keypoints ``nose``, ``foot``.

    It is driven as `toy_model` is.
    """
    body = Body(
        name="floating",
        mjcf=_FLOATING,
        keypoints={"nose": "nose", "foot": "foot"},
        muscles=(
            Muscle(name="flexor", path=("origin", "insertion"), max_isometric_force=0.5, operating_range=(0.7, 1.2)),
        ),
    )
    return _driven(body, plugins)


def _driven(body: Body, plugins: Plugins | None) -> BodyModel:
    if plugins is None:
        from mimic_core.chain.installed import installed

        plugins = installed()
    spec = plugins.default("actuation")
    return BodyModel.compile(body, spec.build(spec.config(), body))


def actuations(plugins: Plugins) -> list[Any]:
    """Return every actuation, the default one first."""
    return sorted(plugins.all("actuation"), key=lambda s: not s.default)


def random_step(model: BodyModel, key: Any, window: int = 3) -> StepView:
    """Return a step with the body somewhere within its limits, moving and driven, and the reference elsewhere.

    Everything in it is what MuJoCo makes of one random state: keypoints, forces and muscle lengths belong together.

    Args:
        key: a whole number or a jax random key; the same key gives the same step.
        window: instants in ``future``.
    """
    seed = key if isinstance(key, int) else np.asarray(jax.random.key_data(key)).ravel()
    rng = np.random.default_rng(seed)
    return _step(model, _state(model, rng), [_state(model, rng) for _ in range(1 + window)], rng.uniform(0.0, 1.0))


def step_at_rest(model: BodyModel, window: int = 3) -> StepView:
    """Return the instant a clip begins with everything at zero that can be: a body that lies still and relaxed in its
    reference pose, where the reference lies too."""
    m = model.mj_model
    still = _State(m.qpos0.copy(), np.zeros(m.nv), *np.zeros((3, m.nu)))
    step = _step(model, still, [still] * (1 + window), 0.0)
    zero: dict[str, Any] = {
        name: jnp.zeros_like(getattr(step, name)) for name in ("joint_force", "muscle_force", "muscle_velocity")
    }
    return step._replace(**zero)


def step_on_reference(model: BodyModel, key: Any = 0, window: int = 3) -> StepView:
    """Return a random step in which body and reference agree exactly, also at the coming instants."""
    step = random_step(model, key, window)
    here = Kinematics(**{name: getattr(step, name) for name in Kinematics._fields})
    return step._replace(ref=here, future=jax.tree.map(lambda a: jnp.asarray(np.stack([a] * window)), here))


class _State(NamedTuple):
    """A state of MuJoCo's, with the excitation now and in the step before."""

    qpos: np.ndarray
    qvel: np.ndarray
    activation: np.ndarray
    excitation: np.ndarray
    previous: np.ndarray


def _state(model: BodyModel, rng: np.random.Generator) -> _State:
    m, actuation = model.mj_model, model.actuation
    low, high = model.joint_range.T
    reach = np.where(model.is_hinge, np.pi, 0.5 * m.stat.extent)
    qpos = m.qpos0.copy()
    qpos[model.joint_qposadr] = rng.uniform(np.maximum(low, -reach), np.minimum(high, reach))
    if model.root is not None:
        adr = model.root_qposadr
        quat = rng.normal(size=4)
        qpos[adr : adr + 7] = [*rng.normal(0.0, m.stat.extent, 3), *(quat / np.linalg.norm(quat))]
    low, high = (actuation.low, actuation.high) if actuation is not None else (0.0, 1.0)
    excitation, previous = rng.uniform(low, high, (2, m.nu))
    activation = np.where(m.actuator_actadr >= 0, rng.uniform(0.0, 1.0, m.nu), excitation)
    return _State(qpos, _SPEED * rng.normal(size=m.nv), activation, excitation, previous)


def _step(model: BodyModel, now: _State, reference: list[_State], time: float) -> StepView:
    ref, *future = [_kinematics(model, _forward(model, s)) for s in reference]
    data = _forward(model, now)
    muscles, here = model.muscle_ids, _kinematics(model, data)
    step = StepView(
        joint_pos=here.joint_pos,
        joint_vel=here.joint_vel,
        joint_force=data.qfrc_actuator[model.joint_dofadr],
        activation=now.activation,
        excitation=now.excitation,
        previous_excitation=now.previous,
        muscle_force=-data.actuator_force[muscles],  # MuJoCo counts a pull as negative
        muscle_length=data.actuator_length[muscles],
        muscle_velocity=data.actuator_velocity[muscles],
        site_pos=here.site_pos,
        root_pos=here.root_pos,
        root_quat=here.root_quat,
        root_angvel=here.root_angvel,
        root_linvel=here.root_linvel,
        body_pos=here.body_pos,
        time=np.asarray(time),
        control_dt=np.asarray(CONTROL_DT),
        ref=ref,
        future=jax.tree.map(lambda *a: np.stack(a), *future),
    )
    return jax.tree.map(lambda a: jnp.asarray(a, dtype=jnp.result_type(float)), step)


def _forward(model: BodyModel, state: _State) -> mujoco.MjData:
    m, data = model.mj_model, mujoco.MjData(model.mj_model)
    data.qpos, data.qvel, data.ctrl = state.qpos, state.qvel, state.excitation
    with_state = m.actuator_actadr >= 0
    data.act[m.actuator_actadr[with_state]] = state.activation[with_state]
    mujoco.mj_forward(m, data)
    return data


def _kinematics(model: BodyModel, data: mujoco.MjData) -> Kinematics:
    root = (None,) * 4
    if model.root is not None:
        at, dof = model.root_qposadr, model.root_dofadr
        root = (
            data.qpos[at : at + 3],
            data.qpos[at + 3 : at + 7],
            data.qvel[dof + 3 : dof + 6],
            data.qvel[dof : dof + 3],
        )
    return Kinematics(
        data.qpos[model.joint_qposadr],
        data.qvel[model.joint_dofadr],
        data.site_xpos[model.keypoint_site_ids],
        *root,
        data.xpos[model.body_ids],
    )
