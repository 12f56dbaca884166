"""STAC-MJX on the first frames of its own rat recording: errors by keypoint in millimetres of the animal, and seconds.

    PEER-PYTHON benchmarks/stac_mjx_peer.py --repo STAC-MJX --data DATA/rodent --frames 100 --out result.json

Run by a python that has STAC-MJX's requirements (mujoco and mujoco-mjx at most 3.11: from 3.12 on its comparison of
joint types with numpy integers is always false), REPO being a checkout of talmolab/stac-mjx. `registration.py` starts
it and puts its figures beside mimic's.

It runs as its authors ship it: configs/config.yaml and configs/stac of the checkout, the model configuration
stac_model.yaml of DATA, and ``Stac.fit_offsets`` on all the frames, which ends with a pose for each of them.
On a CPU XLA's fusion pass is off, without which compiling its loss alone takes more than ten minutes.

Its keypoints are the recording times MOCAP_SCALE_FACTOR, metres of the animal, and it scales the *model* by
SCALE_FACTOR to the animal's size. Distances between its marker sites and keypoints are therefore the animal's and not
divided by anything; `recorded_mm_per_mm` in the result, which must be 1, says so for this run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

NO_FUSION = "--xla_disable_hlo_passes=fusion"
PACKAGES = ("jax", "jaxlib", "jaxopt", "mujoco", "mujoco-mjx", "numpy")
COMPILING = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)


def load_config(repo: Path, data: Path) -> Any:
    """Return STAC-MJX's own configuration with the model and recording of ``data``."""
    import stac_mjx
    from omegaconf import OmegaConf

    config = stac_mjx.load_configs(repo / "configs")
    config.model = OmegaConf.merge(config.model, OmegaConf.load(data / "stac_model.yaml"))
    config.stac.data_path = "mocap_1000_frames.mat"
    return config


def count_compilation() -> dict[str, float]:
    """Return a dictionary that fills with the seconds JAX spends on tracing and compiling."""
    import jax

    seconds = dict.fromkeys(COMPILING, 0.0)

    def add(event: str, duration: float, **_: Any) -> None:
        if event in seconds:
            seconds[event] += duration

    jax.monitoring.register_event_duration_secs_listener(add)
    return seconds


def errors(sites: np.ndarray, tracked: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Summarise distances between (frame, keypoint, 3) m in millimetres."""
    mm = 1e3 * np.linalg.norm(sites - tracked, axis=-1)
    return {
        "mean": float(mm.mean()),
        "median": float(np.median(mm)),
        "p95": float(np.percentile(mm, 95)),
        "max": float(mm.max()),
        "per_keypoint": dict(zip(names, mm.mean(0).tolist(), strict=True)),
    }


def recorded_ratio(config: Any, data: Path, tracked: np.ndarray, names: list[str]) -> float:
    """Return millimetres of STAC-MJX's keypoints (frame, keypoint, 3) m over those of the recording."""
    import scipy.io

    recorded = scipy.io.loadmat(data / config.stac.data_path)["pred"][: len(tracked)]
    own = recorded[:, :, [list(config.model.KP_NAMES).index(n) for n in names]].swapaxes(1, 2)
    return float(1e3 * np.ptp(tracked) / np.ptp(own))


def fit(repo: Path, data: Path, frames: int) -> dict[str, Any]:
    """Run STAC-MJX and return what it found and how long it took; ``start`` has its imports."""
    began = time.perf_counter()
    import jax
    import stac_mjx
    from omegaconf import OmegaConf
    from stac_mjx.stac import Stac

    compiling = count_compilation()
    config = load_config(repo, data)
    keypoints, names = stac_mjx.load_data(config, base_path=data)
    keypoints = keypoints[:frames]
    stac = Stac(data / "rodent.xml", config, names)
    ready = time.perf_counter()
    found = stac.fit_offsets(keypoints)
    done = time.perf_counter()
    tracked = found.kp_data.reshape(len(keypoints), len(names), 3)
    return {
        "error_mm": errors(found.marker_sites, tracked, names),
        "recorded_mm_per_mm": recorded_ratio(config, data, tracked, names),
        "scale": float(config.model.SCALE_FACTOR),
        "frames": len(keypoints),
        "seconds": {
            "start": ready - began,
            "fit": done - ready,
            "compilation": sum(compiling.values()),
            "total": done - began,
        },
        "device": jax.devices()[0].device_kind,
        "versions": {"python": platform.python_version(), **{n: version(n) for n in PACKAGES}},
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "settings": OmegaConf.to_container(config),
    }


def main() -> None:
    """Run STAC-MJX and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repo", type=Path, required=True, help="checkout of talmolab/stac-mjx")
    parser.add_argument("--data", type=Path, required=True, help="rodent.xml, stac_model.yaml, mocap_1000_frames.mat")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--platform", default="cpu", help="what JAX runs on")
    parser.add_argument("--commit", default="", help="of the checkout, noted in the result")
    args = parser.parse_args()
    os.environ["JAX_PLATFORMS"] = args.platform
    if args.platform == "cpu":
        os.environ.setdefault("XLA_FLAGS", NO_FUSION)
    sys.path.insert(0, str(args.repo))
    result = {**fit(args.repo.resolve(), args.data.resolve(), args.frames), "commit": args.commit}
    args.out.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
