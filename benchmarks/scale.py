"""What many clips and long recordings cost: seconds and memory of each command, at a quarter, a half and all of them.

    python benchmarks/scale.py [--only recording clips] [--commands register rollout analyze] [--out FILE.json]

- recording: `mimic register` on one recording of 100,000 frames (500 s at 200 Hz).
- clips: `mimic register` on 1,000 clips of 300 frames; `mimic rollout` and `mimic analyze tracking` on these clips,
  with a hardly trained network of the paper's size.

The keypoints are those of the mouse's forelimb, moved through its joints' ranges by smooth random courses and seen by
a camera with noise and gaps. Each command is a process of its own: its time on the wall and its largest resident memory
are the kernel's. ``growth`` says how the cost rises with what there is to do: the exponent of time between the two
largest shares, 1 if linear, and below 1 where a fixed part remains.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MIMIC = [sys.executable, "-m", "mimic_core.cli"]
SHARES = (0.25, 0.5, 1.0)
BODY, RATE_HZ, FASTEST_HZ = "mouse_forelimb", 200.0, 4.0
RECORDING, CLIPS, FRAMES = 100_000, 1000, 300
LIMITS = {"register": (60.0, 1024.0), "rollout": (None, 2048.0), "analyze": (None, 2048.0)}
"""command → seconds and MiB that it may take"""
NETWORK = ["policy.environments=64", "policy.batch_size=64", "policy.unroll=5", "policy.steps=320"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["recording", "clips"], choices=("recording", "clips"))
    parser.add_argument("--commands", nargs="+", default=list(LIMITS), choices=list(LIMITS))
    parser.add_argument("--share", type=float, default=1.0, help="of the frames and clips, for a try")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="mimic-scale-") as name:
        for what in given.only:
            for share in SHARES:
                of = {"recording": recording, "clips": clips}[what]
                for row in of(Path(name), share * given.share, given.commands):
                    rows.append(row)
                    print(json.dumps(row), flush=True)
    found = {"machine": machine(), "rows": rows, "growth": growth(rows), "beyond": beyond(rows)}
    print(json.dumps({k: found[k] for k in ("growth", "beyond")}, indent=2))
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {"processor": platform.machine(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}


def recording(folder: Path, share: float, commands: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Register one recording."""
    frames = round(RECORDING * share)
    keypoints(folder / "recording.h5", 1, frames)
    yield measured("recording", "register", registering(folder, "recording"), 1, frames)


def clips(folder: Path, share: float, commands: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Register clips, roll a network out on them, and analyse the rollouts."""
    count = round(CLIPS * share)
    keypoints(folder / "many.h5", count, FRAMES)
    yield measured("clips", "register", registering(folder, "many"), count, FRAMES)
    if set(commands) == {"register"}:
        return
    run, registered, rollouts = folder / "run", folder / "many_clips.h5", folder / "rollouts.h5"
    if not run.exists():
        keypoints(folder / "few.h5", 8, FRAMES)
        for command in (registering(folder, "few"), _training(folder / "few_clips.h5", run)):
            subprocess.run([*MIMIC, *command], check=True, capture_output=True)
    rolling = ["rollout", str(run), "--clips", str(registered), "--out", str(rollouts)]
    yield {**measured("clips", "rollout", rolling, count, FRAMES), "file_mib": round(rollouts.stat().st_size / 2**20)}
    if "analyze" not in commands:
        return
    analysing = ["analyze", "tracking", str(rollouts), "--out", str(folder / f"tracking{count}")]
    yield measured("clips", "analyze", analysing, count, FRAMES)


def _training(clips: Path, out: Path) -> list[str]:
    settings = [word for setting in NETWORK for word in ("--set", setting)]
    return ["train", str(clips), "--out", str(out), "--policy", "bottleneck_ppo", *settings]


def registering(folder: Path, stem: str) -> list[str]:
    """Words of the command that registers ``stem``.h5."""
    return ["register", str(folder / f"{stem}.h5"), "--body", BODY, "--out", str(folder / f"{stem}_clips.h5")]


def measured(what: str, name: str, words: list[str], count: int, frames: int) -> dict[str, Any]:
    """Run a command; return its time and memory.

    Raises:
        RuntimeError: it fails.
    """
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen([*MIMIC, *words], stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(words)}: {said.read().decode()[-2000:]}")
    return {
        "what": what,
        "command": name,
        "clips": count,
        "frames": count * frames,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
    }


def growth(rows: list[dict[str, Any]]) -> dict[str, float]:
    """What and command → exponent of the processor's seconds between the two largest sizes."""
    out = {}
    for key in dict.fromkeys((row["what"], row["command"]) for row in rows):
        *_, less, most = [row for row in rows if (row["what"], row["command"]) == key]
        steeper = math.log(most["cpu_seconds"] / less["cpu_seconds"]) / math.log(most["frames"] / less["frames"])
        out[" ".join(reversed(key))] = round(steeper, 2)
    return out


def beyond(rows: list[dict[str, Any]]) -> list[str]:
    """What took more than it may."""
    out = []
    for row in rows:
        for key, limit in zip(("seconds", "peak_mib"), LIMITS[row["command"]], strict=True):
            if limit is not None and row[key] > limit:
                out.append(
                    f"{row['command']} {row['what']}, {row['frames']:,} frames: {key} {row[key]:,} > {limit:,.0f}"
                )
    return out


def keypoints(path: Path, count: int, frames: int) -> None:
    """Write keypoints of ``count`` clips, seen by a camera."""
    from mimic_core import BodyModel
    from mimic_core.chain import installed, make_body
    from mimic_synthetic.camera import record
    from mimic_synthetic.settings import Camera

    model = BodyModel.compile(make_body(installed(), BODY, {}))
    rng = np.random.default_rng((count, frames))
    joints = courses(rng, model.joint_range, count * frames).reshape(count, frames, -1)
    camera = Camera(clips=count, frames=frames, rate_hz=RATE_HZ)
    record(camera, model, sites(model, joints), rng).save(path)


def courses(rng: np.random.Generator, limits: np.ndarray, frames: int) -> np.ndarray:
    """(frame, joint) smooth random courses that fill the middle nine tenths of the joints' ranges."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.special import ndtr

    smooth = gaussian_filter1d(
        rng.normal(size=(frames, len(limits))), RATE_HZ / (2 * np.pi * FASTEST_HZ / 2), axis=0, mode="wrap"
    )
    share = 0.05 + 0.9 * ndtr(smooth / smooth.std(0))
    return limits[:, 0] + share * (limits[:, 1] - limits[:, 0])


def sites(model: Any, joints: np.ndarray) -> np.ndarray:
    """(clip, frame, keypoint, 3) keypoints of joint angles (clip, frame, joint)."""
    from mimic_synthetic.camera import kinematics

    qpos = np.tile(model.mj_model.qpos0, (*joints.shape[:-1], 1))
    qpos[..., model.joint_qposadr] = joints
    return kinematics(model, qpos, model.mj_model.site_pos[model.keypoint_site_ids])


if __name__ == "__main__":
    main()
