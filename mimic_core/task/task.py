"""The imitation task: a body, a simulator, reference clips, rewards, observations and terminations.

Everything here is a pure function of arrays over a batch of environments, and may be called inside
``jax.jit`` and ``jax.lax.scan``, whatever the simulator is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import attrs
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from mimic_core.body.kinematics import positions
from mimic_core.body.model import BodyModel
from mimic_core.errors import ConfigError
from mimic_core.physics.simulator import Readings, SimState, Simulator
from mimic_core.records.clips import ReferenceClips
from mimic_core.task.disturbance import SENSED, delay_line, episode_keys, noisy_excitation, noisy_senses, pushed
from mimic_core.task.reference import Reference, resample
from mimic_core.task.settings import TaskSettings
from mimic_core.task.step import Kinematics, StepView, Term, as_term, fields_read


@attrs.frozen
class WeightedTerm:
    """A reward term with its weight; the weight of a cost is negative.

    Attributes:
        rebuilt: ``rebuilt(settings) -> WeightedTerm`` makes the same term with some settings (``weight`` among them)
            replaced, which may be traced values of a compiled program.
    """

    name: str
    weight: float
    term: Term
    units: str = "1"
    rebuilt: Callable[[Mapping[str, Any]], WeightedTerm] | None = attrs.field(default=None, repr=False, eq=False)
    cost: bool = False


class Starts(NamedTuple):
    """The instants at which episodes may begin."""

    table: Any
    """(start, 2) clip and control step; entries from ``count`` on are padding"""
    count: Any

    @classmethod
    def of(cls, n_steps: np.ndarray, clips: np.ndarray, padded_to: int = 0) -> Starts:
        """Every instant of the given clips from which at least one control step is left."""
        pairs = np.concatenate(
            [
                np.stack([np.full(n - 1, c), np.arange(n - 1)], axis=1)
                for c, n in zip(clips, n_steps[clips], strict=True)
            ]
        )
        return cls(np.pad(pairs, ((0, max(padded_to - len(pairs), 0)), (0, 0))), len(pairs))


class TaskState(NamedTuple):
    """A batch of running episodes."""

    sim: SimState
    clip: Array
    """(batch,) index of the clip imitated"""
    step: Array
    """(batch,) control steps since the clip's start"""
    excitation: Array
    """(batch, actuator) of the step that led here"""
    memory: Mapping[str, Any]
    """memory of the reward terms"""
    sensed: Any = ()
    """field of a `StepView` → (batch, sensory delay + 1, …), the last instants of the body, oldest first; () without a
    delay"""
    pending: Any = ()
    """(batch, motor delay, actuator) excitation on its way, the next to arrive first; () without a delay"""
    noise_key: Any = ()
    """(batch, n) random key of each episode's noise; () where it has none"""


class Observation(NamedTuple):
    """What the policy sees."""

    reference: Array
    """(batch, n) what is to be done"""
    proprioception: Array
    """(batch, m) the body's own state"""


class Outcome(NamedTuple):
    """What one control step brought."""

    reward: Array
    """(batch,) Σ weight·term"""
    terms: Mapping[str, Array]
    """unweighted terms by name, each (batch,)"""
    terminated: Array
    """(batch,) True where an episode failed"""
    truncated: Array
    """(batch,) True where its clip ended"""


