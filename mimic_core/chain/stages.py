"""The stages of the chain as functions: files in, files and a JSON-able summary out.

The command line and run files call these; so may a notebook. Each tells the plugins' event hooks that it
began, how far it is, and what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core.chain.events import Events
from mimic_core.chain.training import train, train_together
from mimic_core.config import structure, unstructure
from mimic_core.errors import ConfigError, DataError, MimicError
from mimic_core.files import check_output, file_hash, to_json
from mimic_core.plugins.context import Context
from mimic_core.plugins.inputs import Inputs, Reads
from mimic_core.plugins.manager import Plugins
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.kinds import kind_of, load
from mimic_core.records.provenance import versions

if TYPE_CHECKING:
    from mimic_core.body.body import Body
    from mimic_core.control.policy import Controller
    from mimic_core.records.calibration import Calibration
    from mimic_core.task.task import Task


def generate(
    plugins: Plugins,
    *,
    body: str,
    out: str | Path,
    body_settings: Mapping[str, Any] | None = None,
    source: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Make synthetic keypoints and keep them as a keypoint file.

    ``body`` is a name or a description file, see `mimic_core.body.body.parse_body`.
    """
    from mimic_core.body.model import BodyModel
    from mimic_core.chain.choose import make_body

    check_output(out)
    spec = plugins.choose("generator", source)
    with Events(plugins, "generate", {"source": spec.name, "body": body, "seed": seed, **(settings or {})}) as events:
        model = BodyModel.compile(make_body(plugins, body, body_settings))
        keypoints = spec.build(structure(dict(settings or {}), spec.config, "generate"), model, seed)()
        keypoints.save(out)
        return events.finish(
            {
                "out": str(out),
                "source": spec.name,
                "clips": len(keypoints.clip_names),
                "frames": int(keypoints.n_frames.sum()),
                "rate_hz": keypoints.rate_hz,
                "keypoints": list(keypoints.names),
                "origin": keypoints.origin,
            }
        )


def register(
    plugins: Plugins,
    files: Sequence[str | Path],
    *,
    body: str | None = None,
    out: str | Path,
    body_settings: Mapping[str, Any] | None = None,
    method: str | None = None,
    settings: Mapping[str, Any] | None = None,
    reader: str | None = None,
    reader_settings: Mapping[str, Any] | None = None,
    unit: str | None = None,
    calibration: str | Path | None = None,
    save_calibration: str | Path | None = None,
    report: str | Path | None = None,
) -> dict[str, Any]:
    """Fit a body to keypoint files and save the reference clips.

    Args:
        unit: of the files' positions, see `mimic_core.registration.units.in_metres`; None: what the files say, else inferred.
        calibration: calibration or clips of the same animal, whose body is kept; ``body`` may then be left out.
        save_calibration: where the animal's calibration goes.
        report: folder for the tables and figures of the analysis `registration`.

    Raises:
        ConfigError: neither body nor calibration is given, or the method cannot keep a calibration.
        DataError: the files, or the calibration, are not what they should be.
    """
    from mimic_core.chain.choose import read_keypoints
    from mimic_core.records.calibration import Calibration
    from mimic_core.registration.method import match_keypoints
    from mimic_core.registration.units import in_metres

    for path in filter(None, (out, save_calibration)):
        check_output(path)
    spec = plugins.choose("registration", method)
    config = structure(dict(settings or {}), spec.config, "register")
    known = None if calibration is None else Calibration.load(calibration)
    if known is not None and spec.build_calibrated is None:
        raise ConfigError(f"registration {spec.name}: cannot keep a calibration; leave it out or choose another method")
    animal = _animal(plugins, body, body_settings, known, calibration)
    name = body or _full_name(animal)
    with Events(
        plugins, "register", {"method": spec.name, "body": name, "files": len(files), **unstructure(config)}
    ) as events:
        keypoints = read_keypoints(files, plugins, reader, dict(reader_settings or {}))
        matched, animal = match_keypoints(keypoints, animal)
        matched, said = in_metres(matched, unit, animal)
        if known is None:
            fit = spec.build(config, animal)
        else:
            fit = spec.build_calibrated(config, attrs.evolve(known, body=animal))
        clips: ReferenceClips = fit(matched, events.progress)
        sources = dict.fromkeys(str(f) for f in (*files, *keypoints.files, *([calibration] if calibration else [])))
        clips = attrs.evolve(
            clips,
            provenance={
                **clips.provenance,
                "method": spec.name,
                "settings": unstructure(config),
                "origin": keypoints.origin,
                "unit": said,
                "calibration": str(calibration) if calibration else None,
                "inputs": {f: file_hash(f) for f in sources if Path(f).is_file()},
                "versions": versions(plugins),
            },
        )
        clips.save(out)
        if save_calibration is not None:
            Calibration.of(clips).save(save_calibration)
        if report is not None:
            analyze(plugins, "registration", out, out=report)
        return events.finish(
            {
                "out": str(out),
                "body": name,
                "method": spec.name,
                "error_mm": clips.error_summary(),
                "frames": int(clips.n_frames.sum()),
                "clips": len(clips.clip_names),
                "rate_hz": clips.rate_hz,
                "unit": said,
                "keypoints": list(clips.keypoint_names),
                "scale": clips.body.scale,
                "unused_keypoints": [
                    n for n in keypoints.names if n.lower() not in {k.lower() for k in clips.keypoint_names}
                ],
                "calibration": str(save_calibration) if save_calibration else None,
                "report": str(report) if report else None,
                "details": {
                    k: v
                    for k, v in clips.provenance.items()
                    if k not in ("settings", "inputs", "versions", "method", "origin", "unit", "calibration", "seconds")
                },
            }
        )


