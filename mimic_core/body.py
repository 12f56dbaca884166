"""What a body is: a skeleton as data, its muscles, and where keypoints sit on it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core.component import ComponentSpec
from mimic_core.errors import ConfigError, DataError, did_you_mean

if TYPE_CHECKING:
    import mujoco

    from mimic_core.actuation import Actuation
    from mimic_core.plugins import Plugins

positive = attrs.validators.gt(0)


@attrs.frozen(kw_only=True)
class Muscle:
    """One muscle-tendon path and its Hill-type parameters.

    Attributes:
        path: names of the sites that the line of action passes, in order.
        max_isometric_force: N.
        operating_range: shortest and longest length over the joints' range, in optimal fibre lengths.
        max_shortening_velocity: optimal fibre lengths per second.
        activation_time, deactivation_time: time constants, s.
        passive_force: scale of the passive force, in maximum isometric forces: half of it half-way from optimal
            length to ``length_max``, 1.5 of it at ``length_max``.
        eccentric_force: force at saturating lengthening velocity, in maximum isometric forces.
        length_min, length_max: lengths where active force vanishes, in optimal fibre lengths.
    """

    name: str
    path: tuple[str, ...]
    max_isometric_force: float = attrs.field(validator=positive)
    operating_range: tuple[float, float]
    max_shortening_velocity: float = attrs.field(default=1.5, validator=positive)
    activation_time: float = attrs.field(default=0.01, validator=positive)
    deactivation_time: float = attrs.field(default=0.04, validator=positive)
    passive_force: float = 1.3
    eccentric_force: float = 1.2
    length_min: float = 0.5
    length_max: float = 1.6


@attrs.frozen(kw_only=True)
class Physics:
    """How the body is integrated in time. These are the settings of every reported number."""

    timestep: float = attrs.field(default=0.00125, validator=positive)
    integrator: str = attrs.field(default="rk4", validator=attrs.validators.in_(("euler", "implicitfast", "rk4")))
    solver: str = attrs.field(default="cg", validator=attrs.validators.in_(("pgs", "cg", "newton")))
    iterations: int = attrs.field(default=6, validator=attrs.validators.ge(1))
    ls_iterations: int = attrs.field(default=6, validator=attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class Body:
    """An animal's body as plain data: it can be saved in a file and built again from it.

    Attributes:
        mjcf: the skeleton (bodies, joints, inertias, sites, bones) as MJCF text, without actuators;
            numbers in full precision.
        keypoints: keypoint name → name of the site that marks it.
        keypoint_pos: keypoint name → position in the parent body's frame (m), where a registration has
            moved it from the place the skeleton gives it.
        keypoint_spread: how far (m) a registration should expect a keypoint to be from that place.
        scale: size of the animal over the size of the model.
        segment_scale: body name → how much longer the segment that begins there is than the model's, beyond ``scale``.
        assets: file name → base64 of the files (meshes, textures) that ``mjcf`` names.
        muscles: what a muscle actuation drives.
        torque_limits: joint name → N·m, for a torque actuation; joints not named get theirs from the muscles.
        emg_muscles: what a lab calls a muscle that it records (lower case) → the muscle of this body.
    """

    name: str
    variant: str = ""
    mjcf: str = attrs.field(repr=False)
    keypoints: Mapping[str, str] = attrs.field(factory=dict)
    keypoint_pos: Mapping[str, tuple[float, float, float]] = attrs.field(factory=dict)
    keypoint_spread: float = 0.002
    scale: float = attrs.field(default=1.0, validator=positive)
    segment_scale: Mapping[str, float] = attrs.field(factory=dict)
    assets: Mapping[str, str] = attrs.field(factory=dict, repr=lambda a: f"{{{', '.join(a)}}}")
    muscles: tuple[Muscle, ...] = ()
    torque_limits: Mapping[str, float] = attrs.field(factory=dict)
    emg_muscles: Mapping[str, str] = attrs.field(factory=dict)
    physics: Physics = attrs.field(factory=Physics)

    def with_keypoints(self, names: tuple[str, ...]) -> Body:
        """Return this body with only the named keypoints, in that order."""
        return attrs.evolve(
            self,
            keypoints={k: self.keypoints[k] for k in names},
            keypoint_pos={k: p for k, p in self.keypoint_pos.items() if k in names},
        )

    def skeleton(self) -> mujoco.MjSpec:
        """Return a fresh specification of the skeleton, segments scaled, with the options that the MJCF gives."""
        import base64

        import mujoco

        from mimic_core.scaling import scale_segments

        spec = mujoco.MjSpec.from_string(
            self.mjcf, assets={name: base64.b64decode(text) for name, text in self.assets.items()}
        )
        scale_segments(spec, self.segment_scale)
        return spec

    def spec(self) -> mujoco.MjSpec:
        """Return a fresh, editable specification of the body: the skeleton, keypoints in place, with its physics."""
        import mujoco

        spec = self.skeleton()
        for keypoint, pos in self.keypoint_pos.items():
            spec.site(self.keypoints[keypoint]).pos = pos
        integrators = {"euler": "EULER", "implicitfast": "IMPLICITFAST", "rk4": "RK4"}
        spec.option.timestep = self.physics.timestep
        spec.option.integrator = getattr(mujoco.mjtIntegrator, "mjINT_" + integrators[self.physics.integrator])
        spec.option.solver = getattr(mujoco.mjtSolver, "mjSOL_" + self.physics.solver.upper())
        spec.option.iterations = self.physics.iterations
        spec.option.ls_iterations = self.physics.ls_iterations
        return spec


@attrs.frozen(kw_only=True)
class BodySpec(ComponentSpec):
    """A body as a plugin offers it. ``build(config, variant) -> Body``.

    Attributes:
        variants: variant name → one line; the first is the default.
        suffixes: endings (lower case, with the dot) of description files that it builds from; its settings then have
            ``file``, the file that was named.
    """

    variants: Mapping[str, str] = attrs.field(factory=dict)
    suffixes: tuple[str, ...] = ()

    def make(self, variant: str | None, config: Any = None) -> Body:
        """Build the body, checking the variant's name."""
        if variant and variant not in self.variants:
            known = did_you_mean(variant, self.variants) if self.variants else "; it has no variants"
            raise ConfigError(f"body {self.name}: unknown variant {variant!r}{known}")
        variant = variant or next(iter(self.variants), "")
        return self.build(config if config is not None else self.config(), variant)


