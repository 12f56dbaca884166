"""A window that plays rollouts over and over: MuJoCo's viewer, told at each moment what to show."""

from __future__ import annotations

import contextlib
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np

from mimic_core import ConfigError
from mimic_playback.scene import Scene
from mimic_playback.settings import Playback
from mimic_playback.source import Recording

SPACE, RIGHT, LEFT, DOWN, UP = 32, 262, 263, 264, 265  # codes of GLFW
_PICTURES_HZ = 60.0
_CLOSING_S = 5.0
_INSTEAD = "make a video instead: mimic render RUN --out video.mp4"
_LEGEND = {
    "muscles": "activation: blue 0, purple 0.5, orange 1",
    "green": "reference",
    "blue, black dots": "keypoints of the body, tracked keypoints",
    "space": "pause, go on",
    "left, right": "one control step",
    "up, down": "clip before, clip after",
}


class Player:
    """Which clip and control step is shown, as time passes and keys are pressed.

    Attributes:
        lengths: control steps of each clip.
        clip, playing: the clip that is shown, and whether time passes.
    """

    def __init__(self, lengths: np.ndarray, clip: int, rate_hz: float, speed: float) -> None:
        self.lengths, self.clip, self.playing = lengths, clip, True
        self._steps_per_second = rate_hz * speed
        self._at = 0.0  # control steps since the clip's start, with its fraction

    @property
    def step(self) -> int:
        return int(self._at)

    def advance(self, seconds: float) -> None:
        """Let time pass; after its end a clip begins again."""
        if self.playing:
            self._at = (self._at + seconds * self._steps_per_second) % self.lengths[self.clip]

    def press(self, key: int) -> None:
        """Do what a key says; a step stops the playback."""
        if key == SPACE:
            self.playing = not self.playing
        elif key in (LEFT, RIGHT):
            self.playing = False
            self._at = float((self.step + (1 if key == RIGHT else -1)) % self.lengths[self.clip])
        elif key in (UP, DOWN):
            self.clip = (self.clip + (1 if key == DOWN else -1)) % len(self.lengths)
            self._at = 0.0


def check_screen() -> None:
    """Find out before the work whether a window can be opened.

    Raises:
        ConfigError: there is no screen.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import glfw

            works = glfw.init()
        except (ImportError, RuntimeError):
            works = False
    if not works:
        raise ConfigError(f"view: there is no screen here to open a window on; {_INSTEAD}")


def view(recording: Recording, settings: Playback) -> list[str]:
    """Show a recording in a window until it is closed.

    Returns:
        the names of the clips that were shown, in order.

    Raises:
        ConfigError: the window cannot be opened.
    """
    r = recording.rollouts
    scene = Scene(recording, settings)
    player = Player(r.n_steps, recording.clip, r.rate_hz, settings.speed)
    with _window(scene, player) as window:
        return play(window, scene, player, settings.speed)


def play(window: Any, scene: Scene, player: Player, speed: float) -> list[str]:
    """Keep a window of MuJoCo up to date until it is closed; return the names of the clips shown."""
    shown: list[str] = []
    before = time.perf_counter()
    while window.is_running():
        now = time.perf_counter()
        player.advance(now - before)
        before = now
        clip, step = player.clip, player.step
        name = scene.rollouts.clip_names[clip]
        if shown[-1:] != [name]:
            shown.append(name)
        with window.lock():
            # a key may have changed the clip between the two
            scene.show(clip, min(step, int(player.lengths[clip]) - 1))
            window.user_scn.ngeom = 0
            scene.add_to(window.user_scn)
        window.set_texts(_texts(scene, name, speed))
        window.sync()
        time.sleep(max(0.0, 1 / _PICTURES_HZ - (time.perf_counter() - now)))
    return shown


def _texts(scene: Scene, name: str, speed: float) -> list[tuple[int, int, str, str]]:
    font, places = mujoco.mjtFontScale.mjFONTSCALE_150, mujoco.mjtGridPos
    split = scene.rollouts.split[scene.clip].replace("_", "-")
    return [
        (font, places.mjGRID_TOPLEFT, f"{name} ({split})", f"{scene.time_ms:.1f} ms, {speed:g} x real time"),
        (font, places.mjGRID_BOTTOMLEFT, "\n".join(_LEGEND), "\n".join(_LEGEND.values())),
    ]


@contextlib.contextmanager
def _window(scene: Scene, player: Player) -> Iterator[Any]:
    import mujoco.viewer

    others = set(threading.enumerate())
    try:
        window = mujoco.viewer.launch_passive(
            scene.model, scene.body, key_callback=player.press, show_left_ui=False, show_right_ui=False
        )
    except RuntimeError as e:
        # macOS wants windows opened by a program of MuJoCo's own
        hint = "start it with: mjpython -m mimic_core.cli view RUN" if "mjpython" in str(e) else _INSTEAD
        raise ConfigError(f"view: no window can be opened ({' '.join(str(e).split())[:80]}); {hint}") from e
    try:
        with window.lock():
            _aim(window, scene)
        yield window
    finally:
        window.close()
        # a program that ends while its window is still being drawn ends with an error of the screen's
        for thread in set(threading.enumerate()) - others:
            thread.join(timeout=_CLOSING_S)


def _aim(window: Any, scene: Scene) -> None:
    view = scene.view
    window.opt.sitegroup[:] = 0
    window.opt.flags[mujoco.mjtVisFlag.mjVIS_SKIN] = False
    window.cam.lookat[:] = view.centre
    window.cam.azimuth, window.cam.elevation = view.azimuth_deg, view.elevation_deg
    window.cam.distance = view.height / (2 * np.tan(np.deg2rad(scene.model.vis.global_.fovy) / 2))