def _animal(
    plugins: Plugins,
    body: str | None,
    settings: Mapping[str, Any] | None,
    known: Calibration | None,
    source: str | Path | None,
) -> Body:
    """The body to register: the calibrated one, after a look whether it is the one that was asked for."""
    from mimic_core.chain.choose import make_body

    if known is None:
        if body is None:
            raise ConfigError("no body named; give --body NAME (see 'mimic plugins list'), or --calibration FILE")
        return make_body(plugins, body, settings)
    if body is not None:
        known.check(make_body(plugins, body, settings), source)
    return known.body


def _full_name(body: Body) -> str:
    return f"{body.name}:{body.variant}" if body.variant else body.name


def rollout(
    plugins: Plugins,
    run: str | Path,
    *,
    out: str | Path,
    clips_file: str | Path | None = None,
    simulator: str = "auto",
    seed: int | None = None,
    checkpoint: str = "last",
    perturb: str | None = None,
    perturb_settings: Mapping[str, Any] | None = None,
    label: str | None = None,
) -> dict[str, Any]:
    """Roll a trained policy out in the true physics and save everything it did.

    Without ``clips_file`` the clips that the policy was trained with are used, its held-out ones included.
    ``checkpoint`` is the ``last`` or the ``best`` one, the one that tracked the held-out clips most closely.

    Args:
        perturb: the perturbation that disturbs it.
        label: what analyses call the perturbed rollouts; None: as the perturbation.
    """
    import jax

    from mimic_core.chain.assembly import TrainPlan, build_model, build_task
    from mimic_core.chain.choose import choose_simulator, chosen_perturbation
    from mimic_core.control.perturbation import RolloutContext, disturbed_task
    from mimic_core.control.unroll import roll_out

    if perturb is None and perturb_settings:
        raise ConfigError(f"perturb.{next(iter(perturb_settings))}: names no perturbation; add --perturb NAME")
    disturb = chosen_perturbation(plugins, perturb, perturb_settings or {}) if perturb else None
    check_output(out)
    run = Path(run)
    meta = read_run(plugins, run)
    plan = structure(meta["plan"], TrainPlan, "run.plan")
    plan = attrs.evolve(plan, simulator=simulator)
    source = Path(clips_file) if clips_file else run / "clips.h5"
    clips = ReferenceClips.load(source)
    trained = set(meta["train_clips"])  # by name: a trial registered anew is still one that was trained on
    split = ["train" if n in trained else "held_out" for n in clips.clip_names]
    with Events(
        plugins, "rollout", {"run": str(run), "clips": len(clips.clip_names), "simulator": simulator}
    ) as events:
        _check_body(clips, meta, source)
        model = build_model(clips.body, plan, plugins)
        truth = build_task(
            clips, plan, plugins, train_clips=np.arange(len(clips.clip_names)), for_training=False, model=model
        )
        spec = plugins.get("policy", plan.policy)
        trainer = spec.build(structure(plan.settings["policy"], spec.config, "policy"), truth)
        engine = choose_simulator(simulator, plugins, jax.default_backend())
        controller = trainer.load(run, checkpoint)
        perturbation, done = None, {}
        if disturb is not None:
            made_by, config = disturb
            context = RolloutContext.of(truth, controller, seed is not None)
            perturbation = made_by.build(config, context)
            truth = disturbed_task(truth, perturbation, engine)
            done = {"name": perturb, "label": label or perturb, "settings": unstructure(config)}
            done |= to_json(perturbation.times(context))
        rollouts = roll_out(
            truth,
            controller,
            split=split,
            simulator=engine.name,
            seed=seed,
            perturbation=perturbation,
            provenance={
                "run": meta,
                "clips": file_hash(source),
                "deterministic": seed is None,
                "seed": seed,
                "checkpoint": checkpoint,
                "versions": versions(plugins),
                "origin": clips.provenance.get("origin", ""),
                **({"perturbation": done} if done else {}),
            },
        )
        rollouts.save(out)
        return events.finish(
            {
                "out": str(out),
                "run": str(run),
                "clips": len(clips.clip_names),
                "simulator": engine.name,
                "perturbation": done or None,
                "rate_hz": rollouts.rate_hz,
                "tracking": rollouts.tracking(),
                "reward_mean": float(np.nanmean(rollouts.reward)),
                "keypoints": list(rollouts.keypoint_names),
                "muscles": list(rollouts.muscle_names),
            }
        )


