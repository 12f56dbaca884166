"""Rollouts of many clips, written as they come: some clips are rolled out at once, and fill their part of the file."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core import Choice, Perturbation, Rollouts, atomic_path, file_hash, to_json
from mimic_core.chain import ClipRunner, Disturbed, TrainedRun, roll_out, versions
from mimic_guard.seal import reseal, unsealed

AT_ONCE = 20_000
"""Control steps that are rolled out at once: with the activations of the paper's networks some 300 MB."""
_KEPT = (
    "qpos",
    "joint_pos",
    "ref_joint_pos",
    "site_pos",
    "ref_site_pos",
    "tracked_pos",
    "error_mm",
    "tracked_error_mm",
    "reward",
    "ref_qpos",
    "joint_force",
    "reserve_force",
)
"""What is kept in memory of every clip beside the file: what the summary is made of."""


def clips_at_once(n_steps: np.ndarray) -> int:
    """How many clips of up to so many control steps (clip,) are rolled out at once."""
    return max(1, AT_ONCE // int(n_steps.max()))


def roll_out_in_parts(
    run: TrainedRun,
    out: Path,
    *,
    seed: int | None,
    checkpoint: str,
    perturb: Choice,
    label: str,
    nulls: Mapping[str, Any],
    progress: Any,
) -> Rollouts:
    """Roll a controller out over all clips of a run and write `Rollouts`, with memory for the activations of a few.

    What is drawn at random (by a controller that acts stochastically, noise of senses and muscles) is drawn for each
    part by itself, and so is not what it is where all clips are rolled out at once.

    Args:
        seed, checkpoint, perturb, label: see `TrainedRun.roll_out`.
        nulls: further fields of the `Rollouts`, of all clips.
        progress: told the clips done, of how many.

    Returns:
        the rollouts without what a summary does not need: those arrays hold 0.

    Raises:
        DataError: the file cannot be written.
        TrainingError: the physics diverged.
    """
    controller = run.controller(checkpoint)
    task, perturbation, applied = run.disturbed(controller, seed is not None, perturb, label)
    count, size = len(task.n_steps), clips_at_once(task.n_steps)
    every, diverged, whole = np.arange(count), dict[str, int](), None
    runner = ClipRunner(task, every) if perturbation is None else _DisturbedParts(task, every, perturbation)
    clips_hash = file_hash(run.source) if isinstance(run.source, Path) else ""
    firsts = [*range(0, count - size, size), count - size]  # the last part overlaps: another size is another program
    with atomic_path(out) as tmp, contextlib.ExitStack() as stack:
        for first in firsts:
            which = np.arange(first, first + size)
            part = roll_out(
                task,
                controller,
                split=list(run.split),
                simulator=run.engine.name,
                seed=seed,
                part=(runner, which),
                training=run.training,
                checkpoint=checkpoint,
                clips=clips_hash,
                origin=run.clips.provenance.get("origin", ""),
                provenance={"versions": versions(run.plugins)},
            )
            if whole is None:
                whole = _widened(part, run, task.n_steps, {"perturbation": applied, **nulls})
                file = stack.enter_context(_open(whole, tmp))
            diverged |= part.provenance.get("diverged", {})
            for name, values in _per_clip(part):
                file[name][first : first + size] = values
                if name in _KEPT:
                    getattr(whole, name)[first : first + size] = values
            progress(first + size, count, {})
        if diverged:
            whole = attrs.evolve(whole, provenance={**whole.provenance, "diverged": diverged})
            file.attrs["provenance"] = json.dumps(to_json(whole.provenance))
    return whole


class _DisturbedParts(ClipRunner):
    """Rolls out parts of the clips that a perturbation is for; what is done to a part is an input of the program."""

    def __init__(self, task: Any, clips: np.ndarray, perturbation: Perturbation) -> None:
        super().__init__(task, clips)
        self._perturbation = perturbation

    def run(self, controller: Any, full: bool = True, key: Any = None, members: int = 0, which: Any = None) -> Any:
        """See `ClipRunner`; ``which`` are clips, and ``members`` is 0."""
        import jax

        disturbed = Disturbed(self.task, self._steps, _of(self._perturbation, which))
        if disturbed.noise_key is not None:
            disturbed.noise_key = jax.random.fold_in(disturbed.noise_key, int(which[0]))
        if full not in self._programs:

            def program(variables: Any, key: Any, clips: Any, given: dict[str, Any]) -> Any:
                self._disturbed = copy.copy(disturbed)
                vars(self._disturbed).update(given)
                return self._program(controller, full)(variables, key, clips)

            self._programs[full] = jax.jit(program)
        given = {k: getattr(disturbed, k) for k in _GIVEN}
        return self._programs[full](controller.variables, key, which, given)


_GIVEN = ("noise_key", "force", "inputs", "_which")
"""What differs between parts of a disturbed rollout."""


def _of(whole: Perturbation, which: np.ndarray) -> Perturbation:
    """The part of a perturbation that is about certain clips."""
    return attrs.evolve(
        whole,
        onset_ms=None if whole.onset_ms is None else whole.onset_ms[which],
        end_ms=None if whole.end_ms is None else whole.end_ms[which],
        force=None if whole.force is None else {k: a[which] for k, a in whole.force.items()},
        inputs={k: a[which] for k, a in whole.inputs.items()},
        which=None if whole.which is None else np.asarray(whole.which)[which],
    )


def _widened(part: Rollouts, run: TrainedRun, n_steps: np.ndarray, nulls: Mapping[str, Any]) -> Rollouts:
    """Return rollouts of all clips like ``part``, of the first: zeros that take no memory, but for what is kept."""
    arrays: dict[str, Any] = {}
    for field in attrs.fields(Rollouts):
        axes, value = field.metadata.get("axes", ()), getattr(part, field.name)
        if axes[:1] != ("clip",) or value is None:
            continue
        if field.metadata["storage"] == "arrays":
            arrays[field.name] = {k: _zeros(len(n_steps), a) for k, a in value.items()}
        else:
            zeros = _zeros(len(n_steps), value)
            arrays[field.name] = zeros.copy() if field.name in _KEPT else zeros
    names = run.clips.clip_names
    fields = {"n_steps": n_steps, "clip_names": names, "animals": run.clips.animals, "split": tuple(run.split)}
    provenance = {k: v for k, v in part.provenance.items() if k != "diverged"}
    return attrs.evolve(part, **{**arrays, **fields, "provenance": provenance, **nulls})


def _zeros(clips: int, like: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.zeros((), like.dtype), (clips, *like.shape[1:]))


def _per_clip(part: Rollouts) -> Iterator[tuple[str, np.ndarray]]:
    """Name in the file → array, of all that a part has for each of its clips, but the lengths."""
    for field in attrs.fields(Rollouts):
        value = getattr(part, field.name)
        if field.metadata.get("axes", ())[:2] != ("clip", "step") or value is None:
            continue
        if field.metadata["storage"] == "arrays":
            yield from ((f"{field.name}/{k}", a) for k, a in value.items())
        else:
            yield field.name, value


@contextlib.contextmanager
def _open(whole: Rollouts, path: Path) -> Iterator[Any]:
    """Write rollouts whose arrays are blank, and open the file to fill them in; in the end it is sealed again."""
    import h5py

    whole.save(path)
    unsealed(path)
    with path.open("r+b", buffering=0) as raw:
        patient = _Patient(raw)
        try:
            with h5py.File(patient, "r+") as file:
                yield file
        except (OSError, RuntimeError) as e:
            raise patient.failure or e from e
    if patient.failure is not None:
        raise patient.failure
    reseal(path)


class _Patient:
    """A file that keeps its first failure to itself: HDF5 does not survive a disk that is full."""

    def __init__(self, raw: Any) -> None:
        self._raw, self.failure = raw, None

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        try:
            done = 0
            while self.failure is None and done < len(view):
                done += self._raw.write(view[done:])
        except OSError as e:
            self.failure = e
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return self._raw.truncate(size)
        except OSError as e:
            self.failure = self.failure or e
            return size or 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
