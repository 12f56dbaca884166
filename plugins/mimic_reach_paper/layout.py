"""Rollouts in the layout that the public notebooks of Leonardis et al. (2025) write and read."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import h5py
import numpy as np

from mimic_core import DataError, Rollouts
from mimic_reach_paper.camera import held
from mimic_reach_paper.settings import Layout

_INTENTION = {"intention": "intention", "intention_mean": "encoder/mean", "intention_logvar": "encoder/logvar"}
"""Name in `Rollouts.record` → name in the layout."""


@attrs.frozen
class ReachPaper:
    """Writes rollouts with one set of settings."""

    settings: Layout

    def write(self, record: Rollouts, path: Path) -> None:
        """Write ``record`` to ``path``, numbers in single precision.

        What happens during a control step (actions, activations of the network) has one entry less than the states.

        Raises:
            DataError: the rollouts have no poses of the reference.
            ConfigError: the camera's rate does not divide the control rate.
        """
        compat = self.settings.compat
        n = int(record.n_steps.min() if self.settings.lengths == "cut" else record.n_steps.max())
        ref = _reference(record)
        if compat:
            ref = held(ref, record.rate_hz, self.settings.camera_hz)
        inner = {theirs: record.record[ours] for ours, theirs in _INTENTION.items() if ours in record.record}
        inner |= {_from_zero(name): a for name, a in record.layers.items()}
        during = {"actions": record.action if compat else record.excitation}
        during |= {f"activations/{name}": a for name, a in inner.items()}
        with h5py.File(path, "w") as f:
            for key, a in {"qposes_rollout": record.qpos[:, :n], "qposes_ref": ref[:, :n]}.items():
                f.create_dataset(key, data=a.astype(np.float32), compression="gzip")
            for key, a in during.items():
                f.create_dataset(key, data=a[:, 1:n].astype(np.float32), compression="gzip")
            if not compat:
                _say_what_it_is(f, record)


def _reference(record: Rollouts) -> np.ndarray:
    """(clip, step, qpos) poses of the reference; those of the joints where the body has nothing else."""
    if record.ref_qpos is not None:
        return record.ref_qpos
    if record.qpos.shape != record.joint_pos.shape:
        raise DataError("reach_paper: these rollouts have no reference poses (ref_qpos); roll out again")
    return record.ref_joint_pos


def _from_zero(layer: str) -> str:
    """``decoder/layer_1`` is ``decoder/layer_0`` there."""
    return re.sub(r"(?<=/layer_)\d+$", lambda number: str(int(number[0]) - 1), layer)


def _say_what_it_is(f: h5py.File, record: Rollouts) -> None:
    """Add what the layout has no place for; its readers pass over it."""
    f["rate_hz"] = record.rate_hz
    f["actions"].attrs["quantity"] = "excitation"
    names = ("clip_names", "split", "actuator_names", "joint_names")
    for key in names:
        f[key] = np.array([n.encode() for n in getattr(record, key)])
