"""A compiled body: MuJoCo's model with every name resolved to its place once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mimic_core.body.actuation import Actuation
from mimic_core.body.body import Body
from mimic_core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import mujoco
    from jaxtyping import Bool, Float, Int


@attrs.frozen(eq=False, slots=False)
class BodyModel:
    """A compiled body: MuJoCo's model with every name resolved to its place once.

    Arrays over joints cover the scalar joints (hinges and slides) in the model's order; the six
    degrees of freedom of a free root are kept apart and reached through ``root``. Addresses and ids are places in
    MuJoCo's own arrays.

    Attributes:
        body: what was compiled.
        actuation: what drives it; None for a skeleton without actuators.
        mj_model: MuJoCo's model, in m, kg, s and rad.
    """

    body: Body
    actuation: Actuation | None
    mj_model: mujoco.MjModel

    @classmethod
    def compile(cls, body: Body, actuation: Actuation | None = None) -> BodyModel:
        """Put actuators on the skeleton and compile it with MuJoCo.

        Raises:
            ConfigError: MuJoCo rejects the body, or a keypoint's site is not in it.
        """
        model = _compile(_actuated(body, actuation), body)
        sites = [model.site(i).name for i in range(model.nsite)]
        for keypoint, site in body.keypoints.items():
            if site not in sites:
                raise ConfigError(
                    f"body {body.name}: keypoint {keypoint!r} is at site {site!r}, which the skeleton "
                    f"does not have{did_you_mean(site, sites)}"
                )
        return cls(body, actuation, model)

    @property
    def driven_by(self) -> Actuation:
        """The actuation; raises ConfigError where there is none."""
        if self.actuation is None:
            raise ConfigError(f"body {self.body.name}: was compiled without actuators; give it an actuation")
        return self.actuation

    def editable(self) -> mujoco.MjSpec:
        """Return a fresh specification of this body with its actuators, for a simulator to add to."""
        return _actuated(self.body, self.actuation)

    @cached_property
    def _free_joint(self) -> int | None:
        import mujoco

        free = np.flatnonzero(self.mj_model.jnt_type == int(mujoco.mjtJoint.mjJNT_FREE))
        return int(free[0]) if len(free) else None

    @cached_property
    def root(self) -> str | None:
        """Name of the free joint (empty if it has none), or None for a body fixed in space."""
        return None if self._free_joint is None else self.mj_model.joint(self._free_joint).name

    @cached_property
    def reference_qpos(self) -> Float[np.ndarray, " qpos"]:
        """(qpos,) the reference pose: that of the model's keyframe if it has one, else the one it is written in."""
        return (self.mj_model.key_qpos[0] if self.mj_model.nkey else self.mj_model.qpos0).copy()

    @cached_property
    def root_qposadr(self) -> int:
        """Where the free root's position (3,), m, begins in qpos; its quaternion (4,), w first, follows."""
        return int(self.mj_model.jnt_qposadr[self._free_joint])

    @cached_property
    def root_dofadr(self) -> int:
        """Where the free root's velocity (3,), m/s, begins in qvel; its angular velocity (3,), rad/s, follows."""
        return int(self.mj_model.jnt_dofadr[self._free_joint])

    @cached_property
    def _scalar_joints(self) -> tuple[int, ...]:
        import mujoco

        scalar = [int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE)]
        return tuple(np.flatnonzero(np.isin(self.mj_model.jnt_type, scalar)).tolist())

    @cached_property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the scalar joints."""
        return tuple(self.mj_model.joint(j).name for j in self._scalar_joints)

    @cached_property
    def joint_qposadr(self) -> Int[np.ndarray, " joint"]:
        """(joint,) where each scalar joint sits in qpos."""
        return self.mj_model.jnt_qposadr[list(self._scalar_joints)].copy()

    @cached_property
    def joint_dofadr(self) -> Int[np.ndarray, " joint"]:
        """(joint,) where each scalar joint sits in qvel."""
        return self.mj_model.jnt_dofadr[list(self._scalar_joints)].copy()

    @cached_property
    def joint_range(self) -> Float[np.ndarray, "joint 2"]:
        """(joint, 2) lower and upper limit, rad (hinge) or m (slide); ±inf where unlimited."""
        ids = list(self._scalar_joints)
        limited = self.mj_model.jnt_limited[ids].astype(bool)
        return np.where(limited[:, None], self.mj_model.jnt_range[ids], np.array([-np.inf, np.inf]))

    @cached_property
    def is_hinge(self) -> Bool[np.ndarray, " joint"]:
        """(joint,) True where the joint's unit is rad; it is m for a slide."""
        import mujoco

        return self.mj_model.jnt_type[list(self._scalar_joints)] == int(mujoco.mjtJoint.mjJNT_HINGE)

    @cached_property
    def actuator_names(self) -> tuple[str, ...]:
        """Names of the actuators, in the model's order."""
        return tuple(self.mj_model.actuator(i).name for i in range(self.mj_model.nu))

    @cached_property
    def muscle_ids(self) -> Int[np.ndarray, " muscle"]:
        """(muscle,) which actuators are muscles, in the body's order of muscles."""
        import mujoco

        return np.flatnonzero(self.mj_model.actuator_dyntype == int(mujoco.mjtDyn.mjDYN_MUSCLE))

    @cached_property
    def muscle_names(self) -> tuple[str, ...]:
        """Names of the actuators in `muscle_ids`."""
        return tuple(self.actuator_names[i] for i in self.muscle_ids)

    @cached_property
    def reserve_moment(self) -> Float[np.ndarray, "actuator joint"]:
        """What each reserve gives per unit of activation, N·m (N for a slide); 0 for all other actuators."""
        m, out = self.mj_model, np.zeros((self.mj_model.nu, len(self.joint_names)))
        for name, joint in (self.actuation.reserves if self.actuation else {}).items():
            i = self.actuator_names.index(name)
            out[i, self.joint(joint)] = m.actuator_gainprm[i, 0] * m.actuator_gear[i, 0]
        return out

    @cached_property
    def keypoint_names(self) -> tuple[str, ...]:
        """Names of the keypoints, in the body's order."""
        return tuple(self.body.keypoints)

    @cached_property
    def keypoint_site_ids(self) -> Int[np.ndarray, " keypoint"]:
        """(keypoint,) the site of each keypoint."""
        return np.array([self.mj_model.site(s).id for s in self.body.keypoints.values()], dtype=int)

    @cached_property
    def body_ids(self) -> Int[np.ndarray, " body"]:
        """(body,) named bodies that the joints or the free root can move, in the model's order."""
        m = self.mj_model
        return np.array([b for b in range(m.nbody) if m.body_weldid[b] and m.body(b).name], dtype=int)

    @cached_property
    def body_names(self) -> tuple[str, ...]:
        """Names of the bodies in `body_ids`."""
        return tuple(self.mj_model.body(b).name for b in self.body_ids)

    def joint(self, name: str) -> int:
        """Return the index of a joint in arrays over joints; ConfigError if the body has none of that name."""
        return _index(name, self.joint_names, f"body {self.body.name}: no joint")

    def muscle(self, name: str) -> int:
        """Return the index of a muscle in arrays over muscles; ConfigError if the body has none of that name."""
        return _index(name, self.muscle_names, f"body {self.body.name}: no muscle")

    def keypoint(self, name: str) -> int:
        """Return the index of a keypoint in arrays over keypoints; ConfigError if the body has none of that name."""
        return _index(name, self.keypoint_names, f"body {self.body.name}: no keypoint")


def _actuated(body: Body, actuation: Actuation | None) -> mujoco.MjSpec:
    spec = body.spec()
    if actuation is not None:
        actuation.apply(spec)
    return spec


def _compile(spec: mujoco.MjSpec, body: Body) -> mujoco.MjModel:
    try:
        return spec.compile()
    except ValueError as e:
        raise ConfigError(f"body {body.name}: MuJoCo cannot compile it: {' '.join(str(e).split())}") from e


def _index(name: str, names: tuple[str, ...], what: str) -> int:
    if name not in names:
        raise ConfigError(f"{what} {name!r}{did_you_mean(name, names)}")
    return names.index(name)
