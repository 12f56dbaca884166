"""Crawling of a body without feet: a wave that runs along it while every part follows the same path.

The path is a serpenoid curve, whose direction is a sine of the way along it (Hirose 1993, Biologically Inspired
Robots). A body that lies on such a path everywhere, and moves along it, does not slip sideways.
"""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from mimic_core import BodyModel
from mimic_kinematics.floor import Floor, heights
from mimic_synthetic.legs import forward
from mimic_synthetic.settings import Gait

_ALONG = 0.8  # least cosine between a joint's axis and the floor's normal
_LEAST = 3  # joints that make a wave
_BEND = 0.9  # of a joint's range that is used
_FINE = 2000  # points of the path in a wave


@attrs.frozen(eq=False)
class Wave:
    """A chain of hinges that bends along the floor.

    Attributes:
        joints: of the chain, root outwards: indices among the body's scalar joints.
        sign: (joint,) 1 where a positive angle turns what is behind about the floor's normal, else -1.
        along: (joint,) m, where each lies ahead of the root in the reference pose.
        ends: (2,) m, where the body ends, ahead of the root.
        ahead: (3,) unit vector forward in the reference pose.
    """

    model: BodyModel
    floor: Floor
    rest: np.ndarray
    joints: np.ndarray
    sign: np.ndarray
    along: np.ndarray
    ends: np.ndarray
    ahead: np.ndarray

    @classmethod
    def of(cls, model: BodyModel, floor: Floor, rest: np.ndarray) -> Wave | None:
        """Find the longest such chain; None where it has too few joints."""
        m, data = model.mj_model, mujoco.MjData(model.mj_model)
        data.qpos[:] = rest
        mujoco.mj_kinematics(m, data)
        ids = {name: m.joint(name).id for name in model.joint_names}
        cosine = {i: float(data.xaxis[j] @ floor.normal) for i, j in enumerate(ids.values())}
        turns = {
            m.jnt_bodyid[j]: i for i, j in enumerate(ids.values()) if abs(cosine[i]) > _ALONG and model.is_hinge[i]
        }
        chains = []
        for b in range(m.nbody):
            chain, at = [], b
            while at:
                chain = [turns[at], *chain] if at in turns else chain
                at = int(m.body_parentid[at])
            chains.append(chain)
        joints = max(chains, key=len)
        if len(joints) < _LEAST:
            return None
        ahead = forward(model, floor, rest)
        anchors = data.xanchor[[list(ids.values())[i] for i in joints]]
        root = data.xpos[m.jnt_bodyid[m.dof_jntid[model.root_dofadr]]]
        geoms = data.geom_xpos[floor.geoms] if len(floor.geoms) else anchors
        reach = (np.concatenate([geoms, anchors]) - root) @ ahead
        return cls(
            model,
            floor,
            rest,
            np.array(joints),
            np.sign([cosine[i] for i in joints]),
            (anchors - root) @ ahead,
            np.array([reach.min(), reach.max()]),
            ahead,
        )

    def crawl(self, c: Gait, rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
        """Return qpos (clip, frame, nq) and lines about the movement."""
        m, a, n = self.model.mj_model, self.model.root_qposadr, self.floor.normal
        length = float(np.ptp(self.ends))
        wave, angle = c.wave * length, self._angle(c, length)
        aside = np.cross(n, self.ahead)
        hz = c.wave_hz * np.clip(rng.normal(1, c.variation, c.clips), 0.3, 3)
        begin, heading = rng.uniform(0, 1, c.clips), rng.uniform(-np.pi, np.pi, c.clips)
        fine = np.linspace(0, 1, _FINE + 1)
        turned = angle * np.sin(2 * np.pi * fine)
        steps = wave * np.stack([np.cos(turned), np.sin(turned)], -1)
        one = CubicSpline(fine, steps).antiderivative()(fine)  # where the path is, one wave long
        qpos = np.tile(self.rest, (c.clips, c.frames, 1))
        time = np.arange(c.frames) / c.rate_hz
        behind = self._segments() / wave
        for k in range(c.clips):
            at = hz[k] * time + begin[k]  # waves along the path that the root has come
            yaw = angle * np.sin(2 * np.pi * (at[:, None] + behind))
            bends = np.diff(yaw, axis=1) * self.sign
            qpos[k][:, self.model.joint_qposadr[self.joints]] = self.rest[self.model.joint_qposadr[self.joints]] + bends
            whole = np.floor(at)
            flat = np.stack([np.interp(at - whole, fine, one[:, i]) for i in (0, 1)], -1) + whole[:, None] * one[-1]
            flat = flat - flat[0]
            place = flat[:, :1] * self.ahead + flat[:, 1:] * aside
            course = Rotation.from_rotvec(heading[k] * n)
            turn = course * Rotation.from_rotvec(yaw[:, :1] * n)
            qpos[k][:, a : a + 3] = self.rest[a : a + 3] + course.apply(place)
            own = turn * Rotation.from_quat(self.rest[a + 3 : a + 7], scalar_first=True)
            qpos[k][:, a + 3 : a + 7] = own.as_quat(scalar_first=True)
            if len(self.floor.geoms):
                qpos[k][:, a : a + 3] -= heights(m, qpos[k], self.floor)[0].min(1)[:, None] * n
        slip, mm = self._slip(qpos, c.rate_hz), 1e3 * self.model.body.scale
        return qpos, [
            f"{len(self.joints)} joints make waves of {wave * mm:.3g} mm and {np.rad2deg(angle):.3g} deg, "
            f"{hz.mean():.3g} a second; joints slip sideways by {slip:.1%} of their way on average"
        ]

    def _segments(self) -> np.ndarray:
        """(joint + 1,) m, the middle of the root and of what follows each joint, ahead of the root."""
        edges = np.concatenate([self.along, [self.ends[int(np.argmax(np.abs(self.ends)))]]])
        first = self.ends[int(np.argmin(np.abs(self.ends - self.along[0])))]
        return np.concatenate([[0.5 * (first + edges[0])], 0.5 * (edges[1:] + edges[:-1])])

    def _angle(self, c: Gait, length: float) -> float:
        """Amplitude of the path's direction, rad, with which joints stay within their ranges."""
        middle = self._segments() / (c.wave * length)
        unit = np.abs(np.exp(2j * np.pi * middle[1:]) - np.exp(2j * np.pi * middle[:-1]))  # a joint's share of it
        rest = self.rest[self.model.joint_qposadr[self.joints]]
        low, high = self.model.joint_range[self.joints].T
        room = _BEND * np.maximum(np.minimum(high - rest, rest - low), 0.0)
        return float(min(np.deg2rad(c.amplitude_deg), (room / np.maximum(unit, 1e-9)).min()))

    def _slip(self, qpos: np.ndarray, rate_hz: float) -> float:
        """Sideways speed of the chain's joints over their speed, on average."""
        m, data = self.model.mj_model, mujoco.MjData(self.model.mj_model)
        ids = [m.joint(self.model.joint_names[i]).id for i in self.joints]
        across = speed = 0.0
        for clip in qpos:
            places = np.empty((len(clip), len(ids), 3))
            for f, q in enumerate(clip):
                data.qpos[:] = q
                mujoco.mj_kinematics(m, data)
                places[f] = data.xanchor[ids]
            moved = np.diff(places, axis=0) * rate_hz
            chain = np.gradient(places, axis=1)
            chain = (chain / np.linalg.norm(chain, axis=-1, keepdims=True))[:-1]
            along = (moved * chain).sum(-1, keepdims=True) * chain
            across += float(np.linalg.norm(moved - along, axis=-1).sum())
            speed += float(np.linalg.norm(moved, axis=-1).sum())
        return across / max(speed, 1e-12)
