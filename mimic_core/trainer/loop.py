"""The loop around an iteration: curve, checkpoints, progress, and what is done about numbers that are not finite."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import attrs
import jax
import numpy as np
from jaxtyping import Float

from mimic_core.control.policy import Controller, Trainer
from mimic_core.errors import DataWarning, TrainingError
from mimic_core.trainer.checkpoints import Checkpoints
from mimic_core.trainer.curve import FILE, SUCCESS, Row, read_curve, write_curve
from mimic_core.trainer.devices import on_one_device
from mimic_core.trainer.faults import describe_fault
from mimic_core.trainer.programs import LoopState, Metrics, phase_of, programs
from mimic_core.trainer.settings import LoopSettings
from mimic_core.trainer.values import Member
from mimic_guard.stopping import asked_to_stop
from mimic_guard.waiting import COMPILING, told_while

_TELL_S = 1.0
FAULT = "fault"
"""folder of a run that holds the last state before a number was not finite"""

Evaluate = Callable[[Controller], Sequence[Mapping[str, float]]]
Progress = Callable[[float, float, dict[str, float]], None]


class Loop:
    """One training, or several that run as one program, from where they were stopped to the end.

    Args:
        trainer: says what an iteration is, see `mimic_core.Trainer`.
        members: one or several trainings.
        evaluate: controller → what is measured of each member: ``tracking_mm`` (mm of the animal), which the best
            checkpoint is chosen by, ``train_mm``, and ``success`` where the task knows it. With several members the
            arrays of the controller's variables have a leading axis of members.
        progress: told every few iterations, never per control step: control steps done, of how many, and metrics.
        settings: how often is measured and saved.
    """

    def __init__(
        self,
        trainer: Trainer,
        members: Sequence[Member],
        evaluate: Evaluate,
        progress: Progress,
        settings: LoopSettings | None = None,
    ) -> None:
        self.trainer, self.members, self.evaluate, self.progress = trainer, members, evaluate, progress
        self.settings = settings or LoopSettings()
        self.programs = programs(trainer, members, self.settings.matmul_precision)
        self._together = len(members) > 1
        self._seconds = np.zeros(len(members))

    def run(self) -> list[dict[str, Any]]:
        """Train until done.

        Returns:
            of each member: ``control_steps``, ``seconds`` (of training), ``compile_seconds``, ``resumed_from``
            (control steps), ``steps_per_second``, ``together`` (members), ``curve`` (rows of ``curve.csv``).

        Raises:
            TrainingError: a number is not finite; the state before it is in the run's folder ``fault``.
            PluginError: the trainer does not keep its contract.
            KeyboardInterrupt: it was asked to stop (Ctrl-C, SIGTERM), and what it had learned is saved.
        """
        began, trainer = time.perf_counter(), self.trainer
        if expects := getattr(trainer, "expects", ""):
            print(f"mimic: {expects}", file=sys.stderr, flush=True)
        with self._told_compiling():
            now = self.programs.initial()
        self._keepers = [Checkpoints(m.directory, self.settings.checkpoints_kept) for m in self.members]
        try:
            now, first = self._resumed(now)
            until = trainer.control_steps(first)
            curves = [read_curve(m.directory, until) if first else [] for m in self.members]
            with self._told_compiling():
                for phase in sorted({phase_of(trainer, i) for i in range(first, trainer.iterations)}):
                    self.programs.prepare(phase, now)
            compiled = time.perf_counter() - began
            if not all(curves):
                self._begin(now, first, curves)
            self._saved_at, done = time.perf_counter(), first
            with asked_to_stop() as asked:
                for mark in self._marks(first):
                    now, metrics, done = self._advance(now, done, mark, asked)
                    if done < mark:
                        self._save(now, done, None)
                    else:
                        measured = self._measure(now, done, metrics, curves)
                        tracking_mm = [m["tracking_mm"] for m in measured]
                        self._save(now, done, tracking_mm)
                        self._tell(done, {**metrics, "tracking_mm": np.array(tracking_mm)})
                    if asked and done < trainer.iterations:
                        raise self._stopped(done, asked[0])
        finally:
            for keeper in self._keepers:
                keeper.__exit__()
        steps = trainer.control_steps(done)
        return [
            {
                "control_steps": steps,
                "seconds": float(s),
                "compile_seconds": compiled,
                "resumed_from": trainer.control_steps(first),
                "steps_per_second": steps / max(float(s), 1e-9),
                "together": len(self.members),
                "curve": curve,
            }
            for s, curve in zip(self._seconds, curves, strict=True)
        ]

    def _told_compiling(self) -> AbstractContextManager[None]:
        total = self.trainer.control_steps(self.trainer.iterations)
        return told_while(lambda seconds: self.progress(0.0, total, {COMPILING: seconds}))

    def _resumed(self, now: LoopState) -> tuple[LoopState, int]:
        """Go on from the last checkpoint that every member has, if there is one."""
        common = set.intersection(*(k.steps for k in self._keepers))
        if not common:
            return now, 0
        at = max(common)
        states = [k.restore(self._member(now.state, i), at) for i, k in enumerate(self._keepers)]
        self._seconds = np.array([k.seconds(at) for k in self._keepers])
        return self.programs.resumed(states, at, now), at

    def _member(self, tree: Any, i: int) -> Any:
        return jax.tree.map(lambda a: a[i], tree) if self._together else tree

    def _marks(self, first: int) -> list[int]:
        """Iterations after which to evaluate."""
        total = self.trainer.iterations
        every = np.linspace(0, total, min(self.settings.evaluations, total) + 1).round().astype(int)
        return [int(m) for m in every if m > first]

    def _stopped(self, done: int, why: str) -> KeyboardInterrupt:
        total, error = self.trainer.control_steps(self.trainer.iterations), KeyboardInterrupt(why)
        kept = f"{self.trainer.control_steps(done):,} of {total:,} control steps are kept"
        error.add_note(f"{kept} in {', '.join(str(m.directory) for m in self.members)}")
        return error

    def _advance(
        self, now: LoopState, first: int, last: int, asked: Sequence[str]
    ) -> tuple[LoopState, dict[str, np.ndarray], int]:
        """Run iterations until the last, or until ``asked`` to stop; numbers are read back about once a second."""
        began = told = time.perf_counter()
        before, paused, trainer = self._seconds, 0.0, self.trainer
        metrics: Metrics = {}
        for i in range(first, last):
            now, metrics = self.programs.iterate(phase_of(trainer, i), now)
            clock = time.perf_counter()
            if asked and jax.process_count() == 1:  # several processes would have to stop at the same one
                last = i + 1
                break
            if clock - told > _TELL_S and i + 1 < last:
                numbers = self._checked(metrics, now)  # waits for the program to get here
                told = time.perf_counter()
                self._seconds = before + (told - began - paused)
                self._tell(i + 1, {**numbers, "steps_per_second": self._rate(first, i + 1, told - began - paused)})
                # several processes save together, which their clocks cannot agree on: then only with evaluations
                if told - self._saved_at > self.settings.checkpoint_interval_s and jax.process_count() == 1:
                    self._save(now, i + 1, None)
                    paused += time.perf_counter() - told
        numbers = self._checked(metrics, now)
        spent = time.perf_counter() - began - paused
        self._seconds = before + spent
        return now, {**numbers, "steps_per_second": self._rate(first, last, spent)}, last

    def _rate(self, first: int, last: int, spent: float) -> np.ndarray:
        """Control steps per second of all members together."""
        steps = self.trainer.control_steps(last) - self.trainer.control_steps(first)
        return np.array(steps * len(self.members) / max(spent, 1e-9))

    def _checked(self, metrics: Metrics, now: LoopState) -> dict[str, np.ndarray]:
        """Return the metrics as numbers.

        Raises:
            TrainingError: one is not finite; the state before it is saved.
        """
        numbers = {k: np.asarray(v) for k, v in jax.device_get(dict(metrics)).items()}
        bad = [k for k, v in numbers.items() if not np.isfinite(v).all()]
        if not bad:
            return numbers
        member = int(np.flatnonzero(~np.isfinite(np.atleast_1d(numbers[bad[0]])))[0])
        last_good, at = self._member(now.state, member), int(np.atleast_1d(now.iteration)[member])
        where: Path = self.members[member].directory
        trainer = self.programs.trainer(self.programs.values[member])
        with Checkpoints(where, 1, folder=FAULT) as keeper:
            keeper.save(at, last_good, training=self.members[member].training, seconds=float(self._seconds[member]))
        with jax.default_matmul_precision(self.settings.matmul_precision):
            found = describe_fault(trainer, last_good, phase_of(trainer, at), bad[0])
        raise TrainingError(
            f"{where}: {found}, in iteration {at + 1} ({trainer.control_steps(at)} control steps); "
            f"the state before it is in {where / FAULT}; lower policy.learning_rate, or leave that term out"
        )

    def _measure(
        self, now: LoopState, done: int, metrics: Mapping[str, np.ndarray], curves: Sequence[list[Row]]
    ) -> Sequence[Mapping[str, float]]:
        """Evaluate every member and add a row to each curve."""
        controller = self.trainer.controller(now.state)
        controller = attrs.evolve(controller, variables=on_one_device(controller.variables))
        measured = self.evaluate(controller)
        rewards: Float[np.ndarray, " member"] = np.broadcast_to(metrics.get("reward", np.nan), len(self.members))
        for member, curve, found, reward, spent in zip(
            self.members, curves, measured, rewards, self._seconds, strict=True
        ):
            row = {"control_steps": self.trainer.control_steps(done), "seconds": float(spent), "reward": float(reward)}
            known = {k: found[k] for k in (SUCCESS,) if k in found}
            curve.append({**row, **{k: found.get(k, float("nan")) for k in ("tracking_mm", "train_mm")}, **known})
            if jax.process_index() == 0:
                write_curve(member.directory, curve)
        return measured

    def _begin(self, now: LoopState, first: int, curves: Sequence[list[Row]]) -> None:
        """Give curves without rows their first; of a training that goes on, its curve was lost, which is said."""
        whole = [list(rows) for rows in curves]
        self._measure(now, first, {}, curves)
        for member, curve, rows in zip(self.members, curves, whole, strict=True):
            if first and not rows:
                warnings.warn(
                    f"{member.directory / FILE}: is lost; it begins anew where the training goes on, at "
                    f"{curve[0]['control_steps']:g} control steps",
                    DataWarning,
                    stacklevel=2,
                )
            elif rows:
                curve[:] = rows
                write_curve(member.directory, curve)

    def _save(self, now: LoopState, done: int, tracking_mm: Sequence[float] | None) -> None:
        for i, (keeper, member) in enumerate(zip(self._keepers, self.members, strict=True)):
            keeper.save(
                done,
                self._member(now.state, i),
                training=member.training,
                seconds=float(self._seconds[i]),
                tracking_mm=None if tracking_mm is None else tracking_mm[i],
            )
        self._saved_at = time.perf_counter()

    def _tell(self, done: int, metrics: Mapping[str, np.ndarray]) -> None:
        total = self.trainer.control_steps(self.trainer.iterations)
        self.progress(self.trainer.control_steps(done), total, {k: float(np.mean(v)) for k, v in metrics.items()})
