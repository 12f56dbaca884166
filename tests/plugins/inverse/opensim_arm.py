"""A mimic body as an OpenSim model, and OpenSim's own inverse dynamics and static optimisation of a movement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import opensim
from scipy.spatial.transform import Rotation

from mimic_core import BodyModel


def build(model: BodyModel, muscle: Callable[[int], Any], reserve: float) -> opensim.Model:
    """Build the OpenSim model of a body that is fixed in space, whose joints are hinges without armature and springs.

    Args:
        model: compiled body.
        muscle: ``muscle(index)`` makes an actuator of OpenSim, still without its path.
        reserve: N·m, optimal force of an actuator at every joint beside the muscles.
    """
    m, data = model.mj_model, mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(m, data)
    arm = opensim.Model()
    arm.setGravity(_vector(m.opt.gravity))
    frames = {0: arm.getGround()}
    for b in range(1, m.nbody):
        joints = [j for j in range(m.njnt) if m.jnt_bodyid[j] == b]
        if m.body_weldid[b] == 0 or (not joints and m.body_mass[b] == 0):
            continue  # its sites are told in the frame that it is fixed to
        body = opensim.Body(f"body_{b}", float(m.body_mass[b]), _vector(m.body_ipos[b]), _inertia(m, b))
        arm.addBody(body)
        parent = _kept(m, frames, int(m.body_parentid[b]))
        turn = data.xmat[parent].reshape(3, 3).T
        place = turn @ (data.xpos[b] - data.xpos[parent])
        angles = Rotation.from_matrix(turn @ data.xmat[b].reshape(3, 3)).as_euler("XYZ")
        ends = (frames[parent], _vector(place), _vector(angles), body, opensim.Vec3(0), opensim.Vec3(0))
        if joints:
            arm.addJoint(opensim.CustomJoint(f"joint_{b}", *ends, _turns(m, joints)))
        else:
            arm.addJoint(opensim.WeldJoint(f"joint_{b}", *ends))
        frames[b] = body
    for i, described in enumerate(model.body.muscles):
        actuator = muscle(i)
        for k, site in enumerate(described.path):
            s = m.site(site).id
            at = _kept(m, frames, int(m.site_bodyid[s]))
            here = data.xmat[at].reshape(3, 3).T @ (data.site_xpos[s] - data.xpos[at])
            actuator.addNewPathPoint(f"{described.name}_{k}", frames[at], _vector(here))
        arm.addForce(actuator)
    for j, name in enumerate(model.joint_names):
        damper = opensim.SpringGeneralizedForce(name)
        damper.setName(f"damper_{name}")
        damper.setStiffness(0.0)
        damper.setRestLength(0.0)
        damper.setViscosity(float(m.dof_damping[model.joint_dofadr[j]]))
        arm.addForce(damper)
        spare = opensim.CoordinateActuator(name)
        spare.setName(f"reserve_{name}")
        spare.setOptimalForce(reserve)
        arm.addForce(spare)
    arm.finalizeConnections()
    return arm


def inverse_dynamics(
    arm: opensim.Model, joints: tuple[str, ...], q: np.ndarray, v: np.ndarray, a: np.ndarray
) -> np.ndarray:
    """Return the torques (time, joint) N·m for angles, rates and accelerations, without muscles and reserves.

    The joints are in the order of the tree, as OpenSim takes accelerations.
    """
    state = arm.initSystem()
    for i in range(arm.getForceSet().getSize()):
        force = arm.getForceSet().get(i)
        force.setAppliesForce(state, force.getName().startswith("damper_"))
    solve, out = opensim.InverseDynamicsSolver(arm), np.zeros_like(q)
    for i in range(len(q)):
        for j, name in enumerate(joints):
            coordinate = arm.getCoordinateSet().get(name)
            coordinate.setValue(state, float(q[i, j]), False)
            coordinate.setSpeedValue(state, float(v[i, j]))
        arm.realizeVelocity(state)
        out[i] = solve.solve(state, opensim.Vector(a[i].tolist())).to_numpy()
    return out


def static_optimisation(
    arm: opensim.Model, joints: tuple[str, ...], times: np.ndarray, angles: np.ndarray, folder: Path, physiology: bool
) -> dict[str, np.ndarray]:
    """Run OpenSim's ``AnalyzeTool`` with ``StaticOptimization``: actuator → activations (time,).

    Args:
        arm: the model.
        joints: names of the columns of ``angles``.
        times: (time,) s.
        angles: (time, joint) rad; OpenSim differentiates them itself.
        folder: for its files.
        physiology: use the muscles' force-length-velocity curves.
    """
    arm.initSystem()
    table = opensim.TimeSeriesTable()
    table.setColumnLabels([arm.getCoordinateSet().get(n).getAbsolutePathString() + "/value" for n in joints])
    for t, row in zip(times, angles, strict=True):
        table.appendRow(float(t), opensim.RowVector(row.tolist()))
    table.addTableMetaDataString("inDegrees", "no")
    opensim.STOFileAdapter.write(table, str(folder / "angles.sto"))
    arm.printToXML(str(folder / "arm.osim"))
    tool = opensim.AnalyzeTool()
    tool.setName("arm")
    tool.setModelFilename(str(folder / "arm.osim"))
    tool.setCoordinatesFileName(str(folder / "angles.sto"))
    tool.setLowpassCutoffFrequency(-1.0)
    tool.setInitialTime(float(times[0]))
    tool.setFinalTime(float(times[-1]))
    tool.setResultsDir(str(folder))
    optimise = opensim.StaticOptimization()
    optimise.setStepInterval(1)
    optimise.setUseModelForceSet(True)
    optimise.setActivationExponent(2)
    optimise.setUseMusclePhysiology(physiology)
    optimise.setConvergenceCriterion(1e-8)
    optimise.setMaxIterations(500)
    tool.updAnalysisSet().cloneAndAppend(optimise)
    tool.printToXML(str(folder / "setup.xml"))
    opensim.AnalyzeTool(str(folder / "setup.xml")).run()
    found = opensim.TimeSeriesTable(str(folder / "arm_StaticOptimization_activation.sto"))
    return dict(zip(found.getColumnLabels(), found.getMatrix().to_numpy().T, strict=True))


def _turns(m: mujoco.MjModel, joints: list[int]) -> opensim.SpatialTransform:
    """The hinges of a body, one after the other, each turned by those before it, as both programs have it."""
    transform = opensim.SpatialTransform()
    axes = [m.jnt_axis[j] for j in joints]
    spare = [x for x in np.eye(3) if all(abs(x @ u) < 0.9 for u in axes)]  # OpenSim wants three that are not parallel
    for k in range(3):
        axis = (transform.upd_rotation1, transform.upd_rotation2, transform.upd_rotation3)[k]()
        if k < len(joints):
            names = opensim.ArrayStr()
            names.append(m.joint(joints[k]).name)
            axis.setCoordinateNames(names)
        axis.setAxis(_vector(axes[k] if k < len(joints) else spare[k - len(joints)]))
        axis.set_function(opensim.LinearFunction(1.0, 0.0) if k < len(joints) else opensim.Constant(0.0))
    return transform


def _vector(x: Any) -> opensim.Vec3:
    return opensim.Vec3(*map(float, x))


def _kept(m: mujoco.MjModel, frames: dict[int, Any], b: int) -> int:
    """The nearest body up the tree that OpenSim's model has."""
    while b not in frames:
        b = int(m.body_parentid[b])
    return b


def _inertia(m: mujoco.MjModel, b: int) -> opensim.Inertia:
    turn = Rotation.from_quat(m.body_iquat[b], scalar_first=True).as_matrix()
    full = turn @ np.diag(m.body_inertia[b]) @ turn.T
    return opensim.Inertia(*(float(full[i, j]) for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))))
