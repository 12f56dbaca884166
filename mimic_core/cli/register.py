"""``mimic register``"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mimic_core.cli.common import Json, Set, emit, error_rows, load_plugins, settings, table, working

_FEW = 5
_OFTEN = 0.1
_TOLD_APART = 1.1


def register(
    out: Annotated[Path, typer.Option(help="Where the reference clips go (.h5).")],
    body: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:VARIANT]|FILE",
            help="The body to fit, see 'mimic plugins list', or its description file; not needed with --calibration.",
        ),
    ] = None,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Keypoint files of one animal.", show_default=False)
    ] = None,
    method: Annotated[str | None, typer.Option(help="The registration; default: the default one.")] = None,
    reader: Annotated[str | None, typer.Option(help="The file format, where its ending does not tell.")] = None,
    unit: Annotated[
        str | None, typer.Option(help="Unit of the positions: m, cm, mm or um; default: the file's, else inferred.")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Calibration or clips of the same animal: keep its body, fit only the movements."),
    ] = None,
    save_calibration: Annotated[
        Path | None, typer.Option(help="Keep the animal's body here (.h5), for its further recordings.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for tables and figures that tell how good the fit is.")
    ] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Fit a body to tracked 3D keypoints: joint angles, keypoint offsets, scale and alignment.

    Example: `mimic register trials/*.h5 --body mouse_forelimb --out clips.h5 --report quality`

    Keypoint names match regardless of case; the body uses those of its keypoints that the files have. Settings of the
    method are given with `--set register.KEY=VALUE` and listed by `mimic plugins show stac`. Settings of a file reader,
    a camera's rate for instance where files do not hold it, are given with `--set register.reader.KEY=VALUE`, those of
    the body with `--set body.KEY=VALUE`.
    """
    from mimic_core.chain import stages

    given = settings(set_, "register")
    reader_settings = given.pop("reader", {})
    body_settings = given.pop("body", {})
    plugins = load_plugins()
    with working(plugins):
        summary = stages.register(
            plugins,
            files or [],
            body=body,
            body_settings=body_settings,
            out=out,
            method=method,
            settings=given,
            reader=reader,
            reader_settings=reader_settings,
            unit=unit,
            calibration=calibration,
            save_calibration=save_calibration,
            report=report,
        )
    emit(
        summary,
        json,
        [
            table(
                "Distance of keypoints from the fitted body, mm of the animal",
                ["", "mean", "median", "95 %", "max"],
                error_rows(summary["error_mm"], "all"),
            ),
            *_remarks(summary["details"]),
            f"positions taken as {summary['unit']}",
            f"{summary['clips']} clips, {summary['frames']} frames at {summary['rate_hz']:g} Hz, "
            f"scale {summary['scale']:.3f}, {summary['seconds']:.1f} s → {summary['out']}",
            *([f"calibration → {summary['calibration']}"] if save_calibration else []),
            *([f"tables and figures → {summary['report']}"] if report else []),
        ],
    )


def _remarks(details: Mapping[str, Any]) -> Iterator[str]:
    """What somebody should know of this fit; a method may tell some of it or nothing."""
    if segments := details.get("segment_scale"):
        yield "segments: " + ", ".join(f"{name} {factor:.3f}" for name, factor in segments.items())
    if gaps := (details.get("gaps_bridged") or {}).get("gaps"):
        yield f"{gaps} gaps bridged ({details['gaps_bridged']['positions']} positions)"
    if jumps := details.get("jumps"):
        shown = ", ".join(
            f"{j['clip']} {j['keypoint']} {j['first']}" + (f"-{j['last']}" if j["last"] > j["first"] else "")
            for j in jumps[:_FEW]
        )
        yield f"{len(jumps)} jumps of the tracking not followed (clip, keypoint, frame): {shown}" + (
            ", …" if len(jumps) > _FEW else ""
        )
    limits = details.get("share_at_joint_limit") or {}
    if held := {name: share for name, share in limits.items() if share > _OFTEN}:
        yield "at a joint limit: " + ", ".join(f"{name} in {share:.0%} of frames" for name, share in held.items())
    if beyond := details.get("offset_beyond_spread"):
        yield f"further from the body's own place than expected: {', '.join(beyond)}"
    if (rivalry := details.get("orientation_rivalry")) and rivalry < _TOLD_APART:
        yield "other orientations fit about as well; if you know the axes, give --set register.axes=…"
    if details.get("converged") is False:
        yield "stopped before it converged; raise register.max_iterations"
