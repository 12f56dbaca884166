"""The imitation task: a body, a simulator, reference clips, rewards, observations and terminations.

Everything here is a pure function of arrays over a batch of environments, and may be called inside
``jax.jit`` and ``jax.lax.scan``, whatever the simulator is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import attrs
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from mimic_core.body.kinematics import positions
from mimic_core.body.model import BodyModel
from mimic_core.errors import ConfigError
from mimic_core.physics.simulator import SimState, Simulator
from mimic_core.records.clips import ReferenceClips
from mimic_core.task.disturbance import SENSED, delay_line, episode_keys, noisy_excitation, noisy_senses, pushed
from mimic_core.task.pushes import PUSH, pushed_by
from mimic_core.task.reference import Reference, resample
from mimic_core.task.servos import Servos, displaced
from mimic_core.task.settings import TaskSettings
from mimic_core.task.state import Counts, Drive, Observation, Outcome, Starts, TaskState, WeightedTerm
from mimic_core.task.step import StepView, Term, as_term, fields_read
from mimic_core.task.views import ViewMaker

FASTEST = 1e4
"""rad/s, m/s or m; a free body beyond it has diverged and stays in its last state, whose time no longer advances"""


class Task:
    """Imitate reference clips, or do what else is commanded by clips.

    Args:
        model: the compiled body.
        simulator: steps it.
        clips: what is imitated.
        rewards: weighted terms.
        observations: role → functions of a `StepView` of one environment that give (n,) arrays.
        terminations: functions of a `StepView` of one environment that give () True where the episode is to end.
        train_clips: (n,) indices of the clips that `reset` draws from.
        initial_activation: (clip, actuator) with which a clip begins, but for servos; None: relaxed.
        push: what pushes the body, see `mimic_core.Goal`.
        success: name of the reward term by which an episode succeeds, see `mimic_core.TaskSpec`.

    Attributes:
        control_dt: s, what one control step lasts.
        registered: the clips at the control rate, which tracking errors are measured against.
        reference: the same after the task's low-pass, which is imitated.
        n_steps: (clip,) instants of each clip, the first one at its start.
        remarks: what is other than the settings say, one line each.
        view: makes the `StepView` of a batch, see `mimic_core.task.views.ViewMaker`.

    Raises:
        ConfigError: nothing is left to train on, or an observation or reward is missing.
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
        train_clips: Int[np.ndarray, " n"],
        initial_activation: Float[np.ndarray, "clip actuator"] | None = None,
        push: Term | None = None,
        success: str = "",
    ) -> None:
        self.model, self.simulator, self.clips, self.settings = model, simulator, clips, settings
        self.rewards, self._observations, self._terminations = rewards, observations, terminations
        self.train_clips, self.push, self.success = np.asarray(train_clips), push, success
        if initial_activation is None:
            relaxed = np.clip(0.0, model.driven_by.low, model.driven_by.high)
            initial_activation = np.full((len(clips.clip_names), self.action_size), relaxed)
        self._initial_activation = jnp.asarray(initial_activation, jnp.float32)
        if not self.train_clips.size:
            raise ConfigError("train.holdout: leaves no clip to train on; give more clips or hold out fewer")
        for role in ("reference", "proprioception"):
            if not observations.get(role):
                raise ConfigError(f"observations: no {role} observation is chosen; name at least one")
        if not rewards:
            raise ConfigError("rewards: no reward term is chosen; name at least one")
        self.control_dt, self.remarks = 1.0 / settings.control_rate_hz, settings.remarks
        self.registered: Reference = resample(clips, model, settings.control_rate_hz, lowpass_hz=0.0)
        self.reference = resample(clips, model, settings.control_rate_hz, lowpass_hz=settings.reference_lowpass_hz)
        after = 0 if clips.n_after is None else clips.n_after * settings.control_rate_hz / clips.rate_hz
        self.n_steps = self.reference.n_steps - np.round(after).astype(int)
        spacing, self._sensory_delay, self._motor_delay = settings.control_steps.values()
        ahead = spacing * jnp.arange(1, settings.window + 1)
        self.view = ViewMaker(model, simulator, self.reference, ahead, self.control_dt)
        self._n_steps = jnp.asarray(self.n_steps)
        self._qpos, self._qvel = jnp.asarray(self.reference.qpos), jnp.asarray(self.reference.qvel)
        self._starts = self.starts_of(self.train_clips)
        self._start, self._speed = (None if a is None else jnp.asarray(a) for a in (clips.start, clips.start_qvel))
        self._servos = Servos.of(model, self.reference.qpos, self.control_dt, settings.servo_span, clips.start)
        self._reads = {
            "reward": self._fields_read(w.term for w in rewards),
            "end": self._fields_read(map(as_term, terminations)),
            "observe": self._fields_read(as_term(f) for fs in observations.values() for f in fs),
            "push": self._fields_read([push] if push else []),
        }

    @property
    def follows_by_itself(self) -> bool:
        """Whether servos are given the reference, see `TaskSettings.servo_span`."""
        return self._servos is not None and self._servos.span > 0

    def without_set_points(self) -> Task:
        """Return this task with actions that are excitations of all actuators, servos too."""
        return self.changed(settings=attrs.evolve(self.settings, servo_span=0.0))

    @property
    def action_size(self) -> int:
        """How many actuators the body has."""
        return len(self.model.actuator_names)

    def starts_of(self, clips: Int[np.ndarray, " chosen"], padded_to: int = 0) -> Starts:
        """Return the instants at which episodes of the chosen clips may begin."""
        n_steps = self.n_steps if self.clips.start is None else np.full_like(self.n_steps, 2)  # at the first instant
        return Starts.of(n_steps, clips, padded_to)

    def _fields_read(self, terms: Iterable[Term]) -> frozenset[str]:
        return frozenset().union(*(fields_read(t, self.view.example()) for t in terms))

    @cached_property
    def registered_site_pos(self) -> Float[np.ndarray, "clip step keypoint 3"]:
        """(clip, step, keypoint, 3) m: the keypoint sites on the registered reference, at the control rate."""
        site_pos, _ = positions(self.model, self.registered.qpos)
        return site_pos

    @cached_property
    def moving_keypoints(self) -> Bool[np.ndarray, " keypoint"]:
        """(keypoint,) True for the keypoints that the body can move; the others' error is no tracking error."""
        pos = self.registered_site_pos
        return np.ptp(pos.reshape(-1, *pos.shape[2:]), axis=0).max(axis=-1) > 1e-6

    def with_values(self, values: Mapping[str, Any], starts: Starts | None = None) -> Task:
        """Return this task with other values of settings, which may be traced ones of a compiled program.

        Args:
            values: dotted path below ``rewards`` (``joint.weight``) → value, a number or a () array.
            starts: where episodes begin; left out, it stays as it is.
        """
        other = copy.copy(self)
        tables: dict[str, dict[str, Any]] = {}
        for path, value in values.items():
            name, _, setting = path.partition(".")
            tables.setdefault(name, {})[setting] = value
        other.rewards = [t.rebuilt(tables[t.name]) if t.rebuilt and t.name in tables else t for t in self.rewards]
        if starts is not None:
            other._starts = starts
        return other

    def changed(
        self, *, settings: TaskSettings | None = None, simulator: Simulator | None = None, push: Term | None = None
    ) -> Task:
        """Return this task with other settings, in another simulator, or with another push."""
        return Task(
            model=self.model,
            simulator=simulator or self.simulator,
            clips=self.clips,
            settings=settings or self.settings,
            rewards=self.rewards,
            observations=self._observations,
            terminations=self._terminations,
            train_clips=self.train_clips,
            initial_activation=np.asarray(self._initial_activation),
            push=push or self.push,
            success=self.success,
        )

    # -- episodes ---------------------------------------------------------------------------------------------

    def reset(self, key: PRNGKeyArray, batch: int, steps_left: int = 1, lead: int | None = None) -> TaskState:
        """Begin ``batch`` episodes at random instants of the training clips, near the reference's state.

        Half of those that begin with their clip begin exactly as a rollout does.

        Args:
            steps_left: control steps that are to be left before the clip ends, where the clip is long enough.
            lead: instants are drawn from a range that begins so many control steps before the clip, at most the
                clip's length and a second (None); those before it are its start. With segments of as many steps, no
                instant is trained less often than those in the middle of the clip.
        """
        at, muscle, noise = jax.random.split(key, 3)
        before, rollout = jax.random.uniform(jax.random.fold_in(key, 3), (2, batch))
        lead = round(self.settings.control_rate_hz) if lead is None else lead
        clip, step = self._starts.drawn(at, before, self._n_steps, steps_left, lead)
        varied, is_muscle = (step > 0) | (rollout < 0.5), np.isin(range(self.action_size), self.model.muscle_ids)
        free = is_muscle | (self.model.mj_model.actuator_actadr < 0)  # a servo's state is its set point, not drawn
        high = self.settings.initial_activation_max * is_muscle
        drawn = jax.random.uniform(muscle, (batch, self.action_size), maxval=high)
        activation = jnp.where(varied[:, None] & free, drawn, self._begun_with(clip, step))
        state = self.reset_at(clip, step, activation, jax.random.fold_in(key, 1))
        sim = state.sim
        if self.settings.randomise.wanted:
            which = jax.random.randint(jax.random.fold_in(key, 2), (batch,), 0, self.settings.randomise.bodies)
            sim = sim._replace(altered=which)
        if self.settings.initial_joint_noise or self.settings.initial_velocity_noise:
            sim = self.switched(varied, displaced(sim, self.model, self.settings, noise), sim)
        return self.placed(state, sim)

    def reset_at(
        self, clip: Counts, step: Counts, activation: Drive | None = None, key: PRNGKeyArray | None = None
    ) -> TaskState:
        """Begin episodes in the reference's state at given instants.

        Args:
            clip: (batch,) index of the clip.
            step: (batch,) control steps since the clip's start.
            activation: (batch, actuator) at the beginning; left out, that with which the clip begins.
            key: random key of the noise that ``task.noise`` asks for; without a key there is no noise.
        """
        if activation is None:
            activation = self._begun_with(clip, step)
        qpos, qvel = self._qpos[clip, step], self._qvel[clip, step]
        if self._start is not None:
            qpos, qvel = self._start[clip], jnp.zeros_like(qvel) if self._speed is None else self._speed[clip]
        sim = self.simulator.reset(qpos, qvel, activation)
        sim = sim._replace(time=step * self.control_dt)
        memory = {
            name: jax.tree.map(lambda a: jnp.broadcast_to(a, (len(clip), *jnp.shape(a))), term.init())
            for name, term in (*((t.name, t.term) for t in self.rewards), *([(PUSH, self.push)] if self.push else ()))
        }
        state = TaskState(sim, clip, step, sim.activation, memory)
        if key is not None and (self.settings.noise.in_senses or self.settings.noise.in_muscles):
            state = state._replace(noise_key=episode_keys(key, len(clip)))
        return self.placed(state, sim)

    def _begun_with(self, clip: Counts, step: Counts) -> Drive:
        held, servos = self._initial_activation[clip], self._servos
        return held if servos is None else jnp.where(jnp.isnan(at := servos.states[clip, step]), held, at)

    def placed(self, state: TaskState, sim: SimState) -> TaskState:
        """Return the episodes with their bodies in another state, which signals on their way (delays) then hold too."""
        state = state._replace(sim=sim, excitation=sim.activation)
        if self._motor_delay:
            state = state._replace(pending=delay_line(sim.activation, self._motor_delay))
        if self._sensory_delay:
            view = self.view(state, state.excitation, self._reads["observe"])
            state = state._replace(sensed=delay_line(self._of_the_body(view), self._sensory_delay + 1))
        return state

    def step(self, state: TaskState, action: Drive) -> tuple[TaskState, Outcome]:
        """Act for one control step. ``action`` (batch, actuator) is in [-1, 1], the actuators' whole range."""
        after, view = self._act(state, action, self._reads["reward"] | self._reads["end"])
        after, reward, terms = self._reward(after, view)
        ended = after.sim.time <= state.sim.time  # it diverged and was kept where it was
        for end in self._terminations:
            ended |= jax.vmap(end)(view)
        truncated = after.step >= self._n_steps[state.clip] - 1
        return after, Outcome(reward, terms, ended, truncated)

    def advance(
        self, state: TaskState, action: Drive
    ) -> tuple[TaskState, Float[Array, " batch"], dict[str, Float[Array, " batch"]]]:
        """Act as `step` does in episodes that nothing ends; return the reward (batch,) and the unweighted terms.

        This is what a gradient is taken through: it computes nothing that only a termination needs.
        """
        return self._reward(*self._act(state, action, self._reads["reward"]))

    def _act(self, state: TaskState, action: Drive, fields: frozenset[str]) -> tuple[TaskState, StepView]:
        sent = self.model.driven_by.excitation(action)
        if self._servos is not None and self.follows_by_itself:
            sent = self._servos.excitation(self.model, state.clip, state.step, sent)
        excitation, after = self._arriving(state, sent)
        sim, memory = state.sim, state.memory
        if self.push is not None:
            sim, memory = pushed_by(self.push, state, self.view(state, state.excitation, self._reads["push"]))
        sim = self.simulator.step(sim, excitation)
        sim = sim if self.push is None else sim._replace(force=state.sim.force)
        if self.model.root is not None:  # a body that falls and collides may leave what the time step can resolve
            good = (jnp.abs(jnp.concatenate([sim.qpos, sim.qvel], axis=-1)) < FASTEST).all(axis=-1)  # not if NaN
            sim = self.switched(good, sim, state.sim)
        after = after._replace(sim=sim, step=state.step + 1, excitation=excitation, memory=memory)
        if not self._sensory_delay:
            return after, self.view(after, state.excitation, fields)
        view = self.view(after, state.excitation, fields | self._reads["observe"])
        return after._replace(sensed=pushed(after.sensed, self._of_the_body(view))), view

    def _arriving(self, state: TaskState, sent: Drive) -> tuple[Drive, TaskState]:
        """Return what reaches the actuators when ``sent`` leaves the policy, and the state with what is under way."""
        settings, actuation = self.settings, self.model.driven_by
        if self._motor_delay:
            sent, state = state.pending[:, 0], state._replace(pending=pushed(state.pending, sent))
        if settings.noise.in_muscles and _has(state.noise_key):
            sent = noisy_excitation(settings.noise, sent, state.noise_key, state.step, actuation.low, actuation.high)
        return sent, state

    def _reward(self, state: TaskState, view: StepView) -> tuple[TaskState, Array, dict[str, Array]]:
        reward, terms, memory = jnp.zeros(state.step.shape), {}, dict(state.memory)
        for t in self.rewards:
            memory[t.name], terms[t.name] = jax.vmap(t.term.step)(state.memory[t.name], view)
            reward = reward + t.weight * terms[t.name]
        return state._replace(memory=memory), reward, terms

    def restart(self, key: PRNGKeyArray, state: TaskState, where: Bool[Array, " batch"]) -> TaskState:
        """Begin a new episode in the environments marked by ``where`` (batch,)."""
        fresh = self.reset(key, state.step.shape[0])
        if not _has(state.noise_key):  # episodes that began without noise (see `reset_at`) go on without it
            fresh = fresh._replace(noise_key=())
        if not _has(state.sim.altered):
            fresh = fresh._replace(sim=fresh.sim._replace(altered=()))
        return self.switched(where, fresh, state)

    @staticmethod
    def switched(where: Bool[Array, " batch"], new: Any, old: Any) -> Any:
        """Return arrays (batch, …) of ``new`` in the environments marked by ``where`` (batch,), else of ``old``."""
        return jax.tree.map(lambda a, b: jnp.where(where.reshape(-1, *[1] * (a.ndim - 1)), a, b), new, old)

    def observe(self, state: TaskState) -> Observation:
        """Return what the policy sees in each environment, (batch, number) for each role."""
        view, terms = self._seen(state), self._observations
        return Observation(
            **{role: jnp.concatenate([jax.vmap(f)(view) for f in terms[role]], axis=-1) for role in Observation._fields}
        )

    def _seen(self, state: TaskState) -> StepView:
        """Return what the policy senses: the body one delay ago, with noise, and the present reference."""
        fields, noise = self._reads["observe"], self.settings.noise
        view = self.view(state, state.excitation, fields - SENSED if self._sensory_delay else fields)
        if self._sensory_delay:
            view = view._replace(**{name: line[:, 0] for name, line in state.sensed.items()})
        if noise.in_senses and _has(state.noise_key):
            view = noisy_senses(noise, view, state.noise_key, state.step, jnp.asarray(self.model.is_hinge))
        return view

    def _of_the_body(self, view: StepView) -> dict[str, Array]:
        """Return those fields of a view that observations read and that are about the body, not the reference."""
        found = {name: getattr(view, name) for name in sorted(self._reads["observe"] & SENSED)}
        return {name: a for name, a in found.items() if a is not None}


def _has(part: Any) -> bool:
    """Whether an optional part of the state is there."""
    return not isinstance(part, tuple)
