"""Put a body's muscles on its skeleton."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import mujoco

from mimic_core import Actuation, Body, ConfigError, Muscle, did_you_mean
from mimic_strength.holding import holding_activation
from mimic_strength.reserves import with_reserves

if TYPE_CHECKING:
    from mimic_hill.settings import Settings

_WIDTH = 1e-4
_RGBA = (0.9, 0.0, 0.0, 0.5)


def build_actuation(config: Settings, body: Body) -> Actuation:
    """Return the actuation that drives every muscle of ``body``, and its reserves (`mimic_strength.reserves`).

    A muscle's length range, which places its operating range (see `mimic_hill.curves`), is found by MuJoCo
    once, on the skeleton with the options that its MJCF gives, and then held: it must not move with the
    time step or the solver that a run is integrated with. It is the range over the hinges; slides are held at rest.

    Raises:
        ConfigError: the body has no muscles, two muscles of one name, or a muscle with a path of fewer than
            two sites or through a site that the skeleton does not have; or a reserve for no joint of it.
    """
    if not body.muscles:
        raise ConfigError(
            f"body {body.name}: has no muscles for the actuation 'hill' to drive; use actuation = 'torque'"
        )
    names = tuple(m.name for m in body.muscles)
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"body {body.name}: has {names.count(name)} muscles named {name!r}; give each its own name"
            )
    _check_paths(body)

    @cache
    def length_ranges() -> dict[str, tuple[float, float]]:
        return _length_ranges(config, body)

    def apply(spec: mujoco.MjSpec) -> None:
        ranges = length_ranges()
        for muscle in body.muscles:
            _add(spec, muscle, config).lengthrange = ranges[muscle.name]

    muscles = Actuation(name="hill", actuators=names, low=0.0, high=1.0, apply=apply, hold=holding_activation)
    return with_reserves(muscles, config.reserve, config.reserve_time, body)


def _check_paths(body: Body) -> None:
    sites = [s.name for s in body.skeleton().sites]
    for muscle in body.muscles:
        if len(muscle.path) < 2:
            raise ConfigError(
                f"body {body.name}: muscle {muscle.name!r} passes {len(muscle.path)} sites; "
                "its path needs at least an origin and an insertion"
            )
        for site in muscle.path:
            if site not in sites:
                raise ConfigError(
                    f"body {body.name}: muscle {muscle.name!r} passes site {site!r}, which the skeleton "
                    f"does not have{did_you_mean(site, sites)}"
                )


def _length_ranges(config: Settings, body: Body) -> dict[str, tuple[float, float]]:
    spec = body.skeleton()
    _hold_slides(spec)
    for muscle in body.muscles:
        _add(spec, muscle, config)
    try:
        model = spec.compile()
    except ValueError as e:
        raise ConfigError(f"body {body.name}: {_why_no_range(' '.join(str(e).split()), body)}") from e
    return {m.name: tuple(model.actuator(m.name).lengthrange) for m in body.muscles}


def _hold_slides(spec: mujoco.MjSpec) -> None:
    """Leave only hinges, if there are any: a slide is the give of what carries a limb, no joint that muscles turn."""
    kinds = mujoco.mjtJoint
    if any(j.type == kinds.mjJNT_HINGE for j in spec.joints):
        for joint in [j for j in spec.joints if j.type == kinds.mjJNT_SLIDE]:
            spec.delete(joint)


def _why_no_range(message: str, body: Body) -> str:
    # MuJoCo names the muscle by its number alone.
    number = re.search(r"actuator (\d+)", message)
    muscle = f"of muscle {body.muscles[int(number[1])].name!r}" if number else "of its muscles"
    return (
        f"MuJoCo cannot find the length range {muscle} ({message.removeprefix('Error: ')}); its path must change "
        "length as the joints move, and the joints it crosses must be limited"
    )


def _add(spec: mujoco.MjSpec, muscle: Muscle, config: Settings) -> mujoco.MjsActuator:
    tendon = spec.add_tendon(name=muscle.name, width=_WIDTH, rgba=_RGBA)
    for site in muscle.path:
        tendon.wrap_site(site)
    actuator = spec.add_actuator(
        name=muscle.name, target=muscle.name, trntype=mujoco.mjtTrn.mjTRN_TENDON, ctrllimited=True, ctrlrange=(0.0, 1.0)
    )
    actuator.set_to_muscle(
        timeconst=(muscle.activation_time, muscle.deactivation_time),
        tausmooth=config.smoothing,
        range=muscle.operating_range,
        force=muscle.max_isometric_force * config.force_scale,
        lmin=muscle.length_min,
        lmax=muscle.length_max,
        vmax=muscle.max_shortening_velocity,
        fpmax=muscle.passive_force,
        fvmax=muscle.eccentric_force,
    )
    return actuator
