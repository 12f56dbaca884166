"""Writing pictures: an mp4, a gif, or a folder of png files, there only once it is complete."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mimic_core import ConfigError, DataError, atomic_path, check_output
from mimic_guard.temporary import beside

Write = Callable[[np.ndarray], None]
"""Takes one picture (height, width, 3), 0 to 255."""

_NO_FFMPEG = "{}: mp4 needs ffmpeg; install it with pip install 'mimic-neuro[video]', or give a .gif or a folder"


def check_video(out: Path) -> None:
    """Find out before the work whether a video can be written.

    Raises:
        ConfigError: an ending that is not known, or no ffmpeg for an mp4.
        DataError: the place cannot be written to, or is a folder that holds something.
    """
    suffix = out.suffix.lower()
    if suffix not in ("", ".mp4", ".gif"):
        raise ConfigError(f"{out}: cannot write {suffix!r}; give a name that ends in .mp4 or .gif, or a folder for png")
    if suffix == ".mp4":
        _ffmpeg(out)
    if suffix:
        check_output(out)
    elif out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise DataError(f"{out}: exists already; a folder of png files must be new or empty")
    else:
        check_output(out / "frame.png")


def playable_fps(out: Path, fps: float) -> float:
    """The frame rate nearest to ``fps`` that the file can hold: a gif counts in hundredths of a second."""
    return 100.0 / max(2, round(100.0 / fps)) if out.suffix.lower() == ".gif" else fps


def frame_steps(n_steps: int, rate_hz: float, speed: float, fps: float) -> np.ndarray:
    """(frame,) the control step that each frame of a video shows."""
    seconds = (n_steps - 1) / rate_hz / speed
    times = np.arange(int(seconds * fps + 1e-9) + 1) / fps
    return np.minimum(np.round(times * speed * rate_hz).astype(int), n_steps - 1)


@contextlib.contextmanager
def open_video(out: Path, size: tuple[int, int], fps: float) -> Iterator[Write]:
    """Yield a function that takes the pictures, in order, each of ``size`` (width, height) pixels."""
    suffix = out.suffix.lower()
    if not suffix:
        with _folder(out) as write:
            yield write
        return
    with atomic_path(out) as tmp, (_mp4 if suffix == ".mp4" else _gif)(tmp, size, fps) as write:
        yield write


def _ffmpeg(out: Path):
    try:
        import imageio_ffmpeg

        imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as e:
        raise ConfigError(_NO_FFMPEG.format(out)) from e
    return imageio_ffmpeg


@contextlib.contextmanager
def _mp4(path: Path, size: tuple[int, int], fps: float) -> Iterator[Write]:
    # sizes are even already, and this order of colours is the one that all players know
    sink = _ffmpeg(path).write_frames(
        str(path), size, fps=fps, codec="libx264", pix_fmt_out="yuv420p", macro_block_size=1, quality=8
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)  # of jax; the child becomes ffmpeg at once
        sink.send(None)
    try:
        yield lambda picture: sink.send(np.ascontiguousarray(picture).tobytes())
    except OSError as e:
        raise DataError(f"{path.parent}: ffmpeg cannot write the video there; is the disk full?") from e
    finally:
        sink.close()


@contextlib.contextmanager
def _gif(path: Path, size: tuple[int, int], fps: float) -> Iterator[Write]:
    pictures: list[Image.Image] = []
    # 256 colours each, and no grain that would flicker
    yield lambda p: pictures.append(Image.fromarray(p).quantize(256, dither=Image.Dither.NONE))
    first, *rest = pictures
    first.save(path, save_all=True, append_images=rest, duration=round(1000 / fps), loop=0)


@contextlib.contextmanager
def _folder(out: Path) -> Iterator[Write]:
    out.parent.mkdir(parents=True, exist_ok=True)
    written = 0

    def write(picture: np.ndarray) -> None:
        nonlocal written
        Image.fromarray(picture).save(tmp / f"frame_{written:05d}.png")
        written += 1

    with beside(out, folder=True) as tmp:
        yield write
        if out.is_dir():
            out.rmdir()  # empty, as was checked
        tmp.replace(out)
