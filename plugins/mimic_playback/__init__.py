"""Playback: ``mimic render`` makes a video of a rollout beside its reference, ``mimic view`` shows it in a window.

``mimic body`` shows what a body has.
"""

from __future__ import annotations

from mimic_core import CommandSpec, hookimpl


@hookimpl
def mimic_commands():
    from mimic_playback.body_command import body
    from mimic_playback.commands import render, view

    yield CommandSpec(
        name="body",
        function=body,
        summary="Build a body and show its joints, keypoints and muscles, to see whether they are what you meant; its "
        "settings are given with `--set body.KEY=VALUE`. Example: `mimic body my_animal.toml --out my_animal.png`",
    )
    yield CommandSpec(
        name="render",
        function=render,
        summary="Make a video of a rollout and the reference it should follow. "
        "Example: `mimic render run --out reach.gif`",
    )
    yield CommandSpec(
        name="view",
        function=view,
        summary="Show rollouts in a window: space pauses, left and right go one control step, up and down one clip. "
        "Example: `mimic view run`",
    )
