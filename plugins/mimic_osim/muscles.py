"""OpenSim's muscles as MuJoCo's: force, lengths, curves and time constants.

Both are of Hill's type with a contractile element whose force is the product of activation, a function of length and
one of velocity, beside a passive one. MuJoCo's tendon does not stretch and its fibres have no pennation, so that fibre
length is path length less slack length, in units of L₀·cos α₀ (Millard et al. 2013, doi:10.1115/1.4023390; MuJoCo
documentation, Computation: Muscle actuators).
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from mimic_osim.opened import package

_RANGE = (0.5, 1.5)
"""Fibre lengths between which MuJoCo is told path lengths; any two say the same."""
_NO_PASSIVE = 1e-6
"""Scale of the passive force of a muscle that has none: MuJoCo takes no 0."""
_THELEN_GAMMA, _THELEN_PASSIVE = "KshapeActive", "KshapePassive"


@attrs.frozen(eq=False)
class Hill:
    """MuJoCo's parameters of a muscle.

    Attributes:
        force: N, at full activation and optimal length, along the tendon.
        length_range: path lengths (m) at fibre lengths ``_RANGE``.
        lmin, lmax, vmax, fpmax, fvmax: see MuJoCo's actuator/muscle.
        time: activation and deactivation time constants, s.
        most: largest excitation.
        active_error, passive_error: root mean square difference of the force-length curves from OpenSim's over the
            fibre lengths that poses give, in maximum isometric forces.
        outside: share of poses with fibres shorter than half or longer than 1.6 of their optimal length.
    """

    force: float
    length_range: tuple[float, float]
    lmin: float
    lmax: float
    vmax: float
    fpmax: float
    fvmax: float
    time: tuple[float, float]
    most: float
    active_error: float
    passive_error: float
    outside: float

    @property
    def attributes(self) -> dict[str, str]:
        """Attributes of MJCF's ``<muscle>``."""
        named = {k: repr(float(getattr(self, k))) for k in ("force", "lmin", "lmax", "vmax", "fpmax", "fvmax")}
        low, high = self.length_range
        pair = {"lengthrange": (low, high), "range": _RANGE, "timeconst": self.time, "ctrlrange": (0.0, self.most)}
        return named | {k: " ".join(repr(float(x)) for x in v) for k, v in pair.items()}


def hill(muscle: Any, lengths: np.ndarray) -> Hill:
    """Map a muscle; ``lengths`` (pose,) m of its path say over which fibre lengths the curves should agree."""
    opensim = package()
    kind = own(muscle)
    fibre = float(muscle.get_optimal_fiber_length())
    cosine = float(np.cos(muscle.get_pennation_angle_at_optimal()))
    slack = float(muscle.get_tendon_slack_length())
    unit = fibre * cosine
    reached = (lengths - slack) / unit
    low, high = np.clip(np.percentile(reached, [2, 98]), 0.4, 1.8)
    x = np.linspace(min(low, 0.9), max(high, 1.1), 60)
    active, passive = _curves(kind, x)
    lmin, lmax, active_error = _fit_active(x, active)
    fpmax, passive_error = _fit_passive(x, passive, lmax)
    times = [
        _property(kind, k, d) for k, d in (("activation_time_constant", 0.01), ("deactivation_time_constant", 0.04))
    ]
    fvmax = _property(kind, "Flen", 1.4)
    if (de := opensim.DeGrooteFregly2016Muscle.safeDownCast(muscle)) is not None:
        fvmax = float(de.calcForceVelocityMultiplier(1.0))
    elif (millard := opensim.Millard2012EquilibriumMuscle.safeDownCast(muscle)) is not None:
        fvmax = float(millard.getForceVelocityCurve().calcValue(1.0))
    return Hill(
        force=float(muscle.get_max_isometric_force()) * cosine,
        length_range=(slack + _RANGE[0] * unit, slack + _RANGE[1] * unit),
        lmin=lmin,
        lmax=lmax,
        vmax=float(muscle.get_max_contraction_velocity()),
        fpmax=fpmax,
        fvmax=fvmax,
        time=(times[0], times[1]),
        most=most if 0.0 < (most := float(muscle.get_max_control())) < 1.0 else 1.0,
        active_error=active_error,
        passive_error=passive_error,
        outside=float(np.mean((reached < 0.5) | (reached > 1.6))),
    )


