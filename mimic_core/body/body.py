"""What a body is: a skeleton as data, its muscles, and where keypoints sit on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mimic_core.errors import ConfigError, did_you_mean
from mimic_core.plugins.component import ComponentSpec

if TYPE_CHECKING:
    import mujoco

positive = attrs.validators.gt(0.0)


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
        mjcf: the skeleton (bodies, joints, inertias, sites, bones) as MJCF text, without actuators, in full precision.
        keypoints: keypoint name → name of the site that marks it.
        keypoint_pos: keypoint name → position in the parent body's frame (m), where a registration has moved it.
        keypoint_spread: how far (m) a registration should expect a keypoint to be from that place.
        scale, length_unit: metres of the animal, and of the model, per unit of length that the model is written in.
        segment_scale: body name → how much longer the segment that begins there is than the model's, beyond ``scale``.
        assets: file name → base64 of the files (meshes, textures) that ``mjcf`` names.
        actuators: the model's own, as MJCF text with ``<default>`` and ``<actuator>`` alone; empty if it has none.
        muscles: what a muscle actuation drives.
        torque_limits: joint name → N·m, for a torque actuation; joints not named get theirs from the muscles.
        reserves: joint name → N·m (N for a slide), the most that a motor gives there for muscles that the body lacks.
        remarks: what an importer left out of the model, one line each.
        emg_muscles: what a lab calls a muscle that it records (lower case) → the muscle of this body.
    """

    name: str
    variant: str = ""
    mjcf: str = attrs.field(repr=False)
    keypoints: Mapping[str, str] = attrs.field(factory=dict)
    keypoint_pos: Mapping[str, tuple[float, float, float]] = attrs.field(factory=dict)
    keypoint_spread: float = 0.002
    scale: float = attrs.field(default=1.0, validator=positive)
    length_unit: float = attrs.field(default=1.0, validator=positive)
    segment_scale: Mapping[str, float] = attrs.field(factory=dict)
    assets: Mapping[str, str] = attrs.field(factory=dict, repr=lambda a: f"{{{', '.join(a)}}}")
    actuators: str = attrs.field(default="", repr=False)
    muscles: tuple[Muscle, ...] = ()
    torque_limits: Mapping[str, float] = attrs.field(factory=dict)
    reserves: Mapping[str, float] = attrs.field(factory=dict)
    remarks: tuple[str, ...] = ()
    emg_muscles: Mapping[str, str] = attrs.field(factory=dict)
    physics: Physics = attrs.field(factory=Physics)

    @property
    def size(self) -> float:
        """Size of the animal over the size of the model."""
        return self.scale / self.length_unit

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

        from mimic_core.body.scaling import scale_segments

        assets = {name: base64.b64decode(text) for name, text in self.assets.items()}
        spec = mujoco.MjSpec.from_string(self.mjcf, assets=assets)
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
        spec.option.iterations, spec.option.ls_iterations = self.physics.iterations, self.physics.ls_iterations
        return spec


@attrs.frozen(kw_only=True)
class BodySpec(ComponentSpec):
    """A body as a plugin offers it: built by ``build(config, variant) -> Body``, or from a description file.

    Attributes:
        build: None for a body that a file describes.
        description: the file that describes it, see `mimic_core.Description`, whose settings are the body's.
        variants: variant name → one line; the first is the default.
    """

    build: Callable[..., Body] | None = attrs.field(  # type: ignore[assignment]  # others have one always
        default=None, validator=attrs.validators.optional(attrs.validators.is_callable())
    )
    description: Path | None = None
    variants: Mapping[str, str] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if (self.build is None) == (self.description is None):
            raise ValueError(f"body {self.name}: must have either build or description")

    def chosen_variant(self, variant: str | None, who: str = "") -> str:
        """Check a variant's name; None is the default one.

        Raises:
            ConfigError: there is none of that name; the message calls the body ``who``.
        """
        if variant and variant not in self.variants:
            known = did_you_mean(variant, self.variants) if self.variants else "; it has no variants"
            raise ConfigError(f"body {who or self.name}: unknown variant {variant!r}{known}")
        return variant or next(iter(self.variants), "")

    def make(self, variant: str | None, config: Any = None) -> Body:
        """Build the body, checking the variant's name.

        One that a file describes is made by `mimic_core.chain.make_body`, which knows the importers.
        """
        if self.build is None:
            raise ConfigError(f"body {self.name}: is described by a file, which an importer reads; use make_body")
        return self.build(config if config is not None else self.config(), self.chosen_variant(variant))
