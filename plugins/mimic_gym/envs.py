"""Gymnasium environments over the imitation task. Importing this registers ``mimic/Imitation-v0``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.spaces import Box, Dict, Space
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from mimic_core import ConfigError, Outcome, TrainingError, did_you_mean
from mimic_core.task import Task, TaskState
from mimic_gym.imitation import imitation_task
from mimic_gym.programs import programs, sizes

ID = "mimic/Imitation-v0"
FORMS = ("flat", "dict")


class _Imitation:
    """What both environments have in common."""

    task: Task
    _state: TaskState | None = None

    def _take(self, clips: str | Path | Task, observation: str, task_settings: Mapping[str, Any]) -> None:
        if observation not in FORMS:
            raise ConfigError(
                f"observation: must be flat or dict, got {observation!r}{did_you_mean(observation, FORMS)}"
            )
        if isinstance(clips, Task) and task_settings:
            raise ConfigError(f"a task is given, which has its own settings; leave {', '.join(task_settings)} out")
        self.task = clips if isinstance(clips, Task) else imitation_task(clips, **task_settings)
        self._programs = programs(self.task)
        self._sizes = sizes(self.task)
        self._as_dict = observation == "dict"

    def _spaces(self) -> tuple[Space, Space]:
        """Observation and action space of one episode."""
        parts = {name: Box(-np.inf, np.inf, (n,), np.float32) for name, n in self._sizes.items()}
        seen = Dict(parts) if self._as_dict else Box(-np.inf, np.inf, (sum(self._sizes.values()),), np.float32)
        return seen, Box(-1.0, 1.0, (self.task.action_size,), np.float32)

    def _shown(self, flat: np.ndarray) -> Any:
        """(…, n) observations in the form asked for."""
        if not self._as_dict:
            return flat
        ends = np.cumsum(list(self._sizes.values()))[:-1]
        return {k: v.copy() for k, v in zip(self._sizes, np.split(flat, ends, axis=-1), strict=True)}

    def _begin(self, rng: np.random.Generator, batch: int, options: Mapping[str, Any] | None) -> np.ndarray:
        """Begin a batch of episodes, at random or where ``options`` say, and return what is seen."""
        options = dict(options or {})
        at = {k: options.pop(k) for k in ("clip", "step") if k in options}
        if options:
            first = next(iter(options))
            raise ConfigError(f"options.{first}: unknown{did_you_mean(first, ('clip', 'step'))}")
        if at:
            self._state, seen = self._programs.begin_at(*self._place(at, batch))
        else:
            self._state, seen = self._programs.begin(_key(rng), batch)
        return np.array(seen)

    def _place(self, at: Mapping[str, Any], batch: int) -> tuple[jax.Array, jax.Array]:
        """The clip and control step that episodes shall begin at, one for all or one for each."""
        if "clip" not in at:
            raise ConfigError("options.step: says nothing without options.clip; name the clip too")
        names = self.task.clips.clip_names
        clips = [names.index(c) if c in names else -1 for c in np.broadcast_to(at["clip"], batch).tolist()]
        if -1 in clips:
            wrong = np.broadcast_to(at["clip"], batch).tolist()[clips.index(-1)]
            raise ConfigError(f"options.clip: no clip {wrong!r}{did_you_mean(str(wrong), names)}")
        steps = np.broadcast_to(at.get("step", 0), batch)
        last = self.task.n_steps[clips] - 2
        if (steps < 0).any() or (steps > last).any():
            raise ConfigError(f"options.step: must be 0 to {last.min()} in these clips, got {steps.tolist()}")
        return jnp.asarray(clips), jnp.asarray(steps, jnp.int32)

    def _running(self) -> TaskState:
        if self._state is None:
            raise gymnasium.error.ResetNeeded("the environment has not begun; call reset() before step()")
        return self._state


class MimicEnv(_Imitation, gymnasium.Env):
    """One episode of the imitation task at a time.

    `reset` begins at a random instant of a random clip of the split, or with ``options={"clip": NAME, "step": 0}``
    where that says; `step` takes an action in [-1, 1] per actuator and acts for one control step. ``terminated`` says
    that the body is too far from the reference, ``truncated`` that the clip ended. ``info`` has the unweighted reward
    ``terms`` by name, and ``clip`` and ``step``, what is imitated and how many control steps after the clip's start.

    Args: see the arguments of `MimicVectorEnv`.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (as gymnasium.Env declares it)

    def __init__(self, clips: str | Path | Task, *, observation: str = "flat", **task_settings: Any) -> None:
        self._take(clips, observation, task_settings)
        self.observation_space, self.action_space = self._spaces()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        seen = self._begin(self.np_random, 1, options)
        return self._shown(seen[0]), self._where()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act for one control step.

        Raises:
            TrainingError: the physics diverged.
        """
        self._state, seen, outcome = self._programs.step(self._running(), np.asarray(action, np.float32)[None])
        seen, outcome = np.array(seen), jax.device_get(outcome)
        _check_finite(seen, outcome)
        terms = {name: float(value[0]) for name, value in outcome.terms.items()}
        return (
            self._shown(seen[0]),
            float(outcome.reward[0]),
            bool(outcome.terminated[0]),
            bool(outcome.truncated[0]),
            {"terms": terms, **self._where()},
        )

    def _where(self) -> dict[str, int]:
        state = self._running()
        return {"clip": int(state.clip[0]), "step": int(state.step[0])}


class MimicVectorEnv(_Imitation, VectorEnv):
    """Many episodes side by side in one compiled program.

    Options and infos are those of `MimicEnv`, with one entry for each episode.

    Args:
        clips: reference clips, a training run, or a task that is built already (see `imitation_task`). Environments
            over one task share its compiled programs.
        num_envs: episodes side by side.
        autoreset_mode: when an episode that ended gives way to a new one: ``NextStep`` (the following `step`
            ignores the action and begins anew) or ``SameStep`` (``final_obs`` and ``final_info`` tell how it ended).
        observation: ``flat`` gives one vector, ``dict`` its two parts ``reference`` and ``proprioception``. They are
            not scaled: angles are in rad, velocities in rad/s.
        task_settings: what else `imitation_task` takes: ``given``, ``split``, ``true_physics``.
    """

    def __init__(
        self,
        clips: str | Path | Task,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        observation: str = "flat",
        **task_settings: Any,
    ) -> None:
        if num_envs < 1:
            raise ConfigError(f"num_envs: must be at least 1, got {num_envs}")
        mode = AutoresetMode(autoreset_mode)
        if mode is AutoresetMode.DISABLED:
            raise ConfigError("autoreset_mode: must be NextStep or SameStep, since episodes end at different times")
        self._take(clips, observation, task_settings)
        self.num_envs = num_envs
        self.metadata = {"render_modes": [], "autoreset_mode": mode}
        self._same_step = mode is AutoresetMode.SAME_STEP
        self.single_observation_space, self.single_action_space = self._spaces()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._over = np.zeros(num_envs, bool)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin ``num_envs`` episodes."""
        super().reset(seed=seed)
        self._over = np.zeros(self.num_envs, bool)
        seen = self._begin(self.np_random, self.num_envs, options)
        return self._shown(seen), self._infos(self._where())

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Act for one control step in every episode.

        Raises:
            TrainingError: the physics diverged.
        """
        key, state, actions = _key(self.np_random), self._running(), np.asarray(actions, np.float32)
        final = None
        if self._same_step:
            self._state, seen, outcome, final = self._programs.step_and_restart(key, state, actions)
        else:
            self._state, seen, outcome = self._programs.restart_or_step(key, state, actions, self._over)
        seen, outcome = np.array(seen), jax.tree.map(np.array, outcome)
        _check_finite(seen, outcome)
        self._over = outcome.terminated | outcome.truncated
        infos = self._infos({"terms": dict(outcome.terms), **self._where()})
        if final is not None and self._over.any():
            infos |= self._final_infos(final, outcome)
        return self._shown(seen), outcome.reward, outcome.terminated, outcome.truncated, infos

    def _where(self) -> dict[str, np.ndarray]:
        state = self._running()
        return {"clip": np.array(state.clip), "step": np.array(state.step)}

    def _infos(self, values: Mapping[str, Any], of: np.ndarray | None = None) -> dict[str, Any]:
        """Gymnasium's form: beside every array a mask of the episodes that it says something of."""
        of = np.ones(self.num_envs, bool) if of is None else of
        out: dict[str, Any] = {}
        for name, value in values.items():
            out[name] = self._infos(value, of) if isinstance(value, Mapping) else value
            out[f"_{name}"] = of.copy()
        return out

    def _final_infos(self, final: tuple[Any, ...], outcome: Outcome) -> dict[str, Any]:
        """How episodes ended that have already given way to new ones."""
        seen, clip, step = (np.array(a) for a in final)
        last = np.full(self.num_envs, None, object)
        for i in np.flatnonzero(self._over):
            last[i] = self._shown(seen[i])
        terms = {name: value.copy() for name, value in outcome.terms.items()}
        return self._infos(
            {"final_obs": last, "final_info": {"terms": terms, "clip": clip, "step": step}}, of=self._over
        )


def _key(rng: np.random.Generator) -> jax.Array:
    return jax.random.key(int(rng.integers(2**32)))


def _check_finite(seen: np.ndarray, outcome: Outcome) -> None:
    """A diverged body would spoil a whole training without a word.

    Raises:
        TrainingError: a reward or observation is not a number.
    """
    if not (np.isfinite(outcome.reward).all() and np.isfinite(seen).all()):
        raise TrainingError("step: the physics diverged; act more gently, or build the task with true_physics=True")


gymnasium.register(ID, entry_point=MimicEnv, vector_entry_point=MimicVectorEnv)