def parse_body(plugins: Plugins, text: str) -> tuple[BodySpec, str, str | None]:
    """Take ``NAME[:VARIANT]`` or ``FILE[:VARIANT]`` apart.

    Returns:
        who builds the body, the description file (empty for a name), and the variant (None where none is named).

    Raises:
        ConfigError: nobody builds bodies from files with that ending.
        PluginError: no such body, or several.
    """
    endings = {suffix: p.name for p in plugins.provided("body") for suffix in p.record.suffixes}
    name, variant = text, ""
    if Path(text).suffix.lower() not in endings and ":" in text:
        name, _, variant = text.rpartition(":")
    ending = Path(name).suffix.lower()
    if not ending:
        return plugins.get("body", name), "", variant or None
    if ending not in endings:
        known = ", ".join(sorted(endings)) or "none"
        raise ConfigError(f"{name}: no body is built from {ending!r} files; known endings: {known}")
    return plugins.get("body", endings[ending]), name, variant or None


def make_body(plugins: Plugins, text: str, settings: Mapping[str, Any] | None = None) -> Body:
    """Build the body that ``text`` names (see `parse_body`); ``settings`` are those of the body itself.

    Raises:
        ConfigError: an unknown variant, or an unknown or wrong setting.
        DataError: the description file does not exist.
        PluginError: no such body, or several.
    """
    from mimic_core.config import structure

    spec, file, variant = parse_body(plugins, text)
    if file and not Path(file).is_file():
        raise DataError(f"{file}: no such description of a body; check the path")
    given = {**(settings or {}), **({"file": file} if file else {})}
    return spec.make(variant, structure(given, spec.config, "body"))