class Task:
    """Imitate reference clips.

    Args:
        model: the compiled body.
        simulator: steps it.
        clips: what is imitated.
        rewards: weighted terms.
        observations: role → functions of a `StepView`.
        terminations: functions of a `StepView`.
        train_clips: indices of the clips that `reset` draws from.
    """

    def __init__(
        self,
        *,
        model: BodyModel,
        simulator: Simulator,
        clips: ReferenceClips,
        settings: TaskSettings,
        rewards: list[WeightedTerm],
        observations: Mapping[str, list[Callable[[StepView], Array]]],
        terminations: list[Callable[[StepView], Array]],
        train_clips: np.ndarray,
    ) -> None:
        self.model, self.simulator, self.clips, self.settings = model, simulator, clips, settings
        self.rewards, self._observations, self._terminations = rewards, observations, terminations
        self.train_clips = np.asarray(train_clips)
        if not self.train_clips.size:
            raise ConfigError("train.holdout: leaves no clip to train on; give more clips or hold out fewer")
        for role in ("reference", "proprioception"):
            if not observations.get(role):
                raise ConfigError(f"observations: no {role} observation is chosen; name at least one")
        if not rewards:
            raise ConfigError("rewards: no reward term is chosen; name at least one")
        self.control_dt = 1.0 / settings.control_rate_hz
        self.registered: Reference = resample(clips, model, settings.control_rate_hz, lowpass_hz=0.0)
        self.reference = resample(clips, model, settings.control_rate_hz, lowpass_hz=settings.reference_lowpass_hz)
        self.n_steps = self.reference.n_steps
        self._ahead = self._control_steps("window_step_ms", least=1) * jnp.arange(1, settings.window + 1)
        self._sensory_delay = self._control_steps("sensory_delay_ms")
        self._motor_delay = self._control_steps("motor_delay_ms")
        self._n_steps = jnp.asarray(self.n_steps)
        self._qpos, self._qvel = jnp.asarray(self.reference.qpos), jnp.asarray(self.reference.qvel)
        self._starts = Starts.of(self.n_steps, self.train_clips)
        self._reads = {
            "reward": self._fields_read(w.term for w in rewards),
            "end": self._fields_read(map(as_term, terminations)),
            "observe": self._fields_read(as_term(f) for fs in observations.values() for f in fs),
        }

    def _control_steps(self, setting: str, least: int = 0) -> int:
        """A setting in ms as a number of control steps."""
        ms = getattr(self.settings, setting)
        steps = ms * 1e-3 * self.settings.control_rate_hz
        if abs(steps - round(steps)) > 1e-6 or round(steps) < least:
            raise ConfigError(
                f"task.{setting}: {ms:g} ms is not a whole number of control steps of {self.control_dt * 1e3:g} ms"
            )
        return round(steps)

    @property
    def action_size(self) -> int:
        return len(self.model.actuator_names)

    def _fields_read(self, terms: Iterable[Term]) -> frozenset[str]:
        return frozenset().union(*(fields_read(t, self._example()) for t in terms))

    def _example(self) -> StepView:
        """One environment's view with every field present, for shapes."""
        m, window = self.model, self.settings.window
        joints, acts, muscles = (np.zeros(len(n)) for n in (m.joint_names, m.actuator_names, m.muscle_names))
        root = (np.zeros(3), np.array([1.0, 0, 0, 0]), np.zeros(3)) if m.root is not None else (None, None, None)
        sites, bodies = (np.zeros((len(n), 3)) for n in (m.keypoint_names, m.body_names))
        here = Kinematics(joints, joints, sites, *root, bodies)
        return StepView(
            joint_pos=joints,
            joint_vel=joints,
            joint_force=joints,
            activation=acts,
            excitation=acts,
            previous_excitation=acts,
            muscle_force=muscles,
            muscle_length=muscles,
            muscle_velocity=muscles,
            site_pos=here.site_pos,
            root_pos=here.root_pos,
            root_quat=here.root_quat,
            root_angvel=here.root_angvel,
            body_pos=here.body_pos,
            time=np.zeros(()),
            control_dt=np.asarray(self.control_dt),
            ref=here,
            future=jax.tree.map(lambda a: np.stack([a] * window), here),
        )

    @cached_property
    def _reference_positions(self) -> dict[str, np.ndarray]:
        """``site_pos`` and ``body_pos`` on the imitated reference; computed when a program first reads them."""
        return dict(zip(("site_pos", "body_pos"), positions(self.model, self.reference.qpos), strict=True))

    @cached_property
    def registered_site_pos(self) -> np.ndarray:
        """(clip, step, keypoint, xyz) m: the keypoint sites on the registered reference, at the control rate."""
        site_pos, _ = positions(self.model, self.registered.qpos)
        return site_pos

    @cached_property
    def moving_keypoints(self) -> np.ndarray:
        """(keypoint,) True for the keypoints that the body can move; the others' error is no tracking error."""
        pos = self.registered_site_pos
        return np.ptp(pos.reshape(-1, *pos.shape[2:]), axis=0).max(axis=-1) > 1e-6

    def with_values(self, values: Mapping[str, Any], starts: Starts | None = None) -> Task:
        """Return this task with other values of settings, which may be traced ones of a compiled program.

        Args:
            values: dotted path below ``rewards`` (``joint.weight``) → value.
            starts: where episodes begin, if elsewhere.
        """
        other = copy.copy(self)
        tables: dict[str, dict[str, Any]] = {}
        for path, value in values.items():
            name, _, setting = path.partition(".")
            tables.setdefault(name, {})[setting] = value
        other.rewards = [t.rebuilt(tables[t.name]) if t.name in tables else t for t in self.rewards]
        if starts is not None:
            other._starts = starts
        return other

    def with_costs(self, share: Any) -> Task:
        """Return this task with that share of the weights of its costs; it may be a traced value."""
        other = copy.copy(self)
        other.rewards = [attrs.evolve(t, weight=share * t.weight) if t.cost else t for t in self.rewards]
        return other

    def changed(self, *, settings: TaskSettings | None = None, simulator: Simulator | None = None) -> Task:
        """Return this task with other settings or in another simulator."""
        return Task(
            model=self.model,
            simulator=simulator or self.simulator,
            clips=self.clips,
            settings=settings or self.settings,
            rewards=self.rewards,
            observations=self._observations,
            terminations=self._terminations,
            train_clips=self.train_clips,
        )

    # -- episodes ---------------------------------------------------------------------------------------------

    def reset(self, key: Array, batch: int, steps_left: int = 1) -> TaskState:
        """Begin a batch of episodes at random instants of the training clips, near the reference's state.

        ``steps_left`` asks for that many control steps before the clip ends, where the clip is long enough.
        """
        at, muscle, noise = jax.random.split(key, 3)
        start = jnp.asarray(self._starts.table)[jax.random.randint(at, (batch,), 0, self._starts.count)]
        clip = start[:, 0]
        step = jnp.minimum(start[:, 1], jnp.maximum(self._n_steps[clip] - 1 - steps_left, 0))
        high = self.settings.initial_activation_max * (self.model.muscle_ids.size > 0)
        activation = jax.random.uniform(muscle, (batch, self.action_size), maxval=high) if high else None
        state = self.reset_at(clip, step, activation, jax.random.fold_in(key, 1))
        sim = state.sim
        if self.settings.randomise.wanted:
            which = jax.random.randint(jax.random.fold_in(key, 2), (batch,), 0, self.settings.randomise.bodies)
            sim = sim._replace(altered=which)
        if self.settings.initial_joint_noise or self.settings.initial_velocity_noise:
            sim = self._disturbed(sim, noise)
        return self.placed(state, sim)

    def _disturbed(self, sim: SimState, key: Array) -> SimState:
        """Move hinges and their velocities by random amounts, within the joints' limits."""
        m, (where, speed) = self.model, jax.random.split(key)
        shape = (sim.qpos.shape[0], len(m.joint_names))
        angles = sim.qpos[:, m.joint_qposadr]
        # a reference beyond a limit stays where it is
        low, high = jnp.minimum(angles, m.joint_range[:, 0]), jnp.maximum(angles, m.joint_range[:, 1])
        away = self.settings.initial_joint_noise * m.is_hinge * jax.random.normal(where, shape)
        moved = jnp.clip(angles + away, low, high)
        faster = self.settings.initial_velocity_noise * m.is_hinge * jax.random.normal(speed, shape)
        return sim._replace(
            qpos=sim.qpos.at[:, m.joint_qposadr].set(moved), qvel=sim.qvel.at[:, m.joint_dofadr].add(faster)
        )

    def reset_at(
        self, clip: Array, step: Array, activation: Array | None = None, key: Array | None = None
    ) -> TaskState:
        """Begin episodes at given clips and control steps; muscles start relaxed unless ``activation`` is given.

        Episodes begun with a random ``key`` have the noise of ``task.noise``; without one they have none.
        """
        if activation is None:
            activation = jnp.full((len(clip), self.action_size), max(self.model.actuation.low, 0.0))
        sim = self.simulator.reset(self._qpos[clip, step], self._qvel[clip, step], activation)
        sim = sim._replace(time=step * self.control_dt)
        memory = {
            t.name: jax.tree.map(lambda a: jnp.broadcast_to(a, (len(clip), *jnp.shape(a))), t.term.init())
            for t in self.rewards
        }
        state = TaskState(sim, clip, step, sim.activation, memory)
        if key is not None and (self.settings.noise.in_senses or self.settings.noise.in_muscles):
            state = state._replace(noise_key=episode_keys(key, len(clip)))
        return self.placed(state, sim)

    def placed(self, state: TaskState, sim: SimState) -> TaskState:
        """Return the episodes with their bodies in another state, which delayed signals then tell of from the start."""
        state = state._replace(sim=sim, excitation=sim.activation)
        if self._motor_delay:
            state = state._replace(pending=delay_line(sim.activation, self._motor_delay))
        if self._sensory_delay:
            view = self.view(state, state.excitation, self._reads["observe"])
            state = state._replace(sensed=delay_line(self._of_the_body(view), self._sensory_delay + 1))
        return state

    def step(self, state: TaskState, action: Array) -> tuple[TaskState, Outcome]:
        """Act for one control step. Actions (batch, actuator) are in [-1, 1]."""
        after, view = self._act(state, action, self._reads["reward"] | self._reads["end"])
        after, reward, terms = self._reward(after, view)
        ended = jnp.zeros(state.step.shape, bool)
        for end in self._terminations:
            ended |= jax.vmap(end)(view)
        truncated = after.step >= self._n_steps[state.clip] - 1
        return after, Outcome(reward, terms, ended, truncated)

    def advance(self, state: TaskState, action: Array) -> tuple[TaskState, Array, dict[str, Array]]:
        """Act for one control step of an episode that nothing ends; return the reward and the unweighted terms.

        This is what a gradient is taken through: it computes nothing that only a termination needs.
        """
        return self._reward(*self._act(state, action, self._reads["reward"]))

    def _act(self, state: TaskState, action: Array, fields: frozenset[str]) -> tuple[TaskState, StepView]:
        excitation, after = self._arriving(state, self.model.actuation.excitation(action))
        sim = self.simulator.step(state.sim, excitation)
        after = after._replace(sim=sim, step=state.step + 1, excitation=excitation)
        if not self._sensory_delay:
            return after, self.view(after, state.excitation, fields)
        view = self.view(after, state.excitation, fields | self._reads["observe"])
        return after._replace(sensed=pushed(after.sensed, self._of_the_body(view))), view

    def _arriving(self, state: TaskState, sent: Array) -> tuple[Array, TaskState]:
        """Return the excitation that reaches the actuators when ``sent`` leaves the policy, and what is then on its
        way."""
        settings, actuation = self.settings, self.model.actuation
        if self._motor_delay:
            sent, state = state.pending[:, 0], state._replace(pending=pushed(state.pending, sent))
        if settings.noise.in_muscles and _has(state.noise_key):
            sent = noisy_excitation(settings.noise, sent, state.noise_key, state.step, actuation.low, actuation.high)
        return sent, state

    def _reward(self, state: TaskState, view: StepView) -> tuple[TaskState, Array, dict[str, Array]]:
        reward, terms, memory = jnp.zeros(state.step.shape), {}, {}
        for t in self.rewards:
            memory[t.name], terms[t.name] = jax.vmap(t.term.step)(state.memory[t.name], view)
            reward = reward + t.weight * terms[t.name]
        return state._replace(memory=memory), reward, terms

    def restart(self, key: Array, state: TaskState, where: Array) -> TaskState:
        """Begin a new episode in the environments marked by ``where`` (batch,)."""
        fresh = self.reset(key, state.step.shape[0])
        if not _has(state.noise_key):  # these began without, see `reset_at`, and so they go on
            fresh = fresh._replace(noise_key=())
        if not _has(state.sim.altered):
            fresh = fresh._replace(sim=fresh.sim._replace(altered=()))
        return self.switched(where, fresh, state)

    @staticmethod
    def switched(where: Array, new: Any, old: Any) -> Any:
        """Return arrays (batch, …) of ``new`` in the environments marked by ``where`` (batch,), else of ``old``."""
        return jax.tree.map(lambda a, b: jnp.where(where.reshape(-1, *[1] * (a.ndim - 1)), a, b), new, old)

    def observe(self, state: TaskState) -> Observation:
        """Return what the policy sees in each environment."""
        view = self._seen(state)
        return Observation(
            *(
                jnp.concatenate([jax.vmap(f)(view) for f in self._observations[role]], axis=-1)
                for role in Observation._fields
            )
        )

    def _seen(self, state: TaskState) -> StepView:
        """What the senses tell: the body a delay ago and with noise, beside the reference as it is now."""
        fields, noise = self._reads["observe"], self.settings.noise
        view = self.view(state, state.excitation, fields - SENSED if self._sensory_delay else fields)
        if self._sensory_delay:
            view = view._replace(**{name: line[:, 0] for name, line in state.sensed.items()})
        if noise.in_senses and _has(state.noise_key):
            view = noisy_senses(noise, view, state.noise_key, state.step, jnp.asarray(self.model.is_hinge))
        return view

    def _of_the_body(self, view: StepView) -> dict[str, Array]:
        """What observations read of the body itself."""
        found = {name: getattr(view, name) for name in sorted(self._reads["observe"] & SENSED)}
        return {name: a for name, a in found.items() if a is not None}

    # -- views ------------------------------------------------------------------------------------------------

    def view(self, state: TaskState, previous_excitation: Array, fields: frozenset[str]) -> StepView:
        """Return the batch as terms see it, every array with a leading batch axis.

        Of what the simulator has to compute, only the named ``fields`` are there; the rest is None.
        """
        sim = state.sim
        read: Readings = self.simulator.read(sim, fields)
        now = self._kinematics(sim.qpos, sim.qvel, read.site_pos, read.body_pos)
        sites, bodies = (
            jnp.asarray(self._reference_positions[name]) if fields & {f"ref.{name}", f"future.{name}"} else None
            for name in ("site_pos", "body_pos")
        )
        reference = self._kinematics(self._qpos, self._qvel, sites, bodies)
        last = self._n_steps[state.clip] - 1
        at = jnp.minimum(state.step, last)
        ahead = jnp.minimum(at[:, None] + self._ahead, last[:, None])
        return StepView(
            joint_pos=now.joint_pos,
            joint_vel=now.joint_vel,
            joint_force=read.joint_force,
            activation=sim.activation,
            excitation=state.excitation,
            previous_excitation=previous_excitation,
            muscle_force=read.muscle_force,
            muscle_length=read.muscle_length,
            muscle_velocity=read.muscle_velocity,
            site_pos=now.site_pos,
            root_pos=now.root_pos,
            root_quat=now.root_quat,
            root_angvel=now.root_angvel,
            body_pos=now.body_pos,
            time=sim.time,
            control_dt=jnp.full_like(sim.time, self.control_dt),
            ref=jax.tree.map(lambda a: a[state.clip, at], reference),
            future=jax.tree.map(lambda a: a[state.clip[:, None], ahead], reference),
        )

    def _kinematics(self, qpos: Array, qvel: Array, site_pos: Array | None, body_pos: Array | None) -> Kinematics:
        m, root = self.model, (None, None, None)
        if m.root is not None:
            pos, turn = m.root_qposadr, m.root_dofadr + 3
            root = (qpos[..., pos : pos + 3], qpos[..., pos + 3 : pos + 7], qvel[..., turn : turn + 3])
        return Kinematics(qpos[..., m.joint_qposadr], qvel[..., m.joint_dofadr], site_pos, *root, body_pos)


def _has(part: Any) -> bool:
    """Whether an optional part of the state is there."""
    return not isinstance(part, tuple)
