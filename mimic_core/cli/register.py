"""``mimic register``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mimic_core.cli.common import Json, Set, emit, error_rows, load_plugins, settings, table, working


def register(
    body: Annotated[str, typer.Option(metavar="NAME[:VARIANT]", help="The body to fit; see 'mimic plugins list'.")],
    out: Annotated[Path, typer.Option(help="Where the reference clips go (.h5).")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Keypoint files of one animal.", show_default=False)
    ] = None,
    method: Annotated[str | None, typer.Option(help="The registration; default: the default one.")] = None,
    reader: Annotated[str | None, typer.Option(help="The file format, where its ending does not tell.")] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Fit a body to tracked 3D keypoints: joint angles, keypoint offsets, scale and alignment.

    Example: `mimic register trials/*.h5 --body mouse_forelimb --out clips.h5`

    Keypoint names match regardless of case; the body uses those of its keypoints that the files have. Settings of the
    method are given with `--set register.KEY=VALUE` and listed by `mimic plugins show stac`. STAC-MJX files do not hold
    the camera's rate; it is taken to be 200 Hz, or what `--set register.reader.rate_hz=RATE` says.
    """
    from mimic_core import stages

    given = settings(set_, "register")
    reader_settings = given.pop("reader", {})
    plugins = load_plugins()
    with working(plugins):
        summary = stages.register(
            plugins,
            files or [],
            body=body,
            out=out,
            method=method,
            settings=given,
            reader=reader,
            reader_settings=reader_settings,
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
            f"{summary['clips']} clips, {summary['frames']} frames at {summary['rate_hz']:g} Hz, "
            f"scale {summary['scale']:.3f}, {summary['seconds']:.1f} s → {summary['out']}",
        ],
    )
