"""``mimic export`` and ``mimic import``"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mimic_core.cli.common import Json, Set, emit, error_rows, load_plugins, settings, table, working
from mimic_core.config import structure, unstructure
from mimic_core.errors import DataError, PluginError
from mimic_core.files import atomic_path, check_output, file_hash

if TYPE_CHECKING:
    from mimic_core.plugins.manager import Plugins


def export_record(
    plugins: Plugins, name: str, file: str | Path, *, out: str | Path, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write a mimic file in the layout of another program.

    Raises:
        DataError: ``file`` is of another kind than the format exchanges, or the layout cannot hold it.
    """
    from mimic_core.chain.stages import Events
    from mimic_core.records.kinds import load

    out = Path(out)
    spec = plugins.get("format", name)
    config = structure(dict(given or {}), spec.config, f"export.{name}")
    if out.suffix.lower() not in spec.suffixes:
        raise DataError(f"{out}: files of format {name} end in {' or '.join(spec.suffixes)}; give such a name")
    check_output(out)
    with Events(plugins, "export", {"format": name, "file": str(file), **unstructure(config)}) as events:
        record = load(file, spec.kind)
        with atomic_path(out) as tmp:
            spec.build(config).write(record, tmp)
        return events.finish(
            {
                "out": str(out),
                "format": name,
                "kind": spec.kind,
                "clips": len(record.clip_names),
                "rate_hz": record.rate_hz,
                "keypoints": list(record.keypoint_names),
            }
        )


def import_clips(
    plugins: Plugins,
    name: str,
    files: Sequence[str | Path],
    *,
    body: str,
    out: str | Path,
    body_settings: Mapping[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Read fits of another program as movements of a body and save them as reference clips.

    ``body`` is a name or a description file, see `mimic_core.body.body.parse_body`.

    Raises:
        PluginError: the format is only written.
        DataError: there are no files, or they are not of this layout or not of this body.
    """
    import attrs

    from mimic_core.chain.choose import make_body
    from mimic_core.chain.stages import Events, versions

    check_output(out)
    spec = plugins.get("format", name)
    if not spec.reads:
        able = ", ".join(s.name for s in plugins.all("format") if s.reads)
        raise PluginError(f"format {name} is written, not read; formats that are read: {able or 'none'}")
    if not files:
        raise DataError(f"no files given; name at least one, e.g. mimic import {name} fits/*{spec.suffixes[0]} …")
    config = structure(dict(given or {}), spec.config, f"import.{name}")
    animal = make_body(plugins, body, body_settings)
    with Events(
        plugins, "import", {"format": name, "body": body, "files": len(files), **unstructure(config)}
    ) as events:
        clips = spec.build(config).read([Path(f) for f in files], animal)
        details = dict(clips.provenance)
        clips = attrs.evolve(
            clips,
            provenance={
                **details,
                "method": f"import.{name}",
                "settings": unstructure(config),
                "inputs": {Path(f).name: file_hash(f) for f in files},
                "versions": versions(plugins),
            },
        )
        clips.save(out)
        return events.finish(
            {
                "out": str(out),
                "body": body,
                "format": name,
                "error_mm": clips.error_summary(),
                "frames": int(clips.n_frames.sum()),
                "clips": len(clips.clip_names),
                "rate_hz": clips.rate_hz,
                "keypoints": list(clips.keypoint_names),
                "scale": clips.body.scale,
                "details": details,
            }
        )


_Format = Annotated[str, typer.Argument(metavar="FORMAT", help="The other layout; see 'mimic plugins list'.")]


def export(
    format_: _Format,
    file: Annotated[Path, typer.Argument(help="File that mimic wrote, e.g. clips.h5.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where the file of the other layout goes.")],
    set_: Set = None,
    json: Json = False,
) -> None:
    """Write a mimic file in the layout of another program.

    Example: `mimic export stac_mjx clips.h5 --out ik.h5`

    Settings of the format are given with `--set KEY=VALUE` and listed by `mimic plugins show format.stac_mjx`.
    """
    plugins = load_plugins()
    with working(plugins):
        summary = export_record(plugins, format_, file, out=out, given=settings(set_, "export"))
    emit(summary, json, [f"{summary['clips']} clips at {summary['rate_hz']:g} Hz → {summary['out']}"])


def import_(
    format_: _Format,
    body: Annotated[
        str,
        typer.Option(metavar="NAME[:VARIANT]|FILE", help="The body that was fitted, or the file that describes it."),
    ],
    out: Annotated[Path, typer.Option(help="Where the reference clips go (.h5).")],
    files: Annotated[list[Path] | None, typer.Argument(help="Fits of one animal.", show_default=False)] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Read fits of another program as reference clips, to train on them without registering anew.

    Example: `mimic import stac_mjx fits/*_ik.h5 --body mouse_forelimb --out clips.h5`

    Settings of the format are given with `--set KEY=VALUE` and listed by `mimic plugins show format.stac_mjx`.
    """
    given = settings(set_, "import")
    body_settings = given.pop("body", {})
    plugins = load_plugins()
    with working(plugins):
        summary = import_clips(
            plugins, format_, files or [], body=body, out=out, body_settings=body_settings, given=given
        )
    rows = error_rows(summary["error_mm"], "all")
    if fitted := summary["details"].get("fitted_error_mm"):
        rows += error_rows(fitted, "as fitted")
    emit(
        summary,
        json,
        [
            table("Distance of keypoints, mm of the animal", ["", "mean", "median", "95 %", "max"], rows),
            f"{summary['clips']} clips, {summary['frames']} frames at {summary['rate_hz']:g} Hz, "
            f"scale {summary['scale']:.3f} → {summary['out']}",
            *_pairs(summary["details"]),
        ],
    )


def _pairs(details: Mapping[str, Any]) -> list[str]:
    """A line for each detail that pairs names of the file with names of the body."""
    named = {
        k: v for k, v in details.items() if isinstance(v, dict) and v and all(isinstance(b, str) for b in v.values())
    }
    return [f"{k.replace('_', ' ')}: {', '.join(f'{a} → {b}' for a, b in v.items())}" for k, v in named.items()]
