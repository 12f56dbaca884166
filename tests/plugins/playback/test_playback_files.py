"""Playback: what is found to play, the files that come of it, and the window."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import attrs
import mujoco
import numpy as np
import pytest
from fake_plugins import mimic
from PIL import Image
from playback_cases import SMALL, rollouts_of, toy_recording

from mimic_core import ConfigError, DataError, ReferenceClips
from mimic_core.config import structure
from mimic_core.records import Training
from mimic_playback import opengl, source, video, viewer
from mimic_playback.render import render
from mimic_playback.scene import Scene
from mimic_playback.settings import Playback
from mimic_playback.source import find_clip, only, open_recording
from mimic_playback.viewer import DOWN, LEFT, RIGHT, SPACE, UP, Player


@pytest.fixture(scope="module")
def toy(plugins, toy_model, toy_clips):
    return toy_recording(plugins, toy_model, toy_clips)


@pytest.fixture(scope="module")
def file(toy, tmp_path_factory):
    return toy.rollouts.save(tmp_path_factory.mktemp("rollouts") / "rollouts.h5")


# -- sources --------------------------------------------------------------------------------------------------


def test_begins_with_the_held_out_clip_of_median_error(toy):
    error = np.zeros_like(toy.rollouts.error_mm)
    moving = toy.rollouts.keypoint_names.index("hand")
    error[..., moving] = np.array([2.0, 9.0, 1.0, 3.0, 4.0, 5.0])[:, None]
    error[..., toy.rollouts.keypoint_names.index("shoulder")] = np.arange(6.0)[:, None] * 100
    error[4, 10:] = np.nan
    n_steps = np.where(np.arange(6) == 4, 10, toy.rollouts.n_steps)
    r = attrs.evolve(toy.rollouts, error_mm=error, n_steps=n_steps, fixed_keypoints=("shoulder",))
    assert r.median_clip() == 4  # of 9, 1, 3, 4 and 5
    assert attrs.evolve(r, split=("train",) * 6).median_clip() == 3  # of all; of six the lower middle one


def test_a_clip_is_found_by_its_name_or_by_a_part_of_it():
    names = ("day1_trial1", "day1_trial10", "day1_trial2")
    assert find_clip("day1_trial1", names, "r.h5") == "day1_trial1"
    assert find_clip("trial2", names, "r.h5") == "day1_trial2"
    with pytest.raises(DataError, match=r"r.h5: 2 clips have 'trial1' in their name: day1_trial1, day1_trial10; give"):
        find_clip("trial1", names, "r.h5")
    with pytest.raises(DataError, match=r"r.h5: no clip 'day1_trail2'; did you mean day1_trial2"):
        find_clip("day1_trail2", names, "r.h5")


def test_the_newest_rollouts_of_a_folder_are_played(plugins, toy, file, tmp_path):
    toy.rollouts.save(tmp_path / "new.h5")
    attrs.evolve(toy.rollouts, rate_hz=100.0).save(tmp_path / "newer.h5")
    (tmp_path / "newest.h5").write_text("no rollouts")
    for seconds, name in enumerate(("new.h5", "newer.h5", "newest.h5")):
        os.utime(tmp_path / name, (1e9 + seconds, 1e9 + seconds))
    recording = open_recording(plugins, tmp_path, "clip_5")
    assert recording.source == str(tmp_path / "newer.h5")
    assert (recording.rollouts.rate_hz, recording.clip) == (100.0, 5)
    assert recording.model.actuator_names == toy.model.actuator_names


def test_only_keeps_the_clips_that_are_named(toy_clips):
    few = only(toy_clips, ["clip_5", "clip_1"])
    assert few.clip_names == ("clip_5", "clip_1")
    assert few.n_frames.tolist() == [50, 40]
    np.testing.assert_array_equal(few.site_pos, toy_clips.site_pos[[5, 1]])


def test_a_run_is_rolled_out_on_the_clips_that_are_needed(plugins, toy, toy_clips, tmp_path, monkeypatch):
    """Of a run folder without rollouts; the trained run is a stand-in that keeps note of its clips."""
    asked = []
    clips = {"train_clips": ("clip_0", "clip_1", "clip_2"), "held_out_clips": ("clip_3", "clip_4", "clip_5")}
    of_run = attrs.evolve(toy.rollouts.training, **clips)

    @attrs.frozen
    class Run:
        folder: Path
        clips: ReferenceClips = toy_clips
        training: Training = of_run

        def on(self, clips):
            asked.append((self.folder, clips.clip_names))
            return attrs.evolve(self, clips=clips)

        def roll_out(self):
            return rollouts_of(plugins, toy.model, self.clips)

    run = tmp_path / "train"
    run.mkdir()
    monkeypatch.setattr(source, "TrainedRun", SimpleNamespace(open=lambda folder, _: Run(folder)))
    open_recording(plugins, tmp_path, None)
    recording = open_recording(plugins, tmp_path, "_1")
    assert asked == [(run, ("clip_3", "clip_4", "clip_5")), (run, ("clip_1",))]
    assert recording.rollouts.clip_names == ("clip_1",)


SAID = {
    "ending": ({"out": "a.mov"}, r"a.mov: cannot write '.mov'; give a name that ends in .mp4 or .gif"),
    "full folder": ({"out": "."}, r"exists already; a folder of png files must be new or empty"),
    "clip": ({"clip": "clp_2"}, r"rollouts.h5: no clip 'clp_2'; did you mean clip_2"),
    "renderer": ({"renderer": "cgl"}, r"renderer cgl: does not work here \(.*\); 'mimic info' lists those that do"),
}


@pytest.mark.parametrize("case", SAID)
def test_bad_input_is_one_line(plugins, file, tmp_path, case):
    if case == "renderer" and sys.platform == "darwin":
        pytest.skip("cgl works on macOS")
    (tmp_path / "kept.txt").write_text("kept")
    given, said = SAID[case]
    given = {"out": "a.gif", "clip": None, "renderer": "matplotlib", **given}
    with pytest.raises((ConfigError, DataError), match=said) as e:
        render(
            plugins,
            file,
            out=tmp_path / given["out"],
            clip=given["clip"],
            settings=Playback(renderer=given["renderer"], **SMALL),
        )
    assert "\n" not in str(e.value)
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_mp4_without_ffmpeg_says_how_to_get_it(plugins, file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ConfigError, match=r"pip install 'mimic-neuro\[video\]', or give a .gif or a folder"):
        made(plugins, file, tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: {"training": None}, "does not say which body made it; make it again with 'mimic rollout'"),
        (lambda r: {"ref_qpos": None}, "has no reference poses"),
        (lambda r: {"keypoint_names": ("a", "b", "c")}, r"its keypoints are \('a', 'b', 'c'\), but its body has"),
    ],
)
def test_rollouts_that_cannot_be_played_say_why(plugins, toy, tmp_path, change, said):
    path = attrs.evolve(toy.rollouts, **change(toy.rollouts)).save(tmp_path / "r.h5")
    with pytest.raises(DataError, match=rf"r.h5: .*{said}"):
        open_recording(plugins, path, None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"camera": "side"}, r"render.camera: must be auto, or azimuth and elevation in degrees such as 90,-15"),
        ({"camera": "10,95"}, r"render.camera: must have an azimuth within"),
        ({"speed": 0}, r"render.speed: must be > 0, got 0"),
        ({"renderer": "agg"}, r"render.renderer: must be one of 'auto'"),
        ({"width": 10}, r"render.width: must be >= 240, got 10"),
    ],
)
def test_settings_are_checked(given, said):
    with pytest.raises(ConfigError, match=said):
        structure(given, Playback, "render")


def test_without_opengl_matplotlib_draws(plugins, file, tmp_path, monkeypatch):
    monkeypatch.setattr(opengl, "renders", lambda backend: False)
    settings = Playback(speed=1.0, fps=10, **SMALL)
    summary = render(plugins, file, out=tmp_path / "a.gif", clip=None, settings=settings)
    assert summary["renderer"] == "matplotlib"


def test_command_line(file, tmp_path):
    """An azimuth below 0 is no option."""
    done = mimic(
        *("render", file, "--out", "a.gif", "--renderer", "matplotlib", "--speed", "1", "--camera", "-90,-10"),
        *("--width", "320", "--height", "240", "--clip", "clip_3", "--json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["clip"], summary["camera_deg"], summary["frames"]) == ("clip_3", [-90, -10], 5)
    assert Image.open(tmp_path / summary["out"]).n_frames == 5


# -- files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_steps", "speed", "fps", "shown"),
    [
        (5, 0.1, 20, [0, 2, 4]),  # 10 ms take 100 ms: pictures at 0, 50 and 100 ms
        (5, 0.05, 20, [0, 1, 2, 3, 4]),
        (5, 0.03, 20, [0, 1, 1, 2, 2, 3, 4]),  # 0.6 control steps a picture
        (5, 1.0, 25, [0]),
        (1, 0.1, 25, [0]),
    ],
)
def test_frames_show_the_instants_that_speed_and_rate_say(n_steps, speed, fps, shown):
    assert video.frame_steps(n_steps, 400.0, speed, fps).tolist() == shown


def test_a_gif_counts_in_hundredths_of_a_second(tmp_path):
    assert [video.playable_fps(tmp_path / "a.gif", f) for f in (25, 30, 240)] == [25, pytest.approx(100 / 3), 50]
    assert video.playable_fps(tmp_path / "a.mp4", 30) == 30


def made(plugins, file, out, **settings):
    return render(plugins, file, out=out, clip=None, settings=Playback(renderer="matplotlib", **SMALL, **settings))


def test_mp4_plays(plugins, file, tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="no ffmpeg; install the extra 'video'")
    summary = made(plugins, file, tmp_path / "new" / "video.mp4", fps=20, speed=0.25)
    # 40 frames at 200 Hz last 195 ms, 780 ms at this speed: pictures at 0, 50, …, 750 ms
    assert summary["frames"] == 16
    frames = ffmpeg.read_frames(str(tmp_path / "new" / "video.mp4"))
    meta, pictures = next(frames), list(frames)
    assert (meta["size"], meta["fps"], meta["codec"]) == ((320, 240), 20, "h264")
    assert "yuv420p" in meta["pix_fmt"]
    assert len(pictures) == 16 and meta["duration"] == pytest.approx(16 / 20, abs=0.02)
    first, last = (np.frombuffer(p, np.uint8).reshape(240, 320, 3).astype(int) for p in (pictures[0], pictures[-1]))
    assert np.abs(first - last).max() > 60


def test_gif_plays_for_ever(plugins, file, tmp_path):
    summary = made(plugins, file, tmp_path / "video.gif", fps=30, speed=0.5)
    assert summary["fps"] == pytest.approx(100 / 3)
    with Image.open(tmp_path / "video.gif") as image:
        assert (image.n_frames, image.size) == (summary["frames"], (320, 240)) == (14, (320, 240))
        assert (image.info["duration"], image.info["loop"]) == (30, 0)


def test_folder_of_pictures(plugins, file, tmp_path):
    (tmp_path / "frames").mkdir()
    summary = made(plugins, file, tmp_path / "frames", speed=0.5, fps=10)
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == [
        f"frame_{i:05d}.png" for i in range(summary["frames"])
    ]
    assert Image.open(tmp_path / "frames" / "frame_00001.png").size == (320, 240)
    assert [p.name for p in tmp_path.iterdir()] == ["frames"]


@pytest.mark.parametrize("name", ["old.mp4", "old.gif", "frames"])
def test_a_failure_leaves_what_was_there(name, tmp_path):
    if name.endswith("mp4"):
        pytest.importorskip("imageio_ffmpeg", reason="no ffmpeg; install the extra 'video'")
    out = tmp_path / name
    if out.suffix:
        out.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), video.open_video(out, (320, 240), 25.0) as write:
        write(np.zeros((240, 320, 3), np.uint8))
        raise ZeroDivisionError
    assert [p.name for p in tmp_path.iterdir()] == ([name] if out.suffix else [])
    assert not out.suffix or out.read_bytes() == b"old"


def test_odd_sizes_are_rounded_up_for_mp4():
    assert (Playback(width=641).width, Playback(height=481).height, Playback(width=640).width) == (642, 482, 640)


# -- window ---------------------------------------------------------------------------------------------------


def test_time_passes_at_the_speed_and_a_clip_begins_again():
    player = Player(np.array([40, 10]), 0, rate_hz=400.0, speed=0.1)
    player.advance(0.5)
    assert player.step == 20
    player.advance(0.6)
    assert player.step == 4


def test_keys_pause_step_and_change_the_clip():
    player = Player(np.array([40, 10]), 0, rate_hz=400.0, speed=0.1)
    player.press(SPACE)
    player.advance(1.0)
    assert (player.playing, player.step) == (False, 0)
    player.press(LEFT)
    assert player.step == 39
    player.press(RIGHT)
    assert player.step == 0
    player.press(SPACE)
    player.press(RIGHT)
    assert not player.playing
    player.press(DOWN)
    assert (player.clip, player.step) == (1, 0)
    player.press(LEFT)
    assert player.step == 9
    player.press(DOWN)
    player.press(UP)
    assert player.clip == 1
    player.press(ord("Q"))
    assert (player.clip, player.step) == (1, 0)


class Window:
    """Stands for MuJoCo's window: closes after a few pictures; keys are pressed before some of them."""

    def __init__(self, scene: Scene, player: Player, keys: dict[int, int], pictures: int) -> None:
        self.user_scn = mujoco.MjvScene(scene.model, maxgeom=100)
        self._scene, self._player, self._keys, self._left = scene, player, keys, pictures
        self.seen: list[tuple[int, int, int]] = []
        self.texts: list = []

    def is_running(self) -> bool:
        if key := self._keys.get(len(self.seen)):
            self._player.press(key)
        self._left -= 1
        return self._left >= 0

    def lock(self):
        return contextlib.nullcontext()

    def set_texts(self, texts) -> None:
        self.texts = texts

    def sync(self) -> None:
        self.seen.append((self._scene.clip, self._scene.step, self.user_scn.ngeom))


