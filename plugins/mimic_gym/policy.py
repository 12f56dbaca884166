"""What was trained outside mimic, as a controller that mimic rolls out and measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mimic_core import Controller, Decision, Plugins, Rollouts, file_hash
from mimic_core.chain import choose_simulator, installed, versions
from mimic_core.chain import roll_out as roll_out_controller
from mimic_core.task import Observation, Task
from mimic_gym.imitation import imitation_task, plan_and_clips
from mimic_gym.programs import flatten


def as_controller(act: Callable[[np.ndarray], np.ndarray], task: Task) -> Controller:
    """Wrap a function of observations as a `Controller`, e.g. for `mimic_core.chain.ClipRunner`.

    Args:
        act: maps observations (batch, n) float32, as the environments give them with ``observation="flat"``, to
            actions (batch, actuator), which are clipped to [-1, 1]. It must not remember anything between calls, is
            called from a compiled program, and decides deterministically: a seed given for a rollout changes nothing.
        task: what it was trained on, or the same in the true physics.
    """

    def host(seen: np.ndarray) -> np.ndarray:
        return np.clip(np.asarray(act(np.asarray(seen)), np.float32), -1.0, 1.0)

    def decide(variables: Any, observation: Observation, carry: Any, key: Any) -> Decision:
        seen = flatten(observation)
        shape = jax.ShapeDtypeStruct((*seen.shape[:-1], task.action_size), np.float32)
        return Decision(jax.pure_callback(host, shape, seen), carry)

    return Controller(variables=(), start=lambda batch: (), act=decide)


def roll_out(
    act: Callable[[np.ndarray], np.ndarray],
    source: str | Path,
    given: Mapping[str, Any] | None = None,
    *,
    plugins: Plugins | None = None,
) -> Rollouts:
    """Let a policy move the body through every clip in the true physics, as ``mimic rollout`` does.

    Args:
        act: see `as_controller`.
        source, given: the clips and settings that it was trained with, see `imitation_task`.
    """
    plugins = plugins or installed()
    plan, clips, held = plan_and_clips(source, given, plugins)
    truth = imitation_task(source, given, split="all", true_physics=True, plugins=plugins)
    file = Path(source) / "clips.h5" if Path(source).is_dir() else Path(source)
    return roll_out_controller(
        truth,
        as_controller(act, truth),
        split=["held_out" if h else "train" for h in held],
        simulator=choose_simulator(plan.simulator, plugins, jax.default_backend()).name,
        clips=file_hash(file),
        origin=clips.provenance.get("origin", ""),
        provenance={"versions": versions(plugins)},
    )
