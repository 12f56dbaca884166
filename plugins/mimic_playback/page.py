"""Pictures of a rollout with what a reader needs: clip, time, legend, colour bar and a scale."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mimic_drawing import activation_map
from mimic_playback.camera import MARGINS
from mimic_playback.scene import BACKGROUND, BODY, GHOST, KEYPOINT_COLOURS, Scene
from mimic_playback.settings import Playback

_DPI = 128  # a power of two, so that pixels / dpi * dpi gives the same pixels
_NAME_LENGTH = 60  # letters of a clip's name that fit beside the time
_SCALE_SHARE = 0.2  # of the picture's width that the scale bar may take


class Painter(Protocol):
    """Draws a scene on axes that span its view, in metres across and up."""

    def draw(self, axes: Axes) -> None: ...

    def close(self) -> None: ...


class Page:
    """Makes the pictures of one clip."""

    def __init__(self, scene: Scene, painter: Painter, settings: Playback) -> None:
        self._scene, self._painter = scene, painter
        self._figure = Figure((settings.width / _DPI, settings.height / _DPI), dpi=_DPI, facecolor=BACKGROUND)
        self._canvas = FigureCanvasAgg(self._figure)
        self._letters = 11.0 * min(settings.width / 960, settings.height / 720)  # points
        self._axes = self._full_axes()
        self._caption(settings.speed)
        self._legend()
        self._scale_bar()
        if len(scene.muscles):
            self._colour_bar()

    def picture(self, step: int) -> np.ndarray:
        """(height, width, 3) at one control step, 0 to 255."""
        self._scene.show(self._scene.clip, step)
        self._painter.draw(self._axes)
        self._time.set_text(f"{self._scene.time_ms:.1f} ms")
        self._canvas.draw()
        return np.array(np.asarray(self._canvas.buffer_rgba())[..., :3])

    def _full_axes(self) -> Axes:
        view = self._scene.view
        axes = self._figure.add_axes((0, 0, 1, 1))
        axes.set(
            xlim=np.array([-0.5, 0.5]) * view.height * view.aspect,
            ylim=np.array([-0.5, 0.5]) * view.height,
            autoscale_on=False,
        )
        axes.axis("off")
        return axes

    def _caption(self, speed: float) -> None:
        s = self._scene
        name, split = s.rollouts.clip_names[s.clip], s.rollouts.split[s.clip].replace("_", "-")
        x, big = MARGINS["left"] / 2, self._letters
        self._figure.text(x, 0.965, _short(name), fontsize=big, fontweight="bold", va="top")
        self._figure.text(x, 0.92, f"{split} clip, {speed:g} × real time", fontsize=0.9 * big, va="top")
        self._time = self._figure.text(1 - x, 0.965, "", fontsize=1.3 * big, ha="right", va="top")

    def _legend(self) -> None:
        handles = [
            Patch(facecolor=BODY, edgecolor="0.3", linewidth=0.5, label="simulated body"),
            Patch(facecolor=GHOST, edgecolor="0.3", linewidth=0.5, label="reference"),
            *(
                Line2D(*([], []), linestyle="", marker="o", markersize=size * self._letters, color=colour, label=label)
                for label, colour, size in zip(
                    ("keypoint of the body", "tracked keypoint"), KEYPOINT_COLOURS.values(), (0.7, 0.45), strict=True
                )
            ),
        ]
        self._figure.legend(
            handles=handles,
            loc="lower center",
            bbox_to_anchor=(0.5, 0.01),
            ncols=len(handles),
            frameon=False,
            fontsize=0.85 * self._letters,
            columnspacing=1.4,
            handletextpad=0.6,
        )

    def _scale_bar(self) -> None:
        """A bar of a round number of millimetres of the animal."""
        view, mm = self._scene.view, 1e3 * self._scene.scale
        width = view.height * view.aspect
        length = round_length(_SCALE_SHARE * width * mm)
        right, up = width * (0.5 - MARGINS["left"] / 2), view.height * (MARGINS["bottom"] - 0.055 - 0.5)
        self._axes.plot([right - length / mm, right], [up, up], color="black", linewidth=0.2 * self._letters)
        self._axes.annotate(
            f"{length:g} mm",
            (right - length / mm / 2, up),
            xytext=(0, 0.3 * self._letters),
            textcoords="offset points",
            ha="center",
            fontsize=0.85 * self._letters,
        )

    def _colour_bar(self) -> None:
        bar, letters = self._figure.add_axes((0.9, 0.32, 0.018, 0.42)), self._letters
        drawn = self._figure.colorbar(ScalarMappable(cmap=activation_map()), cax=bar, ticks=[0, 0.5, 1])
        drawn.set_label("muscle activation", fontsize=0.9 * letters, labelpad=0.3 * letters)
        drawn.ax.tick_params(labelsize=0.85 * letters, length=0.3 * letters, pad=0.3 * letters, width=0.07 * letters)
        drawn.outline.set_linewidth(0.05 * letters)


def round_length(most: float) -> float:
    """The largest of 1, 2, 5, 10, 20, … (and 0.5, 0.2, …) that is no more than ``most``."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(m * power for m in (1, 2, 5) if m * power <= most * (1 + 1e-9)))


def _short(name: str) -> str:
    half = _NAME_LENGTH // 2
    return name if len(name) <= _NAME_LENGTH else f"{name[: half - 1]}…{name[-half:]}"
