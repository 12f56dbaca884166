"""The stage `register`: a body fitted to keypoint files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core import (
    Body,
    Calibration,
    Choice,
    ConfigError,
    Context,
    DataError,
    Headline,
    Inputs,
    Keypoints,
    Reads,
    ReferenceClips,
    StageSpec,
    Table,
    check_output,
    choice,
    file_hash,
    option,
    structure,
    unstructure,
)
from mimic_core.chain import make_body, versions
from mimic_core.registration import match_keypoints
from mimic_recordings import gathered, join, read_recordings
from mimic_stages.analyze import analysed
from mimic_stages.generate import body_of
from mimic_stages.selection import (
    by_folder,
    check_named,
    files_of,
    frame_range,
    lost_names,
    renamed,
    split,
    told,
    without,
)
from mimic_stages.several import animals_of, by_animal, common_keypoints, on_one_body
from mimic_stages.standing import MEAN_POSE, MEAN_POSE_KEY, mean_pose_summary
from mimic_stages.tables import error_rows

FILES_KEY = "files"
"""Provenance: clip → the file it is from."""
_TOLD_APART = (
    "settings",
    "inputs",
    "versions",
    "method",
    "origin",
    "unit",
    "calibration",
    "seconds",
    "free_parameters",
    MEAN_POSE_KEY,
    FILES_KEY,
)
"""Provenance that is no detail of the fit."""
_BELIEVED = 0.1
"""Trust below which a position counts as not believed."""


@attrs.frozen(kw_only=True)
class RegisterOptions:
    """Fit a body to tracked 3D keypoints: joint angles, keypoint offsets, scale and alignment.

    Example: `mimic register trials/*.h5 --body mouse_forelimb --out clips.h5 --report quality`

    Keypoint names match regardless of case; the body uses those of its keypoints that the files have. Settings of the
    method are given with `--set register.KEY=VALUE` and listed by `mimic plugins show stac`. Settings of a file reader,
    a camera's rate for instance where files do not hold it, are given with `--set register.reader.KEY=VALUE`, those of
    the body with `--set body.KEY=VALUE`.
    """

    files: tuple[Path, ...] = option((), argument=True, pattern=True, help="Keypoint files of one animal.")
    body: Choice = choice(
        "body",
        shared=True,
        metavar="NAME[:VARIANT]|FILE",
        help="The body to fit, see 'mimic plugins list', or its description file; not needed with --calibration.",
    )
    method: Choice = choice("registration", flat=True, help="The registration; default: the default one.")
    reader: Choice = choice("reader", partial=True, help="The file format, where its ending does not tell.")
    animals: Mapping[str, str] = option(
        attrs.Factory(dict),
        help="Whose clips these are: pattern of clip or file names → animal. Several animals "
        "are registered one by one; their movements then come onto the body of the first.",
    )
    rename: Mapping[str, str] = option(attrs.Factory(dict), help="Keypoint names of the files → those of the body.")
    leave_out: tuple[str, ...] = option((), help="Keypoints that are not used, by name or pattern.")
    frames: tuple[int, ...] = option(
        (),
        validator=attrs.validators.max_len(2),
        help="First frame that is used, counted from 0, and the one before which to stop.",
    )
    split_gaps_ms: float | None = option(
        None,
        validator=attrs.validators.optional(attrs.validators.ge(0)),
        help="Cut recordings where a keypoint is missing for longer; what is between the gaps become clips.",
    )
    unit: str | None = option(None, help="Unit of the positions: m, cm, mm or um; default: the file's, else inferred.")
    calibration: Path | None = option(
        None, help="Calibration or clips of the same animal: keep its body, fit only the movements."
    )
    save_calibration: Path | None = option(
        None, output=True, help="Keep the animal's body here (.h5), for its further recordings."
    )
    report: Path | None = option(None, output=True, help="Folder for tables and figures that tell how good the fit is.")


def work(options: RegisterOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Fit the body and save the reference clips.

    Raises:
        ConfigError: neither body nor calibration is given, or the method cannot keep a calibration.
        DataError: the files, or the calibration, are not what they should be.
    """
    from mimic_stages.units import in_metres

    plugins = context.plugins
    if options.save_calibration is not None:
        check_output(options.save_calibration)
    spec = plugins.choose("registration", options.method.name)
    config = structure(dict(options.method.settings), spec.config, "register")
    known = None if options.calibration is None else Calibration.load(options.calibration)
    if known is not None and spec.build_calibrated is None:
        raise ConfigError(f"registration {spec.name}: cannot keep a calibration; leave it out or choose another method")
    animal = _animal(options, context, known)
    files = options.files or inputs.all(Keypoints.KIND)
    settings = dict(options.reader.settings)
    parts, remarks = _selected(options, animal, read_recordings(files, plugins, options.reader.name, settings))
    shared = common_keypoints(parts)
    remarks += lost_names(parts, shared[0].names)
    if len(set(options.animals.values())) < 2:
        keypoints = join(shared)
        owners = animals_of(keypoints, options.animals)
        recordings = {owners[0]: keypoints}
    else:
        _check_several(options)
        recordings = {a: join(of) for a, of in by_animal(shared, options.animals).items()}
    registered, sizes = {}, {}
    for name, keypoints in recordings.items():
        matched, body = match_keypoints(keypoints, animal)
        matched, sizes[name] = in_metres(matched, options.unit, body)
        if known is None:
            fit = spec.build(config, body)
        else:
            fit = spec.build_calibrated(config, attrs.evolve(known, body=body))
        registered[name] = fit(matched, context.progress)
    if len(registered) == 1:
        clips = attrs.evolve(registered[owners[0]], animals=owners)
    else:
        clips = on_one_body(registered)
    unit = "; ".join(dict.fromkeys(sizes.values()))
    calibration = options.calibration
    named = [f for part in parts for f in part.files]
    sources = dict.fromkeys(str(f) for f in (*files, *named, *([calibration] if calibration else [])))
    remarks += told(parts, animal, clips.keypoint_names) + _not_believed(clips)
    clips = attrs.evolve(
        clips,
        remarks=(*remarks, *clips.remarks),
        provenance={
            **clips.provenance,
            "method": spec.name,
            "settings": unstructure(config),
            "origin": parts[0].origin,
            FILES_KEY: files_of(parts),
            "unit": unit,
            "calibration": str(calibration) if calibration else None,
            "inputs": {f: file_hash(f) for f in sources if Path(f).is_file()},
            "versions": versions(plugins),
            MEAN_POSE_KEY: mean_pose_summary(clips),
        },
    )
    clips.save(context.out)
    if options.save_calibration is not None:
        Calibration.of(clips).save(options.save_calibration)
    if options.report is not None:
        telling = _of_clips(context)
        for spec_of in telling:
            folder = options.report if len(telling) == 1 else options.report / spec_of.name
            analysed(context, spec_of, Inputs({ReferenceClips.KIND: [clips]}), folder)
    used = {k.lower() for k in clips.keypoint_names}
    error = clips.error_summary()
    free = clips.provenance.get("free_parameters", {})
    return {
        "body": options.body.name or _full_name(animal),
        "method": spec.name,
        "error_mm": error,
        "frames": int(clips.n_frames.sum()),
        "clips": len(clips.clip_names),
        "animals": [a for a in dict.fromkeys(clips.animals) if a],
        "rate_hz": clips.rate_hz,
        "unit": unit,
        "keypoints": list(clips.keypoint_names),
        "scale": clips.body.size,
        "unused_keypoints": list(dict.fromkeys(n for p in parts for n in p.names if n.lower() not in used)),
        "calibration": str(options.save_calibration) if options.save_calibration else None,
        "report": str(options.report) if options.report else None,
        "remarks": [*clips.body.remarks, *clips.remarks],
        "details": {k: v for k, v in clips.provenance.items() if k not in _TOLD_APART},
        "free_parameters": free,
        "headlines": [
            Headline(
                "registration error",
                error["mean"],
                "mm",
                "mean over keypoints, on the frames that were fitted" + (f"; fitted: {fitted(free)}" if free else ""),
                nulls={MEAN_POSE: clips.provenance[MEAN_POSE_KEY]["mean"]},
                better="lower",
            )
        ],
    }


