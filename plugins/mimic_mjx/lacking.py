"""What MJX cannot simulate about a body, in one line."""

from __future__ import annotations

from collections.abc import Iterator

import mujoco
import numpy as np

_SHOWN = 4
"""Names of each kind that are listed; the rest is counted."""


def refusal(m: mujoco.MjModel, name: str, error: NotImplementedError) -> str:
    """Say what MJX, which refused the model of the body ``name`` with ``error``, does not have, and the way out."""
    what = "; ".join([*_collisions(m), *_actuators(m)]) or " ".join(str(error).split())
    return (
        f"body {name}: the simulator mjx does not have {what}; use --simulator mujoco with a policy that needs no "
        "gradient, or change these in the model"
    )


def _collisions(m: mujoco.MjModel) -> Iterator[str]:
    """Pairs of shapes that would meet and cannot, with the geoms."""
    from mujoco.mjx._src import collision_driver

    met: dict[tuple[str, str], list[str]] = {}
    for one, other, _ in collision_driver.geom_pairs(m):
        kinds = int(m.geom_type[one]), int(m.geom_type[other])
        if not collision_driver.has_collision_fn(*map(mujoco.mjtGeom, kinds)):
            met.setdefault(tuple(map(_kind, kinds)), []).append(f"{_geom(m, one)} with {_geom(m, other)}")
    for (one, other), pairs in met.items():
        yield f"collisions of {one} with {other} ({_some(pairs)})"


def _actuators(m: mujoco.MjModel) -> Iterator[str]:
    """Actuators on something that MJX cannot drive."""
    for trn in (mujoco.mjtTrn.mjTRN_BODY, mujoco.mjtTrn.mjTRN_SLIDERCRANK):
        names = [m.actuator(i).name for i in np.flatnonzero(m.actuator_trntype == int(trn))]
        if names:
            what = {mujoco.mjtTrn.mjTRN_BODY: "adhesion"}.get(trn, "slider-cranks")
            yield f"{what} ({_some(names)})"


def _kind(geom_type: int) -> str:
    return mujoco.mjtGeom(geom_type).name.removeprefix("mjGEOM_").lower()


def _geom(m: mujoco.MjModel, geom: int) -> str:
    return m.geom(geom).name or f"a geom of {m.body(m.geom_bodyid[geom]).name or 'the world'}"


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