def test_window_follows_the_player(toy):
    scene = Scene(toy, Playback())
    player = Player(toy.rollouts.n_steps, 2, toy.rollouts.rate_hz, speed=1.0)
    window = Window(scene, player, {1: SPACE, 2: RIGHT, 3: DOWN, 4: LEFT}, pictures=5)
    player._at = 5.0
    assert viewer.play(window, scene, player, 1.0) == ["clip_2", "clip_3"]
    clips, steps, geoms = zip(*window.seen, strict=True)
    assert clips == (2, 2, 2, 3, 3)
    assert steps[2] == steps[1] + 1 and steps[3:] == (0, 39)
    assert set(geoms) == {8}  # nothing is left over from the picture before
    assert window.texts[0][2:] == ("clip_3 (held-out)", "195.0 ms, 1 x real time")


def test_without_a_screen_render_is_named(monkeypatch):
    import glfw

    monkeypatch.setattr(glfw, "init", lambda: False)
    with pytest.raises(ConfigError, match=r"view: there is no screen here .*; make a video instead: mimic render RUN"):
        viewer.check_screen()


def test_a_window_that_cannot_open_is_one_line(toy, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("`launch_passive` requires that the Python script be run under `mjpython` on macOS")

    monkeypatch.setitem(sys.modules, "mujoco.viewer", SimpleNamespace(launch_passive=refuse))
    monkeypatch.setattr(mujoco, "viewer", sys.modules["mujoco.viewer"], raising=False)
    with pytest.raises(ConfigError, match=r"start it with: mjpython -m mimic_core.cli view RUN"):
        viewer.view(toy, Playback())
