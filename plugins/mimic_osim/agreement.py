"""How far a converted model is from OpenSim's own: bodies, muscle lengths, moment arms, inverse dynamics."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import mujoco
import numpy as np
from scipy.interpolate import CubicSpline

from mimic_kinematics.couplings import Couplings
from mimic_osim.convert import Converted
from mimic_osim.motion import Motion
from mimic_osim.opened import GROUND, each, package
from mimic_osim.storage import Storage
from mimic_osim.survey import Survey, survey

_STEP = 1e-5
"""Of central differences, rad or m."""
_SMALL = 0.05
"""Moment arms below this share of a muscle's largest one about a coordinate are not compared as a ratio."""


@attrs.frozen(eq=False)
class Agreement:
    """A converted model beside OpenSim in random poses that it was not fitted to.

    Attributes:
        body_error: (pose,) m, the body that is farthest off, where all joints have the values that OpenSim's own
            functions give.
        fitted_body_error: the same where joints that follow others are where MuJoCo's polynomials put them.
        length_error: muscle → (pose,) relative difference of its length.
        arm_error: muscle → (sample,) relative difference of its moment arms −dL/dq, about all coordinates that it
            crosses.
        arm_largest: muscle → m, its largest moment arm.
    """

    body_error: np.ndarray
    fitted_body_error: np.ndarray
    length_error: Mapping[str, np.ndarray]
    arm_error: Mapping[str, np.ndarray]
    arm_largest: Mapping[str, float]


