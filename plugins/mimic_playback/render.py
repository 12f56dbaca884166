"""Making a video of a rollout."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from mimic_core import Plugins, unstructure
from mimic_core.chain import Events
from mimic_playback.opengl import OpenGL, working_backend
from mimic_playback.outlines import Outlines
from mimic_playback.page import Page, Painter
from mimic_playback.scene import Scene
from mimic_playback.settings import Playback
from mimic_playback.source import open_recording
from mimic_playback.video import check_video, frame_steps, open_video, playable_fps


def render(plugins: Plugins, path: Path, *, out: Path, clip: str | None, settings: Playback) -> dict[str, Any]:
    """Make a video of one clip, see `mimic_playback.source.open_recording` for ``path`` and ``clip``.

    Returns:
        what was made, JSON-able.

    Raises:
        ConfigError, DataError: nothing to play, no such clip or renderer, or a place that cannot be written to.
    """
    check_video(out)
    recording = open_recording(plugins, path, clip)
    r, shown = recording.rollouts, recording.clip
    fps = playable_fps(out, settings.fps)
    steps = frame_steps(int(r.n_steps[shown]), r.rate_hz, settings.speed, fps)
    with Events(plugins, "render", {"out": str(out), **unstructure(settings)}) as events:
        scene = Scene(recording, settings)
        painter, renderer = _painter(scene, settings)
        with contextlib.closing(painter), open_video(out, (settings.width, settings.height), fps) as write:
            page = Page(scene, painter, settings)
            for done, step in enumerate(steps, start=1):
                write(page.picture(int(step)))
                events.progress(done, len(steps))
        return events.finish(
            {
                "out": str(out),
                "rollouts": recording.source,
                "clip": r.clip_names[shown],
                "split": r.split[shown],
                "frames": len(steps),
                "fps": fps,
                "width": settings.width,
                "height": settings.height,
                "clip_ms": 1e3 * int(r.n_steps[shown] - 1) / r.rate_hz,
                "speed": settings.speed,
                "renderer": renderer,
                "camera_deg": [scene.view.azimuth_deg, scene.view.elevation_deg],
            }
        )


def _painter(scene: Scene, settings: Playback) -> tuple[Painter, str]:
    """Who draws, and under which name."""
    size = settings.width, settings.height
    if settings.renderer == "matplotlib":
        return Outlines(scene), "matplotlib"
    if settings.renderer != "auto":
        return OpenGL(scene, settings.renderer, *size), settings.renderer
    found = working_backend(scene, *size)
    return (found, found.backend) if found else (Outlines(scene), "matplotlib")
