"""``mimic generate``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mimic_core.cli.common import Json, Seed, Set, emit, load_plugins, settings, working


def generate(
    body: Annotated[
        str, typer.Option(metavar="NAME[:VARIANT]|FILE", help="The body that moves, or the file that describes it.")
    ],
    out: Annotated[Path, typer.Option(help="Where the keypoints go (.h5).")],
    source: Annotated[str | None, typer.Option(help="The maker of movements; default: the default one.")] = None,
    seed: Seed = 0,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Make synthetic keypoints, to try the chain without a recording.

    Example: `mimic generate --body mouse_forelimb --out keypoints.h5`
    """
    from mimic_core.chain import stages

    given = settings(set_, "generate")
    body_settings = given.pop("body", {})
    plugins = load_plugins()
    with working(plugins):
        summary = stages.generate(
            plugins, body=body, out=out, body_settings=body_settings, source=source, settings=given, seed=seed
        )
    emit(
        summary,
        json,
        [
            f"{summary['clips']} synthetic clips, {summary['frames']} frames at {summary['rate_hz']:g} Hz "
            f"→ {summary['out']}"
        ],
    )