def _selected(
    options: RegisterOptions, animal: Body, recordings: Sequence[tuple[Keypoints, list[str]]]
) -> tuple[list[Keypoints], list[str]]:
    """What is used of each recording, and remarks on what was found and left out."""
    remarks = gathered([said for _, said in recordings])
    check_named([part for part, _ in recordings], options.rename, options.leave_out)
    parts = []
    for part, _ in recordings:
        part = renamed(without(part, options.leave_out) if options.leave_out else part, options.rename)
        if options.frames:
            part = frame_range(part, options.frames)
        if options.split_gaps_ms is not None:
            part, said = split(part, tuple(animal.keypoints), options.split_gaps_ms)
            remarks += said
        parts.append(part)
    parts, said = by_folder(parts)
    return parts, remarks + said


def _not_believed(clips: ReferenceClips) -> list[str]:
    """Say how many tracked positions of each keypoint the fit did not follow."""
    if clips.trust is None:
        return []
    tracked = np.isfinite(clips.tracked_pos).all(-1)
    few = (tracked & (clips.trust < _BELIEVED)).sum((0, 1))
    of = tracked.sum((0, 1))
    found = [f"{n} {k} of {m}" for n, k, m in zip(clips.keypoint_names, few, of, strict=True) if k]
    return [f"positions not believed: {', '.join(found)}"] if found else []