def own(muscle: Any) -> Any:
    """Return a muscle as the class that it is, since OpenSim hands out its base class."""
    kind = getattr(package(), muscle.getConcreteClassName(), None)
    found = kind.safeDownCast(muscle) if kind is not None else None
    return muscle if found is None else found


def _property(muscle: Any, name: str, otherwise: float) -> float:
    getter = getattr(muscle, f"get_{name}", None)
    return float(getter()) if getter is not None else otherwise


def _curves(muscle: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Active and passive force at fibre lengths x (n,), in maximum isometric forces."""
    if hasattr(muscle, "getActiveForceLengthCurve"):
        active, passive = muscle.getActiveForceLengthCurve(), muscle.getFiberForceLengthCurve()
        return np.array([active.calcValue(float(v)) for v in x]), np.array([passive.calcValue(float(v)) for v in x])
    if hasattr(muscle, "calcActiveForceLengthMultiplier"):
        each = (
            (muscle.calcActiveForceLengthMultiplier(float(v)), muscle.calcPassiveForceMultiplier(float(v))) for v in x
        )
        active, passive = np.array(list(each)).T
        return active, np.maximum(passive, 0.0)
    # Thelen 2003, doi:10.1115/1.1531112, equations 2 and 3; others get the numbers that OpenSim gives by default
    gamma = _property(muscle, _THELEN_GAMMA, 0.45)
    shape, strain = _property(muscle, _THELEN_PASSIVE, 4.0), _property(muscle, "FmaxMuscleStrain", 0.6)
    grown = np.expm1(shape * np.maximum(x - 1.0, 0.0) / strain) / np.expm1(shape)
    return np.exp(-((x - 1.0) ** 2) / gamma), grown


def active_force(x: np.ndarray, lmin: float, lmax: float) -> np.ndarray:
    """MuJoCo's active force at fibre lengths x (n,), in maximum isometric forces (`mju_muscleGain`)."""
    a, b = (lmin + 1) / 2, (1 + lmax) / 2
    parts = [
        (x <= lmin, 0.0 * x),
        (x <= a, 0.5 * ((x - lmin) / (a - lmin)) ** 2),
        (x <= 1, 1 - 0.5 * ((1 - x) / (1 - a)) ** 2),
        (x <= b, 1 - 0.5 * ((x - 1) / (b - 1)) ** 2),
        (x <= lmax, 0.5 * ((lmax - x) / (lmax - b)) ** 2),
    ]
    return np.select([c for c, _ in parts], [v for _, v in parts], 0.0)


def passive_force(x: np.ndarray, lmax: float, fpmax: float) -> np.ndarray:
    """MuJoCo's passive force at fibre lengths x (n,), in maximum isometric forces (`mju_muscleBias`)."""
    b = (1 + lmax) / 2
    return fpmax * np.select([x <= 1, x <= b], [0.0 * x, 0.5 * ((x - 1) / (b - 1)) ** 2], 0.5 + (x - b) / (b - 1))


def _fit_active(x: np.ndarray, wanted: np.ndarray) -> tuple[float, float, float]:
    from scipy.optimize import least_squares

    def off(p: np.ndarray) -> np.ndarray:
        return active_force(x, *p) - wanted

    found = least_squares(off, [0.4, 1.6], bounds=([0.0, 1.2], [0.8, 2.5]))
    return float(found.x[0]), float(found.x[1]), float(np.sqrt(np.mean(found.fun**2)))


def _fit_passive(x: np.ndarray, wanted: np.ndarray, lmax: float) -> tuple[float, float]:
    shape = passive_force(x, lmax, 1.0)
    scale = float(shape @ wanted / (shape @ shape)) if shape.any() else 0.0
    scale = max(scale, _NO_PASSIVE)
    return scale, float(np.sqrt(np.mean((scale * shape - wanted) ** 2)))
