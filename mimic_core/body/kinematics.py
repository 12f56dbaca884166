"""Where keypoints and bodies are in given poses."""

from __future__ import annotations

import os

import mujoco
import numpy as np
from jaxtyping import Float
from mujoco import rollout

from mimic_core.body.model import BodyModel


def positions(
    model: BodyModel, qpos: Float[np.ndarray, "*batch nq"]
) -> tuple[Float[np.ndarray, "*batch keypoint 3"], Float[np.ndarray, "*batch body 3"]]:
    """Return positions (m, in the world) of the keypoint sites and of the frames of the bodies, in the model's order.

    MuJoCo's C engine computes them, many poses at a time: as sensors, which it evaluates where a step begins.
    """
    spec = model.editable()
    for sensor in list(spec.sensors):
        spec.delete(sensor)
    sites = [model.body.keypoints[k] for k in model.keypoint_names]
    kinds, objects = mujoco.mjtSensor, mujoco.mjtObj
    for kind, names in ((objects.mjOBJ_SITE, sites), (objects.mjOBJ_XBODY, model.body_names)):
        for name in names:
            spec.add_sensor(name=f"{kind}/{name}", type=kinds.mjSENS_FRAMEPOS, objtype=kind, objname=name)
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
    m = spec.compile()
    batch = qpos.shape[:-1]
    poses = np.asarray(qpos, np.float64).reshape(-1, m.nq)
    parts = mujoco.mjtState
    start = np.zeros((len(poses), mujoco.mj_stateSize(m, parts.mjSTATE_FULLPHYSICS)))
    time = mujoco.mj_stateSize(m, parts.mjSTATE_TIME)  # what stands before qpos
    start[:, time : time + m.nq] = poses
    data = [mujoco.MjData(m) for _ in range(os.cpu_count() or 1)]
    _, sensed = rollout.rollout(m, data, start, nstep=1)
    found = sensed[:, 0].reshape(*batch, -1, 3)
    return found[..., : len(sites), :], found[..., len(sites) :, :]
