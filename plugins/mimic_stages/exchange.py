"""The stages `export` and `import`: files of other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from mimic_core import (
    Choice,
    Context,
    DataError,
    Headline,
    Inputs,
    PluginError,
    Plugins,
    Reads,
    ReferenceClips,
    StageSpec,
    Table,
    atomic_path,
    blaming,
    choice,
    file_hash,
    option,
    structure,
    unstructure,
)
from mimic_core.chain import load, make_body, versions
from mimic_stages.generate import body_of
from mimic_stages.standing import MEAN_POSE, MEAN_POSE_KEY, mean_pose_summary
from mimic_stages.tables import error_rows

_HELP = "The other layout; see 'mimic plugins list'."


@attrs.frozen(kw_only=True)
class ExportOptions:
    """Write a mimic file in the layout of another program.

    Example: `mimic export stac_mjx clips.h5 --out ik.h5`

    Settings of the format are given with `--set KEY=VALUE` and listed by `mimic plugins show format.stac_mjx`.
    """

    format: Choice = choice("format", flat=True, argument=True, required=True, metavar="FORMAT", help=_HELP)


def _exported(options: ExportOptions, plugins: Plugins) -> tuple[Reads, ...]:
    return (Reads(plugins.get("format", options.format.name).kind),)


def _output(options: ExportOptions, plugins: Plugins, label: str) -> str:
    return f"export/{label}{plugins.get('format', options.format.name).suffixes[0]}"


def export_work(options: ExportOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Write a record in another layout.

    Raises:
        DataError: the output's name does not end as files of this layout do, or the layout cannot hold the record.
    """
    spec = context.plugins.get("format", options.format.name)
    config = structure(dict(options.format.settings), spec.config, f"export.{spec.name}")
    out = context.out
    if out.suffix.lower() not in spec.suffixes:
        raise DataError(f"{out}: files of format {spec.name} end in {' or '.join(spec.suffixes)}; give such a name")
    record = load(inputs.one(spec.kind), spec.kind, context.plugins)
    with atomic_path(out) as tmp:
        spec.build(config).write(record, tmp)
    return {
        "format": spec.name,
        "kind": spec.kind,
        "clips": len(record.clip_names),
        "rate_hz": record.rate_hz,
        "keypoints": list(record.keypoint_names),
    }


def export_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    yield f"{summary['clips']} clips at {summary['rate_hz']:g} Hz → {summary['out']}"


@attrs.frozen(kw_only=True)
class ImportOptions:
    """Read fits of another program as reference clips, to train on them without registering anew.

    Example: `mimic import stac_mjx fits/*_ik.h5 --body mouse_forelimb --out clips.h5`

    Settings of the format are given with `--set KEY=VALUE` and listed by `mimic plugins show format.stac_mjx`.
    """

    format: Choice = choice("format", flat=True, argument=True, required=True, metavar="FORMAT", help=_HELP)
    files: tuple[Path, ...] = option((), argument=True, pattern=True, help="Fits of one animal.")
    body: Choice = choice(
        "body",
        shared=True,
        required=True,
        metavar="NAME[:VARIANT]|FILE",
        help="The body that was fitted, or the file that describes it.",
    )


def import_work(options: ImportOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Read fits as movements of a body and save them as reference clips.

    Raises:
        PluginError: the format is only written.
        DataError: there are no files, or they are not of this layout or not of this body.
    """
    plugins = context.plugins
    spec = plugins.get("format", options.format.name)
    if not spec.reads:
        able = ", ".join(s.name for s in plugins.all("format") if s.reads)
        raise PluginError(f"format {spec.name} is written, not read; formats that are read: {able or 'none'}")
    files = options.files
    if not files:
        raise DataError(f"no files given; name at least one, e.g. mimic import {spec.name} fits/*{spec.suffixes[0]} …")
    config = structure(dict(options.format.settings), spec.config, f"import.{spec.name}")
    body = make_body(plugins, options.body.name, options.body.settings)
    with blaming(f"the format {spec.name} cannot read it; make it again", *files):
        clips = spec.build(config).read(list(files), body)
    details, error = dict(clips.provenance), clips.error_summary()
    mean_pose = mean_pose_summary(clips)
    clips = attrs.evolve(
        clips,
        provenance={
            **details,
            "method": f"import.{spec.name}",
            "settings": unstructure(config),
            "inputs": {f.name: file_hash(f) for f in files},
            "versions": versions(plugins),
            MEAN_POSE_KEY: mean_pose,
        },
    )
    clips.save(context.out)
    return {
        "body": options.body.name,
        "format": spec.name,
        "error_mm": error,
        "frames": int(clips.n_frames.sum()),
        "clips": len(clips.clip_names),
        "rate_hz": clips.rate_hz,
        "keypoints": list(clips.keypoint_names),
        "scale": clips.body.size,
        "remarks": list(clips.remarks),
        "details": details,
        "headlines": [
            Headline(
                "registration error",
                error["mean"],
                "mm",
                "mean over keypoints, as fitted elsewhere",
                nulls={MEAN_POSE: mean_pose["mean"]},
                better="lower",
            )
        ],
    }


def import_lines(summary: Mapping[str, Any]) -> Iterator[str | Table]:
    rows = error_rows(summary["error_mm"], "all")
    if fitted := summary["details"].get("fitted_error_mm"):
        rows += error_rows(fitted, "as fitted")
    yield Table(
        columns=("", "mean", "median", "95 %", "max"),
        rows=rows,
        caption="Distance of keypoints, mm of the animal",
    )
    yield (
        f"{summary['clips']} clips, {summary['frames']} frames at {summary['rate_hz']:g} Hz, "
        f"scale {summary['scale']:.3f} → {summary['out']}"
    )
    yield from summary["remarks"]
    yield from _pairs(summary["details"])


def _pairs(details: Mapping[str, Any]) -> list[str]:
    """A line for each detail that pairs names of the file with names of the body."""
    named = {
        k: v for k, v in details.items() if isinstance(v, dict) and v and all(isinstance(b, str) for b in v.values())
    }
    return [f"{k.replace('_', ' ')}: {', '.join(f'{a} → {b}' for a, b in v.items())}" for k, v in named.items()]


EXPORT = StageSpec(
    name="export",
    config=ExportOptions,
    work=export_work,
    reads=_exported,
    output=_output,
    labelled="format",
    lines=export_lines,
    summary="a file of another program",
)

IMPORT = StageSpec(
    name="import",
    config=ImportOptions,
    work=import_work,
    writes=ReferenceClips.KIND,
    output="clips.h5",
    decides=lambda options, plugins: body_of(options.body, plugins),
    lines=import_lines,
    summary="fits of another program as clips",
)
