"""Reaches of one keypoint to targets in space, straight and with minimum jerk, by inverse kinematics."""

from __future__ import annotations

import mujoco
import numpy as np

from mimic_core import BodyModel
from mimic_synthetic.ik import Solver, point_jacobian
from mimic_synthetic.reaches import Reaches
from mimic_synthetic.settings import Targets

_PULL = 0.002  # of the body's size per radian; the endpoint comes first
_NEAR = 0.01  # of the length of a reach; further off its line is worth a line


class EndpointReaches(Reaches):
    """As `Reaches`, but the endpoint goes straight; where joints end decides only where the targets are.

    Targets are where the endpoint is in random poses within the joints' ranges, so that all are within reach.
    """

    name = "targets"

    def __init__(self, config: Targets, model: BodyModel, seed: int) -> None:
        """Check that the body suits.

        Raises:
            ConfigError: it has a free root, a joint without limits, or no keypoint of the endpoint's name.
        """
        super().__init__(config, model, seed)
        self.endpoint = model.keypoint(config.endpoint) if config.endpoint else _outermost(model)

    def _movement(self, start: np.ndarray, end: np.ndarray, done: np.ndarray) -> np.ndarray:
        m = self.model.mj_model
        site = self.model.keypoint_site_ids[self.endpoint]
        solver = Solver(self.model, np.ones(m.nv, bool), self.couplings)
        size = float(np.linalg.norm(np.ptp(_sites(self.model, self._qpos(start[:1])), axis=0)))
        between = super()._movement(start, end, done)  # the posture that joints the endpoint leaves free are pulled to
        out, off, way = np.empty_like(between), [], []
        for c, postures in enumerate(between):
            first, last = (_place(self, pose, site) for pose in (self._qpos(start[c]), self._qpos(end[c])))
            q = postures[0]
            for f, posture in enumerate(postures):
                goal = first + done[c, f] * (last - first)

                def residual(data: mujoco.MjData, goal: np.ndarray = goal) -> tuple[np.ndarray, np.ndarray]:
                    at = data.site_xpos[site]
                    return at - goal, point_jacobian(m, data, int(m.site_bodyid[site]), at)

                q, _ = solver.solve(q, residual, posture, _PULL * size)
                out[c, f] = q
                off.append(float(np.linalg.norm(_place(self, q, site) - goal)))
            way.append(float(np.linalg.norm(last - first)))
        worst, mm = max(off), 1e3 * self.model.body.scale
        name, limited = self.model.keypoint_names[self.endpoint], worst > _NEAR * max(way)
        self.remarks = [
            *self._limits()[2],
            f"{name} reaches {mm * min(way):.3g} to {mm * max(way):.3g} mm, at most {mm * worst:.2g} mm off "
            f"the straight line{' where joint limits do not let it' if limited else ''}",
        ]
        return out


def _place(reaches: EndpointReaches, pose: np.ndarray, site: int) -> np.ndarray:
    data = mujoco.MjData(reaches.model.mj_model)
    data.qpos[:] = pose
    mujoco.mj_kinematics(reaches.model.mj_model, data)
    return data.site_xpos[site].copy()


def _sites(model: BodyModel, q: np.ndarray) -> np.ndarray:
    data = mujoco.MjData(model.mj_model)
    data.qpos[:] = q[0]
    mujoco.mj_kinematics(model.mj_model, data)
    return data.site_xpos[model.keypoint_site_ids]


def _outermost(model: BodyModel) -> int:
    """The keypoint with most joints between it and the world, the last of those."""
    m = model.mj_model
    joints = []
    for b in m.site_bodyid[model.keypoint_site_ids]:
        n = 0
        while b:
            n, b = n + int(m.body_jntnum[b]), m.body_parentid[b]
        joints.append(n)
    return max(range(len(joints)), key=lambda k: (joints[k], k))
