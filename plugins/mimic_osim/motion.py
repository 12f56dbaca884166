"""OpenSim's coordinates and MuJoCo's qpos, one from the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from mimic_kinematics.couplings import Couplings

MODEL_TEXT = "opensim"
"""Name of the text in the MJCF that says what MuJoCo has no place for."""


@attrs.frozen(eq=False)
class Motion:
    """A converted model.

    Attributes:
        model: of MuJoCo.
        said: what the conversion put down: ``root``, ``coordinates`` and ``forces`` with their places in the OpenSim
            model, and ``held``.
    """

    model: mujoco.MjModel
    said: Mapping[str, Any] = attrs.field(factory=dict)

    @classmethod
    def of(cls, model: mujoco.MjModel) -> Motion:
        """Read what a converted model says of itself; any other model has joints alone."""
        import json

        for i in range(model.ntext):
            if mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_TEXT, i) == MODEL_TEXT:
                first, size = model.text_adr[i], model.text_size[i]
                return cls(model, json.loads(bytes(model.text_data[first : first + size]).rstrip(b"\0").decode()))
        return cls(model)

    @property
    def root(self) -> Mapping[str, Any] | None:
        """How the coordinates of a free root make its pose; None without one, or where nobody said."""
        return self.said.get("root")

    @property
    def held(self) -> Mapping[str, float]:
        """Coordinates that the model has no joint for, since they are locked, with their values, rad and m."""
        return self.said.get("held", {})

    def path_of(self, kind: str, name: str) -> str:
        """Where a coordinate (kind ``coordinates``) or a force (``forces``) is in the OpenSim model."""
        otherwise = f"/forceset/{name}" if kind == "forces" else f"/jointset/{name}/{name}"
        return self.said.get(kind, {}).get(name, otherwise)

    @property
    def joints(self) -> dict[str, int]:
        """Scalar joint that follows no other, by name → its place in qpos."""
        m = self.model
        dependent = set(Couplings.of(m).joint.tolist())
        scalar = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
        free = [j for j in range(m.njnt) if m.jnt_type[j] in scalar and j not in dependent]
        return {m.joint(j).name: int(m.jnt_qposadr[j]) for j in free}

    @property
    def hinges(self) -> set[str]:
        """Names of OpenSim's coordinates that are angles."""
        m = self.model
        own = {m.joint(j).name for j in range(m.njnt) if m.jnt_type[j] == int(mujoco.mjtJoint.mjJNT_HINGE)}
        return own | {name for slides, _, name, _ in (self.root["axes"] if self.root else ()) if not slides}

    @property
    def root_coordinates(self) -> tuple[str, ...]:
        """Coordinates of a free root."""
        return tuple(name for _, _, name, _ in self.root["axes"]) if self.root else ()

    def qpos(self, values: Mapping[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
        """Return (frame, nq) from the values (frame,) of coordinates, rad and m, and the coordinates that were missing.

        What is missing stays in the reference pose; joints that follow others are where these put them.
        """
        m = self.model
        values = {name: np.atleast_1d(x) for name, x in values.items()}
        n = len(next(iter(values.values())))
        rest = m.key_qpos[0] if m.nkey else m.qpos0
        out = np.tile(rest, (n, 1))
        missing = []
        for name, at in self.joints.items():
            if name in values:
                out[:, at] = values[name]
            else:
                missing.append(name)
        if self.root:
            if all(name in values for name in self.root_coordinates):
                at = int(m.jnt_qposadr[m.joint(self.root["joint"]).id])
                out[:, at : at + 7] = self._root_pose(values)
            else:
                missing += [name for name in self.root_coordinates if name not in values]
        return Couplings.of(m).settle(out), missing

    def _root_pose(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """(frame, 7) position and quaternion, w first, of a free root."""
        (p0, r0), (p1, r1) = (map(np.array, self.root[k]) for k in ("before", "after"))
        n = len(values[self.root_coordinates[0]])
        shift, turn = np.zeros((n, 3)), Rotation.identity(n)
        for slides, axis, name, (offset, slope) in self.root["axes"]:
            x = offset + slope * values[name]
            if slides:
                shift += x[:, None] * np.array(axis)
            else:
                turn = turn * Rotation.from_rotvec(x[:, None] * np.array(axis))
        back = Rotation.from_matrix(r1.T)
        whole = Rotation.from_matrix(r0) * turn * back
        pos = p0 + shift @ r0.T - whole.apply(p1)
        quat = whole.as_quat(scalar_first=True)
        flips = np.cumprod(np.where(np.r_[1.0, np.sum(quat[1:] * quat[:-1], axis=1)] < 0, -1.0, 1.0))
        return np.hstack([pos, quat * flips[:, None]])

    def values(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        """Return coordinate → (frame,) rad and m from qpos (frame, nq); joints that follow others included."""
        m = self.model
        scalar = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
        out = {m.joint(j).name: qpos[:, m.jnt_qposadr[j]] for j in range(m.njnt) if m.jnt_type[j] in scalar}
        return out | self._root_values(qpos) if self.root else out

    def _root_values(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        (p0, r0), (p1, r1) = (map(np.array, self.root[k]) for k in ("before", "after"))
        at = int(self.model.jnt_qposadr[self.model.joint(self.root["joint"]).id])
        whole = Rotation.from_quat(qpos[:, at + 3 : at + 7], scalar_first=True)
        turn = Rotation.from_matrix(r0.T) * whole * Rotation.from_matrix(r1)
        shift = (qpos[:, at : at + 3] + whole.apply(p1) - p0) @ r0
        slides = [a for a in self.root["axes"] if a[0]]
        turns = [a for a in self.root["axes"] if not a[0]]
        lengths = shift @ np.linalg.inv(np.array([a[1] for a in slides]))
        angles = np.unwrap(_angles(turn, np.array([a[1] for a in turns])), axis=0)
        found = zip((*slides, *turns), (*lengths.T, *angles.T), strict=True)
        return {name: (x - offset) / slope for (_, _, name, (offset, slope)), x in found}


def _angles(turn: Rotation, axes: np.ndarray) -> np.ndarray:
    """(frame, 3) angles about three orthogonal axes (3, 3), one after the other, that make up a rotation."""
    return turn.as_davenport(axes, "intrinsic")