@attrs.frozen(eq=False, slots=False)
class BodyModel:
    """A compiled body: MuJoCo's model with every name resolved to its place once.

    Arrays over joints cover the scalar joints (hinges and slides) in the model's order; the six
    degrees of freedom of a free root are kept apart and reached through ``root``.
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

    def editable(self) -> mujoco.MjSpec:
        """Return a fresh specification of this body with its actuators, for a simulator to add to."""
        return _actuated(self.body, self.actuation)

    @cached_property
    def _free_joint(self) -> int | None:
        import mujoco

        free = [j for j in self._joint_ids if self._joint_type(j) == int(mujoco.mjtJoint.mjJNT_FREE)]
        return free[0] if free else None

    @cached_property
    def root(self) -> str | None:
        """Name of the free joint (empty if it has none), or None for a body fixed in space."""
        return None if self._free_joint is None else self.mj_model.joint(self._free_joint).name

    @cached_property
    def root_qposadr(self) -> int:
        """Where the free root's position begins in qpos; its quaternion follows."""
        return int(self.mj_model.jnt_qposadr[self._free_joint])

    @cached_property
    def root_dofadr(self) -> int:
        """Where the free root's velocity begins in qvel; its angular velocity follows."""
        return int(self.mj_model.jnt_dofadr[self._free_joint])

    @property
    def _joint_ids(self) -> range:
        return range(self.mj_model.njnt)

    def _joint_type(self, j: int) -> int:
        return int(self.mj_model.jnt_type[j])

    @cached_property
    def _scalar_joints(self) -> tuple[int, ...]:
        import mujoco

        scalar = {int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE)}
        return tuple(j for j in self._joint_ids if self._joint_type(j) in scalar)

    @cached_property
    def joint_names(self) -> tuple[str, ...]:
        return tuple(self.mj_model.joint(j).name for j in self._scalar_joints)

    @cached_property
    def joint_qposadr(self) -> np.ndarray:
        """Where each scalar joint sits in qpos."""
        return self.mj_model.jnt_qposadr[list(self._scalar_joints)].copy()

    @cached_property
    def joint_dofadr(self) -> np.ndarray:
        """Where each scalar joint sits in qvel."""
        return self.mj_model.jnt_dofadr[list(self._scalar_joints)].copy()

    @cached_property
    def joint_range(self) -> np.ndarray:
        """(joint, 2) lower and upper limit, rad (hinge) or m (slide); ±inf where unlimited."""
        ids = list(self._scalar_joints)
        limited = self.mj_model.jnt_limited[ids].astype(bool)
        return np.where(limited[:, None], self.mj_model.jnt_range[ids], np.array([-np.inf, np.inf]))

    @cached_property
    def is_hinge(self) -> np.ndarray:
        """(joint,) True where the joint's unit is rad."""
        import mujoco

        return self.mj_model.jnt_type[list(self._scalar_joints)] == int(mujoco.mjtJoint.mjJNT_HINGE)

    @cached_property
    def actuator_names(self) -> tuple[str, ...]:
        return tuple(self.mj_model.actuator(i).name for i in range(self.mj_model.nu))

    @cached_property
    def muscle_ids(self) -> np.ndarray:
        """Actuators that are muscles, in the body's order of muscles."""
        import mujoco

        return np.flatnonzero(self.mj_model.actuator_dyntype == int(mujoco.mjtDyn.mjDYN_MUSCLE))

    @cached_property
    def muscle_names(self) -> tuple[str, ...]:
        return tuple(self.actuator_names[i] for i in self.muscle_ids)

    @cached_property
    def keypoint_names(self) -> tuple[str, ...]:
        return tuple(self.body.keypoints)

    @cached_property
    def keypoint_site_ids(self) -> np.ndarray:
        return np.array([self.mj_model.site(s).id for s in self.body.keypoints.values()], dtype=int)

    @cached_property
    def body_ids(self) -> np.ndarray:
        """Named bodies that the joints or the free root can move, in the model's order."""
        m = self.mj_model
        return np.array([b for b in range(m.nbody) if m.body_weldid[b] and m.body(b).name], dtype=int)

    @cached_property
    def body_names(self) -> tuple[str, ...]:
        return tuple(self.mj_model.body(b).name for b in self.body_ids)

    def joint(self, name: str) -> int:
        """Index of a joint in arrays over joints."""
        return _index(name, self.joint_names, f"body {self.body.name}: no joint")

    def muscle(self, name: str) -> int:
        """Index of a muscle in arrays over muscles."""
        return _index(name, self.muscle_names, f"body {self.body.name}: no muscle")

    def keypoint(self, name: str) -> int:
        """Index of a keypoint in arrays over keypoints."""
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
