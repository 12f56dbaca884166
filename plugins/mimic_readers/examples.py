"""Small synthetic files of formats that say their rate, for `mimic plugins check`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mimic_core import Keypoints, write_text

NAMES, RATE_HZ, FRAMES = ("shoulder", "elbow", "hand"), 200.0, 12


def movement() -> np.ndarray:
    """(frame, keypoint, xyz) m: a hand that circles about an elbow at rest."""
    turn = np.linspace(0.0, np.pi, FRAMES)
    out = np.zeros((FRAMES, len(NAMES), 3))
    out[:, 1, 0] = 0.01
    out[:, 2] = out[:, 1] + 0.01 * np.stack([np.cos(turn), np.zeros(FRAMES), np.sin(turn)], axis=1)
    return out


def mimic(folder: Path) -> Path:
    """A file as ``mimic generate`` writes it."""
    clip = Keypoints.from_clips([movement()], names=NAMES, rate_hz=RATE_HZ, clip_names=["turn"], origin="synthetic")
    return clip.save(folder / "turn.h5")


def wide_csv(folder: Path) -> Path:
    """A table with a row for each frame; s and m."""
    heads = ["time", *(f"{name}_{axis}" for name in NAMES for axis in "xyz")]
    rows = np.column_stack([np.arange(FRAMES) / RATE_HZ, movement().reshape(FRAMES, -1)])
    return _written(folder / "turn.csv", [",".join(heads), *(",".join(map(repr, row)) for row in rows.tolist())])


def trc(folder: Path) -> Path:
    """Marker trajectories in mm."""
    stated = {"DataRate": RATE_HZ, "CameraRate": RATE_HZ, "NumFrames": FRAMES, "NumMarkers": len(NAMES), "Units": "mm"}
    rows = np.column_stack([np.arange(FRAMES) / RATE_HZ, 1e3 * movement().reshape(FRAMES, -1)])
    lines = [
        "PathFileType\t4\t(X/Y/Z)\tturn.trc",
        "\t".join(stated),
        "\t".join(map(str, stated.values())),
        "Frame#\tTime\t" + "\t\t\t".join(NAMES),
        "\t\t" + "\t".join(f"{axis}{i}" for i in range(1, len(NAMES) + 1) for axis in "XYZ"),
        "",
        *(f"{i}\t" + "\t".join(map(repr, row)) for i, row in enumerate(rows.tolist(), 1)),
    ]
    return _written(folder / "turn.trc", lines)


def sto(folder: Path) -> Path:
    """Marker locations as OpenSim writes them; s and m."""
    heads = ["time", *(f"{name}_t{axis}" for name in NAMES for axis in "xyz")]
    rows = np.column_stack([np.arange(FRAMES) / RATE_HZ, movement().reshape(FRAMES, -1)])
    said = [
        "ModelMarkerLocations",
        "version=1",
        f"nRows={FRAMES}",
        f"nColumns={len(heads)}",
        "inDegrees=no",
        "endheader",
    ]
    return _written(folder / "turn.sto", [*said, "\t".join(heads), *("\t".join(map(repr, r)) for r in rows.tolist())])


def _written(path: Path, lines: list[str]) -> Path:
    write_text(path, "\n".join(lines) + "\n")
    return path
