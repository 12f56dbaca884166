"""Rolling a controller out over whole clips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from mimic_core.chain.disturbed import Disturbed
from mimic_core.control.perturbation import Perturbation
from mimic_core.control.policy import Controller, Decision
from mimic_core.errors import TrainingError
from mimic_core.physics.simulator import Readings, SimState
from mimic_core.records.rollouts import AppliedPerturbation, Rollouts
from mimic_core.task.reference import resample_positions
from mimic_core.task.task import Task

ALL = frozenset(Readings._fields) - {"body_pos"}  # what `Rollouts` keeps
SITES = frozenset({"site_pos"})


class ClipRunner:
    """Rolls controllers out over clips from the first frame on. Each program is compiled once.

    Args:
        task: a task in the true physics.
        clips: (clip,) which clips to run.
        perturbation: what disturbs them. Its arrays cover exactly these clips, and its body and settings are the task's
            already, see `mimic_core.chain.disturbed_task`.
    """

    def __init__(self, task: Task, clips: Int[np.ndarray, " clip"], perturbation: Perturbation | None = None) -> None:
        self.task, self.clips, self._steps = task, np.asarray(clips), int(task.n_steps[clips].max())
        self._disturbed = Disturbed(task, self._steps, perturbation or Perturbation())
        self._programs: dict[Any, Any] = {}

    def run(
        self, controller: Controller, full: bool = True, key: Any = None, members: int = 0, which: Any = None
    ) -> tuple[SimState, Readings, Any]:
        """Roll a controller out over all clips at once, or those in ``which``.

        Args:
            controller: what acts.
            full: gather all; else only the keypoints, and success.
            key: of the controller's own randomness and the task's noise; without one the controller is deterministic.
            members: the length of a leading axis that all arrays of the controller's variables have; everything
                returned has it too. 0 if there is none.

        Returns:
            the initial `SimState` of the clips; its `Readings`; and the trace of the control steps after it, each array
            (control step, clip, …): a tuple of `SimState`, `Readings`, excitation, `Decision` without its carry, and
            `Outcome` if ``full``; else the keypoints (control step, clip, keypoint, 3) in m, and (control step, clip)
            above 1/2 where the task has succeeded, () for one without success.
        """
        kind = (controller.act, full, key is None, members)
        program = self._programs.get(kind)
        if program is None:
            program = self._program(controller, full)
            program = jax.vmap(program, in_axes=(0, None, None)) if members else program
            program = self._programs[kind] = jax.jit(program)
        return program(controller.variables, key, jnp.asarray(self.clips if which is None else which))

    def _program(self, controller: Controller, full: bool) -> Callable[[Any, Any, Any], Any]:
        task, disturbed = self.task, self._disturbed

        def program(variables: Any, key: Any, clips: Any) -> Any:
            noise = disturbed.noise_key if key is None else jax.random.fold_in(key, 1)
            start = task.reset_at(clips, jnp.zeros(len(clips), jnp.int32), key=noise)
            start = disturbed.begun(start)

            def step(carry: Any, now: Any) -> Any:
                (state, memory), (key, force, inputs) = carry, now
                decision = controller.act(variables, task.observe(state), memory, key, **inputs)
                after, outcome = task.step(disturbed.pushed(state, force), decision.action)
                trace = (
                    (
                        after.sim,
                        task.simulator.read(after.sim, ALL),
                        after.excitation,
                        decision._replace(carry=()),
                        outcome,
                    )
                    if full
                    else (
                        task.simulator.read(after.sim, SITES).site_pos,
                        outcome.terms[task.success] if task.success else (),
                    )
                )
                return (after, decision.carry), trace

            keys = None if key is None else jax.random.split(key, self._steps - 1)
            course = (keys, disturbed.force, disturbed.inputs)
            _, trace = jax.lax.scan(step, (start, controller.start(len(clips))), course, length=self._steps - 1)
            return start.sim, task.simulator.read(start.sim, ALL if full else SITES), trace

        return program

    def tracking_mm(self, controller: Controller) -> float:
        """Mean distance (mm of the animal) of the keypoints that move from the registered reference."""
        return float(np.average(self.clip_errors_mm(controller), weights=self.task.n_steps[self.clips]))

    def clip_errors_mm(self, controller: Controller, members: int = 0) -> Float[np.ndarray, "*members clip"]:
        """Return the mean distance (mm of the animal) of the keypoints that move from the registered reference.

        Returns:
            (clip,), or (member, clip) if the controller's variables have a leading axis of ``members``.
        """
        return self.measured(controller, members)[0]

    def measured(
        self, controller: Controller, members: int = 0
    ) -> tuple[Float[np.ndarray, "*members clip"], Bool[np.ndarray, "*members clip"] | None]:
        """Return `clip_errors_mm`, and whether each episode has succeeded; None where the task knows no success."""
        _, start, (site_pos, reached) = self.run(controller, full=False, members=members)
        lead = (slice(None),) * bool(members)
        later = np.moveaxis(np.asarray(site_pos), len(lead), 1 + len(lead))
        first = np.asarray(start.site_pos)[(*lead, slice(None), None)]
        site_pos = np.concatenate([first, later], axis=1 + len(lead))
        reference = self.task.registered_site_pos[self.clips, : self._steps]
        error = 1e3 * self.task.clips.body.scale * np.linalg.norm(site_pos - reference, axis=-1)
        error = error[..., self.task.moving_keypoints].mean(axis=-1)
        inside = np.arange(self._steps) < self.task.n_steps[self.clips, None]
        errors = np.where(inside, error, 0.0).sum(axis=-1) / inside.sum(axis=-1)
        if not self.task.success:
            return errors, None
        return errors, ((np.moveaxis(np.asarray(reached), len(lead), -1) > 0.5) & inside[:, 1:]).any(axis=-1)


def passive_controller(task: Task) -> Controller:
    """Return a controller that never excites anything: the error of a limp body is what training starts from."""
    actuation = task.model.driven_by
    limp = np.clip(-(actuation.high + actuation.low) / (actuation.high - actuation.low), -1.0, 1.0)

    def act(variables: Any, observation: Any, carry: Any, key: Any) -> Decision:
        return Decision(jnp.full((observation.reference.shape[0], task.action_size), limp), carry)

    return Controller(variables=(), start=lambda batch: (), act=act)


def roll_out(
    task: Task,
    controller: Controller,
    *,
    split: list[str],
    simulator: str,
    seed: int | None = None,
    perturbation: Perturbation | None = None,
    applied: AppliedPerturbation | None = None,
    part: tuple[ClipRunner, Int[np.ndarray, " clip"]] | None = None,
    **fields: Any,
) -> Rollouts:
    """Roll a controller out over every clip of the task and gather everything.

    Args:
        task: in the true physics.
        controller: what acts; deterministic unless ``seed`` is given.
        split: ``train`` or ``held_out`` per clip.
        simulator: name, for the record.
        perturbation: what disturbs it; ``task`` is then a `mimic_core.chain.disturbed_task`.
        applied: the same for the record.
        part: a runner of all clips, and those that this call is about; None: all of them.
        fields: further fields of the `Rollouts`: ``training``, ``checkpoint``, ``clips``, ``origin``, ``provenance``.
    """
    model, clips = task.model, task.clips
    every = np.arange(len(clips.clip_names))
    runner, which = part or (ClipRunner(task, every, perturbation), every)
    key = None if seed is None else jax.random.key(seed)
    key = jax.random.fold_in(key, which[0]) if part and key is not None else key
    start, start_read, (sim, read, excitation, decision, outcome) = runner.run(controller, key=key, which=which)
    n_steps, total, names = task.n_steps[which], runner._steps, tuple(clips.clip_names[c] for c in which)
    if stopped := diverged(sim.time, n_steps):
        named = {names[c]: step for c, step in stopped.items()}
        fields["provenance"] = {**fields.get("provenance", {}), "diverged": named}
    inside = np.arange(total) < n_steps[:, None]

    _check_finite(np.moveaxis(np.asarray(sim.qpos), 0, 1), inside[:, 1:], names)

    def gather(trace: Any, first: Any = None) -> np.ndarray:
        """(time, clip, …) and an entry for the initial state → (clip, step, …), NaN past the clip's end."""
        trace = np.moveaxis(np.asarray(trace, np.float32), 0, 1)
        first = np.full_like(trace[:, :1], np.nan) if first is None else np.asarray(first, np.float32)[:, None]
        out = np.concatenate([first, trace], axis=1)
        out[~inside] = np.nan
        return out

    def masked(a: np.ndarray) -> np.ndarray:
        return np.where(inside.reshape(*inside.shape, *[1] * (a.ndim - 2)), a[which, :total], np.nan).astype(np.float32)

    site_pos = gather(read.site_pos, start_read.site_pos)
    reference = masked(task.registered_site_pos)
    rates, to_mm = (clips.rate_hz, 1.0 / task.control_dt), 1e3 * clips.body.scale
    seen = resample_positions(clips.tracked_pos[which], clips.n_frames[which], n_steps, *rates).astype(np.float32)
    tracked = np.pad(seen, ((0, 0), (0, total - seen.shape[1]), (0, 0), (0, 0)), constant_values=np.nan)
    qpos, qvel = gather(sim.qpos, start.qpos), gather(sim.qvel, start.qvel)
    activation, reserves = gather(sim.activation, start.activation), tuple(model.driven_by.reserves)
    return Rollouts(
        body_name=model.body.name + (f":{model.body.variant}" if model.body.variant else ""),
        rate_hz=rates[1],
        simulator=simulator,
        clip_names=names,
        animals=tuple(clips.animals[c] for c in which),
        split=tuple(split[c] for c in which),
        joint_names=model.joint_names,
        actuator_names=model.actuator_names,
        muscle_names=model.muscle_names,
        keypoint_names=model.keypoint_names,
        n_steps=n_steps,
        qpos=qpos,
        qvel=qvel,
        joint_pos=qpos[..., model.joint_qposadr],
        joint_vel=qvel[..., model.joint_dofadr],
        joint_force=gather(read.joint_force, start_read.joint_force),
        ref_joint_pos=masked(task.registered.qpos[..., model.joint_qposadr]),
        ref_joint_vel=masked(task.registered.qvel[..., model.joint_dofadr]),
        site_pos=site_pos,
        ref_site_pos=reference,
        tracked_pos=tracked,
        error_mm=to_mm * np.linalg.norm(site_pos - reference, axis=-1),
        tracked_error_mm=to_mm * np.linalg.norm(site_pos - tracked, axis=-1),
        action=gather(decision.action),
        excitation=gather(excitation),
        activation=activation,
        muscle_force=gather(read.muscle_force, start_read.muscle_force),
        muscle_length=gather(read.muscle_length, start_read.muscle_length),
        muscle_velocity=gather(read.muscle_velocity, start_read.muscle_velocity),
        reward=gather(outcome.reward),
        reward_terms={k: gather(v) for k, v in outcome.terms.items()},
        reward_units={t.name: t.units for t in task.rewards},
        ref_qpos=masked(task.registered.qpos),
        ref_qvel=masked(task.registered.qvel),
        reserve_names=reserves,
        reserve_force=(activation @ model.reserve_moment).astype(np.float32) if reserves else None,
        record={k: gather(v) for k, v in decision.record.items()},
        fixed_keypoints=tuple(n for n, m in zip(model.keypoint_names, task.moving_keypoints, strict=True) if not m),
        body=model.body,
        seed=seed,
        perturbation=applied,
        **fields,
    )


def diverged(time: Any, n_steps: Int[np.ndarray, " clip"]) -> dict[int, int]:
    """Return the clip → the control step at which its physics diverged; the body is kept as it was before.

    Args:
        time: (later step, clip) s of a rollout, see `mimic_core.task.task.FASTEST`.
    """
    still = (np.diff(np.asarray(time), axis=0) <= 0).T
    first = np.where(still.any(axis=1), still.argmax(axis=1) + 2, still.shape[1] + 2)
    return {int(c): int(first[c]) for c in np.flatnonzero(first < n_steps)}


def _check_finite(
    qpos: Float[np.ndarray, "clip later qpos"], inside: Bool[np.ndarray, "clip later"], names: tuple[str, ...]
) -> None:
    """Raise TrainingError where the physics of a clip diverged."""
    bad = ~np.isfinite(qpos).all(axis=-1) & inside
    if bad.any():
        clip = int(np.flatnonzero(bad.any(axis=1))[0])
        step = int(np.flatnonzero(bad[clip])[0]) + 1
        raise TrainingError(
            f"clip {names[clip]}: the physics diverged at control step {step}; train longer, or with a smaller "
            "policy.learning_rate"
        )
