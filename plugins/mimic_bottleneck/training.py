"""What the two trainers have in common: the loop, checkpoints, evaluation, and the controller."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from mimic_bottleneck.checkpoint import Checkpoints
from mimic_bottleneck.network import Bottleneck, Normalizer
from mimic_core import Controller, DataError, Decision, TrainingError
from mimic_core.storage import write_text
from mimic_core.task import Observation, Task, TaskState

CURVE = ("control_steps", "seconds", "reward", "tracking_mm")
_SAMPLE = 4096
"""reference states that set the scale of observations before training"""


class Learned(NamedTuple):
    """What a controller needs."""

    params: Any
    reference: Normalizer
    proprioception: Normalizer


class TrainState(NamedTuple):
    """Everything that changes in training; a checkpoint holds all of it."""

    learned: Learned
    optimizer: Any
    key: Array
    iteration: Array
    environments: Any
    seconds: Array
    """s of training so far, compilation and evaluation left out"""


class BottleneckTrainer:
    """The loop around one compiled iteration. A subclass says what an iteration is.

    Subclasses set ``steps_per_iteration`` and ``optimizer`` and define ``start_environments(key)`` and
    ``iterate(state) -> (state, metrics)``.
    """

    steps_per_iteration: int
    optimizer: optax.GradientTransformation

    def __init__(self, config: Any, task: Task) -> None:
        self.config, self.task = config, task
        self.network = Bottleneck(
            config.intention_size,
            task.action_size,
            config.encoder_layers,
            config.decoder_layers,
            config.critic_layers,
            task.model.actuation.resting_action,
        )

    # -- to be said by the subclass ---------------------------------------------------------------------------

    def start_environments(self, key: Array) -> Any:
        """Return what is carried from iteration to iteration beside the parameters."""
        return ()

    def states_for_scale(self, key: Array) -> TaskState:
        """Return states whose observations set the first scale of the network's inputs."""
        return self.task.reset(key, _SAMPLE)

    def iterate(self, state: TrainState) -> tuple[TrainState, dict[str, Array]]:
        """Gather experience and update once."""
        raise TypeError(f"{type(self).__name__} must define iterate")

    # -- training ---------------------------------------------------------------------------------------------

    @property
    def iterations(self) -> int:
        return max(1, -(-self.config.steps // self.steps_per_iteration))

    def initial(self, seed: int) -> TrainState:
        """Return the state that training begins with."""
        key, net, sample, envs = jax.random.split(jax.random.key(seed), 4)
        seen = self.task.observe(self.states_for_scale(sample))
        normal = [Normalizer.empty(o.shape[-1]).update(o) for o in seen]
        params = self.network.init(net, *(n(o[:1]) for n, o in zip(normal, seen, strict=True)))
        return TrainState(
            Learned(params, *normal),
            self.optimizer.init(params),
            jax.random.key_data(key),
            jnp.zeros((), jnp.int32),
            self.start_environments(envs),
            jnp.zeros(()),
        )

    def train(
        self, directory: Path, seed: int, evaluate: Callable, progress: Callable, meta: dict[str, Any]
    ) -> dict[str, Any]:
        """Train until done, going on from the last checkpoint under ``directory`` if there is one."""
        began = time.perf_counter()
        state = jax.jit(self.initial, static_argnums=0)(seed)
        with Checkpoints(directory, self.config.checkpoints_kept) as checkpoints:
            resumed = checkpoints.latest is not None
            if resumed:
                state = checkpoints.restore(state)
            first = int(state.iteration)
            curve = _read_curve(directory / "curve.csv", first * self.steps_per_iteration) if resumed else []
            marks = self._marks(first)
            program = jax.jit(self.iterate, donate_argnums=0).lower(state).compile() if marks else None
            compiled = time.perf_counter() - began
            if not curve:
                curve.append(self._evaluate(state, evaluate, float("nan")))
                _write_curve(directory / "curve.csv", curve)
            done = first
            for mark in marks:
                state, metrics = self._run(program, state, done, mark, progress)
                done = mark
                curve.append(self._evaluate(state, evaluate, metrics["reward"]))
                _write_curve(directory / "curve.csv", curve)
                checkpoints.save(done, state, meta)
                progress(
                    done * self.steps_per_iteration,
                    self.iterations * self.steps_per_iteration,
                    {**metrics, "tracking_mm": curve[-1]["tracking_mm"]},
                )
        return {
            "control_steps": done * self.steps_per_iteration,
            "seconds": float(state.seconds),
            "compile_seconds": compiled,
            "resumed_from": first * self.steps_per_iteration,
            "steps_per_second": done * self.steps_per_iteration / max(float(state.seconds), 1e-9),
            "curve": curve,
        }

    def _marks(self, first: int) -> list[int]:
        """Iterations after which to evaluate and save."""
        every = np.linspace(0, self.iterations, min(self.config.evaluations, self.iterations) + 1).round().astype(int)
        return [int(m) for m in every if m > first]

    def _run(
        self, program: Callable, state: TrainState, first: int, last: int, progress: Callable
    ) -> tuple[TrainState, dict[str, float]]:
        """Run iterations, reading numbers back only about once a second."""
        began, told = time.perf_counter(), time.perf_counter()
        metrics: dict[str, Array] = {}
        for i in range(first, last):
            state, metrics = program(state)
            if time.perf_counter() - told > 1.0:
                self._check(metrics, i + 1)
                told = time.perf_counter()
                rate = (i + 1 - first) * self.steps_per_iteration / (told - began)
                progress(
                    (i + 1) * self.steps_per_iteration,
                    self.iterations * self.steps_per_iteration,
                    {**{k: float(v) for k, v in metrics.items()}, "steps_per_second": rate},
                )
        numbers = self._check(metrics, last)
        spent = time.perf_counter() - began
        return state._replace(seconds=state.seconds + spent), numbers

    def _check(self, metrics: dict[str, Array], iteration: int) -> dict[str, float]:
        numbers = {k: float(v) for k, v in metrics.items()}
        bad = [k for k, v in numbers.items() if not np.isfinite(v)]
        if bad:
            raise TrainingError(
                f"training: {bad[0]} is not finite at iteration {iteration} "
                f"({iteration * self.steps_per_iteration} control steps); lower policy.learning_rate, "
                "or run the same command again to go on from the last checkpoint"
            )
        return numbers

    def _evaluate(self, state: TrainState, evaluate: Callable, reward: float) -> dict[str, float]:
        measured = evaluate(self.controller(state.learned))
        return {
            "control_steps": int(state.iteration) * self.steps_per_iteration,
            "seconds": float(state.seconds),
            "reward": reward,
            "tracking_mm": measured["tracking_mm"],
        }

    # -- acting -----------------------------------------------------------------------------------------------

    def load(self, directory: Path) -> Controller:
        """Return the controller of the last checkpoint under ``directory``."""
        with Checkpoints(directory) as checkpoints:
            if checkpoints.latest is None:
                raise DataError(f"{directory}: holds no finished checkpoint; train first with 'mimic train'")
            return self.controller(checkpoints.restore(jax.jit(self.initial, static_argnums=0)(0)).learned)

    def normalise(self, learned: Learned, observation: Observation) -> Observation:
        return Observation(learned.reference(observation.reference), learned.proprioception(observation.proprioception))

    def controller(self, learned: Learned) -> Controller:
        """Wrap what was learned."""
        return Controller(variables=learned, start=lambda batch: (), act=self._act)

    def _act(self, learned: Learned, observation: Observation, carry: Any, key: Array | None) -> Decision:
        seen = self.normalise(learned, observation)
        gaussian, inner = self.network.apply(learned.params, seen.reference, method="encode")
        z = gaussian.mean
        if key is not None:
            intend, move = jax.random.split(key)
            z = gaussian.sample(jax.random.normal(intend, z.shape))
        actions, outer = self.network.apply(learned.params, z, seen.proprioception, method="decode")
        action = actions.mode()
        if key is not None:
            action = jnp.tanh(actions.loc + actions.std * jax.random.normal(move, action.shape))
        return Decision(action, carry, gaussian.mean, gaussian.logvar, z, {**inner, **outer})


def _read_curve(path: Path, until: int) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    with path.open(newline="") as f:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(f)]
    return [r for r in rows if r["control_steps"] <= until]


def _write_curve(path: Path, curve: list[dict[str, float]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, CURVE, lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    write_text(path, text.getvalue())