@attrs.frozen(eq=False, slots=False)
class Twin:
    """A converted model in both engines."""

    converted: Converted

    @cached_property
    def model(self) -> mujoco.MjModel:
        """MuJoCo's."""
        return mujoco.MjModel.from_xml_string(ET.tostring(self.converted.tree, encoding="unicode"))

    @cached_property
    def motion(self) -> Motion:
        """From coordinates to MuJoCo's poses."""
        return Motion.of(self.model)

    def fitted(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return (pose, nq), joints that follow where MuJoCo's couplings put them."""
        return self.motion.qpos({c.name: values[c.name] for c in self.converted.coordinates.free})[0]

    def exact(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return (pose, nq), joints that follow where OpenSim has them; path points that move are fitted."""
        q = self.fitted(values)
        for joint in self.converted.joints:
            for axis in joint.axes:
                if axis.coordinate and axis.label in self.converted.skeleton.followers:
                    at = self.model.joint(axis.label).qposadr[0]
                    q[:, at] = axis.law(values[axis.coordinate]) - axis.fit.coef[0]
        for name, c in self.converted.coordinates.every.items():
            if c.driver and name in self.converted.skeleton.joints:
                q[:, self.model.joint(name).qposadr[0]] = values[name]
        return q

    def compare(self, poses: int = 200, seed: int = 1) -> Agreement:
        """Compare in random poses, coordinates evenly over their ranges."""
        found = survey(self.converted.opened, self.converted.coordinates, poses, seed)
        exact, fitted = self.exact(found.values), self.fitted(found.values)
        lengths = self.lengths(fitted)
        arms = self._arms(found, fitted)
        return Agreement(
            self._body_error(exact, found),
            self._body_error(fitted, found),
            {m: np.abs(lengths[m] - right) / right for m, right in found.lengths.items()},
            {m: e for m, (e, _) in arms.items()},
            {m: largest for m, (_, largest) in arms.items()},
        )

    def _body_error(self, qpos: np.ndarray, found: Survey) -> np.ndarray:
        data, upright = mujoco.MjData(self.model), self.converted.skeleton.frames[GROUND]
        names = [n for n in found.pos if n != GROUND and n in self.converted.skeleton.elements]
        out = np.zeros(len(qpos))
        for i, q in enumerate(qpos):
            data.qpos[:] = q
            mujoco.mj_kinematics(self.model, data)
            out[i] = max(np.linalg.norm(data.body(n).xpos - upright.turn @ found.pos[n][i]) for n in names)
        return out

    def lengths(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        """Return muscle → (pose,) m."""
        data, out = mujoco.MjData(self.model), np.empty((len(qpos), self.model.ntendon))
        for row, q in zip(out, qpos, strict=True):
            data.qpos[:] = q
            mujoco.mj_fwdPosition(self.model, data)
            row[:] = data.ten_length
        return {self.model.tendon(i).name: out[:, i] for i in range(self.model.ntendon)}

    def _arms(self, found: Survey, qpos: np.ndarray) -> dict[str, tuple[np.ndarray, float]]:
        """Muscle → relative differences of moment arms, and the largest arm (rad and m mixed for slides)."""
        free = self.converted.coordinates.free
        ours = {}
        for c in free:
            moved = [
                self.lengths(self.fitted(self.converted.coordinates.settle(_shifted(found.values, free, c.name, d))))
                for d in (_STEP, -_STEP)
            ]
            ours[c.name] = {m: -(moved[0][m] - moved[1][m]) / (2 * _STEP) for m in found.lengths}
        theirs = self._osim_arms(found, ours)
        out: dict[str, tuple[np.ndarray, float]] = {}
        for m in found.lengths:
            ratios, largest = [], 0.0
            for c in free:
                right = theirs[c.name][m]
                top = np.nanmax(np.abs(right), initial=0.0)
                largest = max(largest, top)
                if top > 1e-4:
                    big = np.abs(right) > _SMALL * top
                    ratios.append(np.abs(ours[c.name][m] - right)[big] / np.abs(right)[big])
            out[m] = (np.concatenate(ratios) if ratios else np.zeros(0), float(largest))
        return out

    def _osim_arms(
        self, found: Survey, ours: Mapping[str, Mapping[str, np.ndarray]]
    ) -> dict[str, dict[str, np.ndarray]]:
        """Coordinate → muscle → (pose,) −dL/dq of OpenSim's own lengths; NaN where the muscle does not cross it.

        Its ``computeMomentArm`` holds moving path points fast in their frames, and so is not the slope of the length.
        """
        opened, coordinates = self.converted.opened, self.converted.coordinates
        muscles = {m.osim.getName(): m.osim for m in self.converted.muscles}
        crossed = {c: [m for m in muscles if np.abs(ours[c][m]).max() > 1e-5] for c in ours}
        n = len(next(iter(found.values.values())))
        movable = [c.name for c in coordinates.every.values() if not c.fixed]
        out = {c: {m: np.full(n, np.nan) for m in muscles} for c in ours}
        for c, names in crossed.items():
            sides = []
            for by in (_STEP, -_STEP):
                moved = coordinates.settle(_shifted(found.values, coordinates.free, c, by))
                length = {m: np.empty(n) for m in names}
                for i in range(n):
                    opened.set_pose({name: moved[name][i] for name in movable})
                    for m in names:
                        length[m][i] = muscles[m].getLength(opened.state)
                sides.append(length)
            out[c] |= {m: -(sides[0][m] - sides[1][m]) / (2 * _STEP) for m in names}
        return out

    def inverse_dynamics(self, file: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return coordinate → (ours, OpenSim's), (frame,) N·m or N each, on one movement without forces from outside.

        Joints that follow others hand their torques on to what they follow, as constraints do.
        """
        table = Storage.read(file)
        every = self.converted.coordinates
        named = {
            k: np.deg2rad(x) if table.degrees and every[k].turns else x
            for k, x in table.columns.items()
            if k in every.every
        }
        rest = {c.name: np.full(len(table.time), c.default) for c in every.free}
        curve = {
            k: CubicSpline(table.time, x) for k, x in (rest | {k: x for k, x in named.items() if every[k].free}).items()
        }
        ours = self._mujoco_torques(curve, table.time)
        return {k: (ours[k], right) for k, right in self._osim_torques(curve, table.time).items()}

    def _mujoco_torques(self, curve: Mapping[str, CubicSpline], time: np.ndarray) -> dict[str, np.ndarray]:
        h, m = 1e-4, self.model
        q0, v0, a0 = ({k: s(time, d) for k, s in curve.items()} for d in (0, 1, 2))
        back, here, ahead = (
            self.fitted({k: q0[k] + s * h * v0[k] + h * h / 2 * a0[k] for k in q0} if s else q0) for s in (-1, 0, 1)
        )
        data, out = mujoco.MjData(m), {k: np.empty(len(time)) for k in curve}
        free = copy_without_constraints(m)
        couplings = Couplings.of(m)
        for i in range(len(time)):
            data.qpos[:] = here[i]
            data.qvel[:] = (ahead[i] - back[i]) / (2 * h)
            data.qacc[:] = (ahead[i] - 2 * here[i] + back[i]) / h**2
            mujoco.mj_inverse(free, data)
            torque = data.qfrc_inverse.copy()
            slopes = couplings.slopes(here[i])
            for c in reversed(range(len(couplings))):
                if couplings.driver[c] >= 0:
                    torque[m.jnt_dofadr[couplings.driver[c]]] += slopes[c] * torque[m.jnt_dofadr[couplings.joint[c]]]
            for k in out:
                out[k][i] = torque[m.joint(k).dofadr[0]]
        return out

    def _osim_torques(self, curve: Mapping[str, CubicSpline], time: np.ndarray) -> dict[str, np.ndarray]:
        opensim, opened, every = package(), self.converted.opened, self.converted.coordinates
        order = self._speed_order()
        h = 1e-4
        q0, v0, a0 = ({k: s(time, d) for k, s in curve.items()} for d in (0, 1, 2))
        back, here, ahead = (
            every.settle({k: q0[k] + s * h * v0[k] + h * h / 2 * a0[k] for k in q0} if s else q0) for s in (-1, 0, 1)
        )
        solver = opensim.InverseDynamicsSolver(opened.model)
        for force in (opened.model.getForceSet().get(i) for i in range(opened.model.getForceSet().getSize())):
            force.setAppliesForce(opened.state, False)
        out = {k: np.empty(len(time)) for k in curve}
        coordinates: Any = opened.model.getCoordinateSet()
        for i in range(len(time)):
            for name in order:
                if not every[name].fixed:
                    coordinates.get(name).setValue(opened.state, float(here[name][i]), False)
                    speed = (ahead[name][i] - back[name][i]) / (2 * h)
                    coordinates.get(name).setSpeedValue(opened.state, float(speed))
            rates = [(ahead[n][i] - 2 * here[n][i] + back[n][i]) / h**2 for n in order]
            torque = dict(
                zip(order, solver.solve(opened.state, opensim.Vector(list(map(float, rates)))).to_numpy(), strict=True)
            )
            for name in self._followers_last(order):
                c = every[name]
                x = np.array([here[c.driver][i] - _STEP, here[c.driver][i] + _STEP])
                torque[c.driver] += float(np.diff(c.law(x))[0] / (2 * _STEP)) * torque[name]
            for k in out:
                out[k][i] = torque[k]
        return out

    def _speed_order(self) -> list[str]:
        """Coordinates in the order of OpenSim's generalised speeds, which the package tells in no other way."""
        opened, found = self.converted.opened, {}
        for c in each(opened.model.getCoordinateSet()):
            opened.state.setU(package().Vector(opened.state.getNU(), 0.0))
            c.setSpeedValue(opened.state, 1.0)
            found[int(np.argmax(np.abs(opened.state.getU().to_numpy())))] = c.getName()
        opened.state.setU(package().Vector(opened.state.getNU(), 0.0))  # a locked coordinate would keep its speed
        return [found[i] for i in sorted(found)]

    def _followers_last(self, order: list[str]) -> list[str]:
        """Coordinates that follow others, those that others follow after them."""
        every = self.converted.coordinates

        def depth(name: str) -> int:
            return 0 if not every[name].driver else 1 + depth(every[name].driver)

        return sorted((n for n in order if every[n].driver), key=depth, reverse=True)


def copy_without_constraints(m: mujoco.MjModel) -> mujoco.MjModel:
    """Return a model whose inverse dynamics knows no limits, contacts or couplings, and no springs."""
    import copy

    free = copy.copy(m)
    free.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT) | int(mujoco.mjtDisableBit.mjDSBL_SPRING)
    free.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_DAMPER)
    return free


def _shifted(values: Mapping[str, np.ndarray], free: list[Any], name: str, by: float) -> dict[str, np.ndarray]:
    return {c.name: values[c.name] + (by if c.name == name else 0.0) for c in free}
