"""The loop around one compiled iteration: curve, checkpoints, progress, and what is done about numbers not finite."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from mimic_bottleneck.checkpoint import Checkpoints
from mimic_bottleneck.devices import on_one_device
from mimic_bottleneck.faults import describe_fault
from mimic_core import TrainingError, write_text
from mimic_core.control import Member
from mimic_core.runtime import collection_paused

if TYPE_CHECKING:
    from mimic_bottleneck.training import BottleneckTrainer, TrainState, Values

CURVE = ("control_steps", "seconds", "reward", "tracking_mm", "train_mm")
_TELL_S = 1.0


class Loop:
    """One training, or several that run as one program, from where they were stopped to the end.

    Args:
        trainer: says what an iteration is.
        members: one or several trainings.
        evaluate: controller → what is measured of each member; with several, arrays of the controller have a leading
            axis of members.
    """

    def __init__(
        self, trainer: BottleneckTrainer, members: Sequence[Member], evaluate: Callable, progress: Callable
    ) -> None:
        self.trainer, self.members, self.evaluate, self.progress = trainer, members, evaluate, progress
        self.config = trainer.config
        self._values = trainer.values(members)
        self._together = len(members) > 1
        self._programs: dict[int, Callable] = {}

    # -- programs ---------------------------------------------------------------------------------------------

    def _of_each(self, f: Callable) -> Callable:
        """Turn ``f(trainer, values, *states)`` into a function of values and states, for all members at once.

        What differs between trainings is an argument, so that one compiled program serves every seed and weight.
        """

        def one(values, *states):
            return f(self.trainer.with_values(values), values, *states)

        return jax.vmap(one) if self._together else one

    @cached_property
    def _arguments(self) -> Values:
        if not self._together:
            return self._values[0]
        return jax.tree.map(lambda *x: np.stack(x), *self._values)

    def _initial(self) -> TrainState:
        begin = self._of_each(lambda trainer, values: trainer.initial(values.seed))
        with collection_paused(), jax.default_matmul_precision(self.config.matmul_precision):
            return jax.jit(lambda values: self._placed(begin(values)))(self._arguments)

    def _placed(self, state: TrainState) -> TrainState:
        devices = self.trainer.devices
        whole = devices.same_on_all(state._replace(environments=()))
        return whole._replace(environments=state.environments if self._together else devices.spread(state.environments))

    def _program(self, stage: int, state: TrainState) -> Callable:
        """The compiled iteration of a stage."""
        if stage not in self._programs:

            def iterate(trainer, values, state):
                after, metrics = trainer.iterate(state, stage)
                # a state that would hold numbers that are not finite is not entered: the last good one can be examined
                good = jnp.all(jnp.stack([jnp.isfinite(v).all() for v in metrics.values()]))
                return jax.tree.map(lambda new, old: jnp.where(good, new, old), after, state), metrics

            each = self._of_each(iterate)

            def program(values, state):
                after, metrics = each(values, state)
                return self._placed(after), metrics

            with collection_paused(), jax.default_matmul_precision(self.config.matmul_precision):
                compiled = jax.jit(program, donate_argnums=1).lower(self._arguments, state).compile()
            self._programs[stage] = partial(compiled, self.trainer.devices.put(self._arguments))
        return self._programs[stage]

    # -- the run ----------------------------------------------------------------------------------------------

    def run(self) -> list[dict[str, Any]]:
        """Train until done; return a summary of each member."""
        began, trainer = time.perf_counter(), self.trainer
        state = self._initial()
        self._keepers = [Checkpoints(m.directory, self.config.checkpoints_kept) for m in self.members]
        try:
            state, first = self._resumed(state)
            curves = [self._read_curve(m, first) for m in self.members]
            marks = self._marks(first)
            for stage in sorted({trainer.stage(i) for i in range(first, trainer.iterations)}):
                self._program(stage, state)
            compiled = time.perf_counter() - began
            if not all(curves):
                self._measure(state, 0, {}, curves)
            self._saved_at, done = time.perf_counter(), first
            for mark in marks:
                state, metrics = self._advance(state, done, mark)
                done = mark
                measured = self._measure(state, done, metrics, curves)
                self._save(state, done, [m["tracking_mm"] for m in measured])
                self._tell(done, {**metrics, "tracking_mm": np.array([m["tracking_mm"] for m in measured])})
        finally:
            for keeper in self._keepers:
                keeper.__exit__()
        steps = trainer.control_steps(done)
        spent = [float(s) for s in np.atleast_1d(state.seconds)]
        return [
            {
                "control_steps": steps,
                "seconds": s,
                "compile_seconds": compiled,
                "resumed_from": trainer.control_steps(first),
                "steps_per_second": steps / max(s, 1e-9),
                "together": len(self.members),
                "curve": curve,
            }
            for s, curve in zip(spent, curves, strict=True)
        ]

    def _resumed(self, state: TrainState) -> tuple[TrainState, int]:
        """Go on from the last checkpoint that every member has, if there is one."""
        common = set.intersection(*(k.steps for k in self._keepers))
        if not common:
            return state, 0
        at = max(common)
        if not self._together:
            return self._keepers[0].restore(state, at), at
        like = [self._member(state, i) for i in range(len(self.members))]
        parts = [k.restore(part, at) for k, part in zip(self._keepers, like, strict=True)]
        return jax.tree.map(lambda *x: jnp.stack(x), *parts), at

    def _member(self, tree: Any, i: int) -> Any:
        return jax.tree.map(lambda a: a[i], tree) if self._together else tree

    def _marks(self, first: int) -> list[int]:
        """Iterations after which to evaluate."""
        total = self.trainer.iterations
        every = np.linspace(0, total, min(self.config.evaluations, total) + 1).round().astype(int)
        return [int(m) for m in every if m > first]

    def _advance(self, state: TrainState, first: int, last: int) -> tuple[TrainState, dict[str, np.ndarray]]:
        """Run iterations, reading numbers back only about once a second."""
        began = told = time.perf_counter()
        paused, trainer = 0.0, self.trainer
        metrics: dict[str, Array] = {}
        for i in range(first, last):
            state, metrics = self._program(trainer.stage(i), state)(state)
            now = time.perf_counter()
            if now - told > _TELL_S and i + 1 < last:
                numbers = self._checked(metrics, state, i + 1)  # waits for the program to get here
                told = time.perf_counter()
                rate = (trainer.control_steps(i + 1) - trainer.control_steps(first)) / (told - began - paused)
                self._tell(i + 1, {**numbers, "steps_per_second": np.array(rate * len(self.members))})
                # several processes save together, which their clocks cannot agree on: then only with evaluations
                if told - self._saved_at > self.config.checkpoint_interval_s and jax.process_count() == 1:
                    self._save(self._timed(state, told - began - paused), i + 1, None)
                    paused += time.perf_counter() - told
        numbers = self._checked(metrics, state, last)
        spent = time.perf_counter() - began - paused
        rate = (trainer.control_steps(last) - trainer.control_steps(first)) * len(self.members) / max(spent, 1e-9)
        return self._timed(state, spent), {**numbers, "steps_per_second": np.array(rate)}

    @staticmethod
    def _timed(state: TrainState, spent: float) -> TrainState:
        return state._replace(seconds=state.seconds + spent)

    def _checked(self, metrics: dict[str, Array], state: TrainState, iteration: int) -> dict[str, np.ndarray]:
        """Return the metrics as numbers.

        Raises:
            TrainingError: one is not finite; the state before it is saved.
        """
        numbers = {k: np.asarray(v) for k, v in jax.device_get(metrics).items()}
        bad = [k for k, v in numbers.items() if not np.isfinite(v).all()]
        if not bad:
            return numbers
        member = int(np.flatnonzero(~np.isfinite(np.atleast_1d(numbers[bad[0]])))[0])
        last_good, where = self._member(state, member), self.members[member].directory
        trainer = self.trainer.with_values(self._values[member])
        at = int(last_good.iteration)
        with Checkpoints(where, 1, folder="fault") as keeper:
            keeper.save(at, last_good, dict(self.members[member].meta))
        raise TrainingError(
            f"{where}: {describe_fault(trainer, last_good, bad[0])}, in iteration {at + 1} "
            f"({trainer.control_steps(at)} control steps); the state before it is in {where / 'fault'}; "
            "lower policy.learning_rate, or leave that term out"
        )

    def _measure(
        self, state: TrainState, done: int, metrics: dict[str, np.ndarray], curves: list[list[dict[str, float]]]
    ) -> list[dict[str, float]]:
        """Evaluate every member and add a row to each curve."""
        measured = self.evaluate(self.trainer.controller(on_one_device(state.learned)))
        rewards = np.broadcast_to(metrics.get("reward", np.nan), len(self.members))
        seconds = np.broadcast_to(np.asarray(on_one_device(state.seconds)), len(self.members))
        for member, curve, found, reward, spent in zip(self.members, curves, measured, rewards, seconds, strict=True):
            row = {"control_steps": self.trainer.control_steps(done), "seconds": float(spent), "reward": float(reward)}
            curve.append({**row, **{k: found.get(k, float("nan")) for k in ("tracking_mm", "train_mm")}})
            if jax.process_index() == 0:
                _write_curve(member.directory / "curve.csv", curve)
        return measured

    def _save(self, state: TrainState, done: int, tracking_mm: Sequence[float] | None) -> None:
        for i, (keeper, member) in enumerate(zip(self._keepers, self.members, strict=True)):
            measured = None if tracking_mm is None else tracking_mm[i]
            keeper.save(done, self._member(state, i), dict(member.meta), measured)
        self._saved_at = time.perf_counter()

    def _tell(self, done: int, metrics: dict[str, np.ndarray]) -> None:
        total = self.trainer.control_steps(self.trainer.iterations)
        self.progress(self.trainer.control_steps(done), total, {k: float(np.mean(v)) for k, v in metrics.items()})

    def _read_curve(self, member: Member, first: int) -> list[dict[str, float]]:
        path = member.directory / "curve.csv"
        if not first or not path.is_file():
            return []
        return _read_curve(path, self.trainer.control_steps(first))


def _read_curve(path: Path, until: int) -> list[dict[str, float]]:
    with path.open(newline="") as f:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(f)]
    return [r for r in rows if r["control_steps"] <= until]


def _write_curve(path: Path, curve: list[dict[str, float]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, CURVE, lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    write_text(path, text.getvalue())
