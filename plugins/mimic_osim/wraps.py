"""OpenSim's wrap objects as MuJoCo's: cylinders and spheres as they are, ellipsoids as what fits.

MuJoCo wraps a path around spheres and endless cylinders, to a given side of them or to the nearer one (MuJoCo
documentation, Computation: Tendon). OpenSim has finite cylinders, ellipsoids and tori too, and a quadrant that a path
must keep to (Delp & Loan 1995, doi:10.1016/0010-4825(95)98882-E).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from mimic_osim.opened import Frame, base_of, frame, package, vector
from mimic_osim.strand import CYLINDER, SPHERE, Strand, Wrap

_MUCH = 0.8
"""Another shape than the model's own is taken if it is off by less than this share of what that is off by."""
_ENOUGH = 2e-6  # m; nobody needs a better one
_EVALUATIONS = 250


def side_of(wrap: Any) -> np.ndarray | None:
    """The side that a path must keep, (3,) in the object's own frame; None for either."""
    text = wrap.get_quadrant().lower()
    if text.lstrip("+-") not in ("x", "y", "z"):
        return None
    return (-1.0 if text.startswith("-") else 1.0) * np.eye(3)["xyz".index(text.lstrip("+-"))]


def options(wrap: Any, name: str) -> list[Wrap | None]:
    """Return what an OpenSim wrap object may become, the nearest first; None stands for nothing.

    Args:
        wrap: ``opensim.WrapObject``.
        name: of the geom.
    """
    opensim = package()
    body, base = base_of(wrap.getFrame())
    place = base @ frame(wrap.getTransform())
    side = side_of(wrap)
    sides = [side, None] if side is not None else [None]
    if cylinder := opensim.WrapCylinder.safeDownCast(wrap):
        shape = Wrap(name, body, CYLINDER, place, cylinder.get_radius(), cylinder.get_length() / 2)
        return [attrs.evolve(shape, side=_across(s)) for s in sides] + [None]
    if sphere := opensim.WrapSphere.safeDownCast(wrap):
        shape = Wrap(name, body, SPHERE, place, sphere.get_radius())
        return [attrs.evolve(shape, side=s) for s in sides] + [None]
    if ellipsoid := opensim.WrapEllipsoid.safeDownCast(wrap):
        radii = vector(ellipsoid.get_dimensions())
        shapes = [Wrap(name, body, SPHERE, place, float(np.cbrt(np.prod(radii))))]
        for axis in range(3):
            across = np.delete(radii, axis)
            turned = place @ Frame(_to_z(axis))
            shapes.append(Wrap(name, body, CYLINDER, turned, float(across.mean()), float(radii[axis])))
        out: list[Wrap | None] = []
        for shape in shapes:
            for s in sides:
                own = s if s is None else shape.place.turn.T @ place.turn @ s
                if s is None or shape.kind == SPHERE or _across(own) is not None:
                    out.append(attrs.evolve(shape, side=own if shape.kind == SPHERE else _across(own)))
        return [*out, None]
    return [None]


def _across(side: np.ndarray | None) -> np.ndarray | None:
    """A side as far as a cylinder has it: not along its axis."""
    if side is None or np.linalg.norm(side[:2]) < 1e-6:
        return None
    return np.array([*side[:2], 0.0]) / np.linalg.norm(side[:2])


def _to_z(axis: int) -> np.ndarray:
    """(3, 3) rotation that brings the z axis to lie along an axis, by a cyclic change of axes."""
    return np.roll(np.eye(3), axis - 2, axis=0)


def choose(
    slots: dict[str, list[Wrap | None]],
    start: dict[str, Wrap | None],
    score: Callable[[dict[str, Wrap | None]], float],
) -> tuple[dict[str, Wrap | None], float]:
    """Choose for each wrap object what makes the path's lengths right; return the choice and its score, m.

    One object after the other, twice where there are several; a shape that is not the first must be better by much.
    """
    chosen, best = dict(start), score(start)
    for _ in range(min(len(slots), 2)):
        for name, able in slots.items():
            for option in able:
                if option is chosen[name] or best < _ENOUGH:
                    continue
                found = score({**chosen, name: option})
                if found < _MUCH * best:
                    chosen, best = {**chosen, name: option}, found
    return chosen, best


def refine(strand: Strand, i: int, wrap: Wrap, right: Callable[[np.ndarray], float]) -> Wrap:
    """Return a shape moved, turned and made larger or smaller so that the path's lengths are right.

    Args:
        strand: path that has the wrap as part ``i``.
        right: lengths (pose,) m → how far they are off, m.
    """
    from scipy.optimize import minimize
    from scipy.spatial.transform import Rotation

    n = 6 if wrap.kind == CYLINDER else 4

    def moved(x: np.ndarray) -> Wrap:
        turn = Rotation.from_rotvec([*x[4:], 0.0] if n > 4 else [0.0, 0.0, 0.0]).as_matrix()
        place = Frame(wrap.place.turn @ turn, wrap.place.pos + x[:3] * wrap.radius)
        return attrs.evolve(wrap, place=place, radius=float(wrap.radius * np.exp(x[3])))

    def cost(x: np.ndarray) -> float:
        strand.reshape(i, moved(x))
        # a shape far from the model's own is no longer that bone
        return right(strand.lengths()) + 1e-5 * wrap.radius * float(x @ x)

    start = np.vstack([np.zeros(n), 0.3 * np.eye(n)])
    settings = {"initial_simplex": start, "maxfev": _EVALUATIONS}
    return moved(minimize(cost, np.zeros(n), method="Nelder-Mead", options=settings).x)