def read_run(plugins: Plugins, run: Path) -> dict[str, Any]:
    """Return what a run's last checkpoint says of itself; no other file is needed.

    Raises:
        DataError: there is no checkpoint.
    """
    if not run.is_dir():
        raise DataError(f"{run}: no such run directory; give the folder that 'mimic train --out' wrote")
    reasons = []
    for spec in plugins.all("policy"):
        if spec.read_meta is not None:
            try:
                return spec.read_meta(run)
            except MimicError as e:
                reasons.append(e)
    raise reasons[0] if reasons else DataError(f"{run}: no installed policy can read checkpoints")


def _check_body(clips: ReferenceClips, meta: Mapping[str, Any], source: Path) -> None:
    """Check that clips belong to the body that the policy controls; scale and keypoint positions may differ.

    Raises:
        DataError: another skeleton, other muscles or other physics.
    """
    trained, given = meta["body"], to_json(clips.body)
    if any(trained[part] != given[part] for part in ("name", "mjcf", "assets", "muscles", "torque_limits", "physics")):
        names = [f"{b['name']}:{b['variant']}" if b["variant"] else b["name"] for b in (given, trained)]
        raise DataError(
            f"{source}: registered to body {names[0]}, but the policy controls {names[1]}"
            f"{' as it was built then' if names[0] == names[1] else ''}; register the recording to that body"
        )


def load_controller(plugins: Plugins, run: str | Path) -> tuple[Controller, Task]:
    """Load a trained controller from its checkpoint alone, with the task that it acts in (in the true physics).

    The task's only clip is the body standing still in its reference pose: it gives observations their shape.
    """
    from mimic_core.body.body import Body
    from mimic_core.chain.assembly import TrainPlan, build_model, build_task

    run = Path(run)
    meta = read_run(plugins, run)
    plan = attrs.evolve(structure(meta["plan"], TrainPlan, "run.plan"), simulator="auto")
    model = build_model(structure(meta["body"], Body, "run.body"), plan, plugins)
    clips = ReferenceClips.standing(model)
    task = build_task(clips, plan, plugins, train_clips=np.arange(1), for_training=False, model=model)
    spec = plugins.get("policy", plan.policy)
    trainer = spec.build(structure(plan.settings["policy"], spec.config, "policy"), task)
    return trainer.load(run), task


