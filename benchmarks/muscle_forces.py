"""Report the force of every fully activated muscle, held still, over the poses of a workspace.

    python benchmarks/muscle_forces.py --variant revised     # poses all over the joints' range
    python benchmarks/muscle_forces.py --reaches FOLDER      # poses of registered reaches (*_ik.h5)
    python benchmarks/muscle_forces.py --variant gilmer --clips clips.h5  # of clips registered with this body

The physiological range that the mouse's forelimb muscles are held against is 0.2 to 1.2 N (Leonardis et al. 2025).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import h5py
import mujoco
import numpy as np
import pandas as pd
from scipy.stats import qmc

from mimic_core import BodyModel, ReferenceClips
from mimic_core.chain import discover

PHYSIOLOGICAL_N = (0.2, 1.2)
REACH_S = 0.3
RATE_HZ = 200.0
PUBLISHED_JOINTS = {"elbow_joint": "elbow"}
"""Joints that the published files name otherwise."""


def isometric_forces(model: BodyModel, poses: np.ndarray) -> np.ndarray:
    """Return (pose, muscle) tension (N) at full activation and zero velocity, passive force included.

    Args:
        poses: (pose, joint) rad, joints in the model's order.
    """
    data = mujoco.MjData(model.mj_model)
    forces = np.empty((len(poses), len(model.muscle_ids)))
    for i, pose in enumerate(poses):
        data.qpos[model.joint_qposadr] = pose
        data.act[:] = 1.0
        mujoco.mj_forward(model.mj_model, data)
        forces[i] = 0.0 - data.actuator_force[model.muscle_ids]
    return forces


def poses_over_range(model: BodyModel, count: int) -> np.ndarray:
    """Return (count, joint) poses (rad) spread evenly over the joints' range: an unscrambled Halton sequence."""
    low, high = model.joint_range.T
    return low + (high - low) * qmc.Halton(len(low), scramble=False).random(count)


def poses_of_reaches(model: BodyModel, folder: Path) -> np.ndarray:
    """Return the poses (rad) of the reach (first 0.3 s) in every STAC-MJX file of a folder, joints matched by name."""
    poses = []
    for path in sorted(folder.glob("*_ik.h5")):
        with h5py.File(path) as file:
            names = [n.decode() for n in file["names_qpos"][()]]
            names = [PUBLISHED_JOINTS.get(n, n) for n in names]
            poses.append(file["qpos"][: round(REACH_S * RATE_HZ)][:, [names.index(j) for j in model.joint_names]])
    if not poses:
        raise SystemExit(f"{folder}: holds no *_ik.h5 files; name the folder of the registered reaches")
    return np.concatenate(poses).astype(float)


def poses_of_clips(model: BodyModel, path: Path) -> np.ndarray:
    """Return the poses (rad) of the reach (first 0.3 s) of clips that `mimic register` fitted to this body."""
    clips = ReferenceClips.load(path)
    if clips.joint_names != model.joint_names:
        raise SystemExit(f"{path}: has joints {', '.join(clips.joint_names)}; register with {model.body.name} first")
    frames = round(REACH_S * clips.rate_hz)
    return np.concatenate([q[: min(n, frames)] for q, n in zip(clips.qpos, clips.n_frames, strict=True)]).astype(float)


def force_table(model: BodyModel, poses: np.ndarray) -> pd.DataFrame:
    """Return one row per muscle: its force (N) over the poses, and the share of poses in the physiological range."""
    forces = isometric_forces(model, poses)
    low, high = PHYSIOLOGICAL_N
    inside = (forces >= low) & (forces <= high)
    quantiles = {"min": 0.0, "p5": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}
    columns = {name: np.quantile(forces, q, axis=0) for name, q in quantiles.items()}
    columns["largest isometric"] = model.mj_model.actuator_gainprm[model.muscle_ids, 2]
    columns["share in 0.2-1.2 N"] = inside.mean(0)
    return pd.DataFrame(columns, index=pd.Index(model.muscle_names, name="muscle"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--body", default="mouse_forelimb")
    parser.add_argument("--variant", default=None)
    parser.add_argument("--reaches", type=Path, default=None, help="folder of registered reaches, *_ik.h5")
    parser.add_argument("--clips", type=Path, default=None, help="reaches registered with this body, clips.h5")
    parser.add_argument("--poses", type=int, default=2000, help="how many poses over the joints' range")
    arguments = parser.parse_args()

    plugins = discover()
    body = plugins.get("body", arguments.body).make(arguments.variant)
    own = plugins.get("actuation", "native" if body.actuators else "hill")
    model = BodyModel.compile(body, own.build(own.config(), body))
    if arguments.clips:
        poses, where = poses_of_clips(model, arguments.clips), f"{arguments.clips}, first {REACH_S:g} s"
    elif arguments.reaches:
        poses, where = poses_of_reaches(model, arguments.reaches), f"{arguments.reaches}, first {REACH_S:g} s"
    else:
        poses, where = poses_over_range(model, arguments.poses), "the joints' range"
    print(f"{body.name}:{body.variant}, {len(poses)} poses of {where}; full activation, no movement; N")
    print(force_table(model, poses).to_string(float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
