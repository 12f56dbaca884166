"""``mimic render`` and ``mimic view``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mimic_core.cli import Json, emit, load_plugins, working
from mimic_playback.settings import RENDERERS, Playback

_DEFAULT = Playback()

Source = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="Folder of a run, or rollouts from 'mimic rollout' (.h5).", show_default=False),
]
Clip = Annotated[
    str | None,
    typer.Option(help="Name of the clip, or a part of it; default: the held-out clip with the median error."),
]
Speed = Annotated[float, typer.Option(help="Seconds of the movement in one second; 1 is real time.")]
Camera = Annotated[
    str,
    typer.Option(
        metavar="auto|AZIMUTH,ELEVATION",
        help="Direction of view in degrees: azimuth 0 looks along x, 90 along y; a negative elevation looks down.",
    ),
]
Beside = Annotated[bool, typer.Option("--beside", help="Show the reference beside the body instead of over it.")]


def render(
    run: Source,
    out: Annotated[Path, typer.Option(help="The video (.mp4 or .gif), or a folder for png files.")],
    clip: Clip = None,
    speed: Speed = _DEFAULT.speed,
    fps: Annotated[float, typer.Option(help="Pictures per second.")] = _DEFAULT.fps,
    width: Annotated[int, typer.Option(help="Of a picture, pixels.")] = _DEFAULT.width,
    height: Annotated[int, typer.Option(help="Of a picture, pixels.")] = _DEFAULT.height,
    camera: Camera = _DEFAULT.camera,
    beside: Beside = _DEFAULT.beside,
    renderer: Annotated[
        str,
        typer.Option(
            metavar="|".join(RENDERERS),
            help="Who draws; auto: MuJoCo where it can without a screen, else matplotlib, which always works.",
        ),
    ] = _DEFAULT.renderer,
    json: Json = False,
) -> None:
    """Make a video of a rollout: the simulated body with its muscles, and the reference it should follow.

    A run is rolled out first where its folder holds no rollouts.

    Example: `mimic render run --out video.mp4`
    """
    settings = _settings(
        "render", speed=speed, fps=fps, width=width, height=height, camera=camera, beside=beside, renderer=renderer
    )
    plugins = load_plugins()
    with working(plugins):
        from mimic_playback import render as making

        summary = making.render(plugins, run, out=out, clip=clip, settings=settings)
    split, of = summary["split"].replace("_", "-"), f"{summary['clip_ms']:.0f} ms at {speed:g} × real time"
    drawn = f"{summary['frames']} pictures drawn by {summary['renderer']} → {summary['out']}"
    emit(summary, json, [f"{summary['clip']} ({split}): {of}, {drawn}"])


def view(
    run: Source,
    clip: Clip = None,
    speed: Speed = _DEFAULT.speed,
    camera: Camera = _DEFAULT.camera,
    beside: Beside = _DEFAULT.beside,
    json: Json = False,
) -> None:
    """Show rollouts in a window, over and over: the simulated body with its muscles, and the reference.

    Space pauses, left and right go one control step, up and down to the previous and next clip. It needs a screen.

    Example: `mimic view run`
    """
    from mimic_playback import viewer

    settings = _settings("view", speed=speed, camera=camera, beside=beside)
    viewer.check_screen()
    plugins = load_plugins()
    with working(plugins):
        from mimic_playback.source import open_recording

        recording = open_recording(plugins, run, clip)
    shown = viewer.view(recording, settings)
    emit({"rollouts": recording.source, "clips": shown}, json)


def _settings(command: str, **given: Any) -> Playback:
    from mimic_core import structure

    return structure(given, Playback, command)