def _check_several(options: RegisterOptions) -> None:
    """Refuse what is meant for one animal."""
    for key in ("calibration", "save_calibration"):
        if getattr(options, key) is not None:
            raise ConfigError(f"register.{key}: is of one animal, and register.animals names several; leave it out")


def _of_clips(context: Context) -> list[Any]:
    """Analyses of clips alone that need nothing else: what tells how good a fit is."""
    return [s for s in context.plugins.all("analysis") if [r.kind for r in s.reads] == [ReferenceClips.KIND]]


def _animal(options: RegisterOptions, context: Context, known: Calibration | None) -> Body:
    """The body to register: the calibrated one, after a look whether it is the one that was asked for."""
    name, settings = options.body.name, options.body.settings
    if known is None:
        if name is None:
            raise ConfigError("no body named; give --body NAME (see 'mimic plugins list'), or --calibration FILE")
        return make_body(context.plugins, name, settings)
    if name is not None:
        check_calibration(known, make_body(context.plugins, name, settings), options.calibration)
    return known.body


def fitted(free: Mapping[str, int]) -> str:
    """What a registration fitted, in words."""
    return ", ".join(f"{what} {n:,}" for what, n in free.items())


def check_calibration(known: Calibration, body: Body, path: Path | None) -> None:
    """Check that a calibration is of ``body``.

    Raises:
        DataError: it is of another body or variant.
    """
    if (known.body.name, known.body.mjcf) != (body.name, body.mjcf):
        own, given = _full_name(known.body), _full_name(body)
        as_built = ", built otherwise" if own == given else ""
        raise DataError(f"{path}: calibrates body {own}{as_built}, but the body asked for is {given}; name that body")


def _full_name(body: Body) -> str:
    return f"{body.name}:{body.variant}" if body.variant else body.name


def lines(summary: Mapping[str, Any]) -> Iterator[str | Table]:
    yield Table(
        columns=("", "mean", "median", "95 %", "max"),
        rows=error_rows(summary["error_mm"], "all"),
        caption="Distance of keypoints from the fitted body, mm of the animal",
    )
    yield from summary["remarks"]
    if summary["free_parameters"]:
        yield f"fitted (numbers): {fitted(summary['free_parameters'])}"
    yield f"positions taken as {summary['unit']}"
    yield (
        f"{summary['clips']} clips, {summary['frames']} frames at {summary['rate_hz']:g} Hz, "
        f"scale {summary['scale']:.3f}, {summary['seconds']:.1f} s → {summary['out']}"
    )
    if summary["calibration"]:
        yield f"calibration → {summary['calibration']}"
    if summary["report"]:
        yield f"tables and figures → {summary['report']}"


SPEC = StageSpec(
    name="register",
    config=RegisterOptions,
    work=work,
    reads=(Reads(Keypoints.KIND, unless="files"),),
    writes=ReferenceClips.KIND,
    output="clips.h5",
    decides=lambda options, plugins: body_of(options.body, plugins),
    lines=lines,
    summary="fit a body to tracked keypoints",
)