def emg(
    plugins: Plugins,
    files: Sequence[str | Path],
    *,
    out: str | Path,
    reader: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Turn recordings of EMG into envelopes, trial by trial, and save them."""
    check_output(out)
    spec = plugins.choose("emg_reader", reader)
    config = structure(dict(settings or {}), spec.config, "emg")
    with Events(plugins, "emg", {"reader": spec.name, "files": len(files), **unstructure(config)}) as events:
        found = spec.build(config)([Path(f) for f in files])
        found = attrs.evolve(
            found,
            provenance={
                **found.provenance,
                "reader": spec.name,
                "settings": unstructure(config),
                "inputs": {str(f): file_hash(f) for f in files if Path(f).is_file()},
                "versions": versions(plugins),
            },
        )
        found.save(out)
        return events.finish(
            {
                "out": str(out),
                "reader": spec.name,
                "trials": len(found.trial_names),
                "averaged_trials": found.averaged_trials,
                "muscles": list(found.muscle_names),
                "rate_hz": found.rate_hz,
                "samples": found.envelope.shape[1],
                "mean": {
                    m: float(np.nanmean(found.envelope[..., i])) if np.isfinite(found.envelope[..., i]).any() else None
                    for i, m in enumerate(found.muscle_names)
                },
                "synthetic": found.synthetic,
            }
        )


def analyze(
    plugins: Plugins,
    name: str,
    *files: str | Path,
    out: str | Path,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run an analysis over files, in any order, and save tables, figures and metrics.

    Raises:
        DataError: a file holds something else than this analysis reads, one too many or one too few is given.
    """
    from mimic_core.analysis.figures import style

    spec = plugins.get("analysis", name)
    config = structure(dict(settings or {}), spec.config, f"analyze.{name}")
    with Events(plugins, f"analyze.{name}", unstructure(config)) as events:
        given = sorted_by_kind(plugins, f"analyze.{name}", spec.reads, [Path(f) for f in files])
        loaded = Inputs({kind: [load(f, kind, plugins) for f in paths] for kind, paths in given.items()})
        with style():
            result = spec.build(config)(loaded, Context(plugins=plugins, out=Path(out), progress=events.progress))
        result.save(out)
        return events.finish({"out": str(out), "analysis": name, **result.metrics})


def sorted_by_kind(plugins: Plugins, where: str, reads: Sequence[Reads], files: Sequence[Path]) -> Inputs:
    """Sort files by what they hold; a file that others read is answered with their names.

    Raises:
        DataError: a file holds something else than is read, or there is one too many or one too few.
    """
    given: dict[str, list[Path]] = {r.kind: [] for r in reads}
    for path in files:
        found = kind_of(path, plugins)
        special = plugins.get("record", found).special if found else ""
        kind = next((k for k in (found, special) if k in given), None)
        if kind is None:
            raise DataError(_not_read(plugins, where, reads, path, found))
        given[kind].append(path)
    for r in reads:
        paths = given[r.kind]
        if not paths and not r.optional:
            made_by = plugins.get("record", r.kind).made_by
            raise DataError(f"{where}: needs {r.kind}, made by '{made_by}'; name such a file")
        if len(paths) > 1 and not r.several:
            raise DataError(f"{where}: reads one file of {r.kind}, got {', '.join(map(str, paths))}; give one")
    return Inputs(given)


def _not_read(plugins: Plugins, where: str, reads: Sequence[Reads], path: Path, found: str) -> str:
    kinds = [r.kind for r in reads]
    first = f"{kinds[0]} are made by '{plugins.get('record', kinds[0]).made_by}'"
    if not found:
        return f"{path}: is no file that mimic wrote, but {where} reads {' and '.join(kinds)}; {first}"
    others = sorted(s.name for s in plugins.all("analysis") if found in [r.kind for r in s.reads])
    instead = f"for {found} there is 'mimic analyze {' | '.join(others)}'; " if others else ""
    return f"{path}: holds {found}, but {where} reads {' and '.join(kinds)}; {instead}{first}"


def report(
    plugins: Plugins,
    run: str | Path,
    *,
    out: str | Path,
    writer: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Turn a finished run into a report."""
    spec = plugins.choose("report", writer)
    with Events(plugins, "report", {"run": str(run)}) as events:
        path = spec.build(structure(dict(settings or {}), spec.config, "report"))(Path(run), Path(out))
        return events.finish({"out": str(path)})


__all__ = [
    "analyze",
    "emg",
    "generate",
    "load_controller",
    "read_run",
    "register",
    "report",
    "rollout",
    "train",
    "train_together",
    "versions",
]
