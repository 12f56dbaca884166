"""On which side of a wrapping geom a tendon runs, where the model leaves that to the last digit of a number."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import attrs
import numpy as np
from jaxtyping import Float

from mimic_core import DataError, did_you_mean
from mimic_modelling.names import free_name
from mimic_modelling.settings import Wraps

if TYPE_CHECKING:
    import mujoco

_DOUBTFUL = 1e-3
"""Of the radius; a side site nearer to the surface may be on either side of it by rounding."""

_CLEARLY = {"inside": 0.9, "outside": 1.1}
"""Where a side site is put, in radii from the geom's centre."""


@attrs.frozen
class _Wrap:
    """A tendon's passing of a geom with a side site, which lies ``radii`` from the geom's centre."""

    tendon: str
    geom: str
    site: str
    radii: float
    from_centre: Float[np.ndarray, "3"]
    centre: Float[np.ndarray, "3"]
    body: str


def set_sides(
    tree: ET.Element, model: mujoco.MjModel, chosen: Wraps, where: str, path: Path, remarks: list[str]
) -> bool:
    """Let tendons run inside or outside the geoms that the description chooses, and say where the model is in doubt.

    MuJoCo takes a tendon inside a sphere or cylinder if the side site is nearer to its centre than the radius. A site
    *on* the surface is on either side by rounding, and the two pull differently once the joint turns.

    Return whether the tree was changed.

    Raises:
        DataError: a pattern fits no geom that a tendon passes with a side site, or one is to be both.
    """
    wraps = list(_wraps(model))
    geoms = sorted({w.geom for w in wraps})
    side_of: dict[str, str] = {}
    for side in ("inside", "outside"):
        for pattern in getattr(chosen, side):
            fits = [g for g in geoms if fnmatchcase(g, pattern)]
            if not fits:
                known = did_you_mean(pattern, geoms) if geoms else "; it has none"
                raise DataError(
                    f"{where}: wraps.{side}: {path.name} has no geom {pattern!r} that a tendon passes with a side site"
                    f"{known}"
                )
            if both := [g for g in fits if side_of.get(g, side) != side]:
                raise DataError(f"{where}: wraps: {', '.join(both)} is to be inside and outside; leave one of them out")
            side_of |= dict.fromkeys(fits, side)
    _put(tree, [w for w in wraps if w.geom in side_of], side_of)
    for side in ("inside", "outside"):
        if of := [g for g in geoms if side_of.get(g) == side]:
            patterns = ", ".join(getattr(chosen, side))
            remarks.append(f"tendons run {side} {len(of)} geoms, as the description says: {patterns}")
    doubtful = [w for w in wraps if w.geom not in side_of and abs(w.radii - 1) < _DOUBTFUL]
    if doubtful:
        by_chance = sorted({w.geom for w in doubtful})
        inside = sum(w.radii < 1 for w in doubtful)
        remarks.append(
            f"{len(doubtful)} tendons pass {len(by_chance)} geoms whose side sites lie on the surface, so that the "
            f"last digit decides on which side they run ({inside} inside, {len(doubtful) - inside} outside): "
            f"{', '.join(by_chance)}; choose by [wraps] inside = [...] or outside = [...]"
        )
    return bool(side_of)


def _wraps(model: mujoco.MjModel) -> Iterator[_Wrap]:
    import mujoco

    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    surfaces = (int(mujoco.mjtWrap.mjWRAP_SPHERE), int(mujoco.mjtWrap.mjWRAP_CYLINDER))
    for t in range(model.ntendon):
        for w in range(model.tendon_adr[t], model.tendon_adr[t] + model.tendon_num[t]):
            side, geom = round(model.wrap_prm[w]), int(model.wrap_objid[w])
            if model.wrap_type[w] not in surfaces or side < 0:
                continue
            body = model.site_bodyid[side]
            turn = data.xmat[body].reshape(3, 3)
            offset = turn.T @ (data.site_xpos[side] - data.geom_xpos[geom])
            yield _Wrap(
                tendon=model.tendon(t).name,
                geom=model.geom(geom).name,
                site=model.site(side).name,
                radii=float(np.linalg.norm(offset) / model.geom_size[geom, 0]),
                from_centre=offset / max(float(np.linalg.norm(offset)), 1e-12) * model.geom_size[geom, 0],
                centre=turn.T @ (data.geom_xpos[geom] - data.xpos[body]),
                body=model.body(body).name,
            )


def _put(tree: ET.Element, wraps: list[_Wrap], side_of: dict[str, str]) -> None:
    """Give the tendons side sites of their own; the model's stay, since other things may be fixed to them."""
    bodies = {b.get("name"): b for world in tree.findall("worldbody") for b in (world, *world.iter("body"))}
    taken = {site.get("name", "") for site in tree.iter("site")}
    ours: dict[tuple[str, str], str] = {}
    for wrap in wraps:
        key = (wrap.site, wrap.geom)
        if key not in ours:
            side = side_of[wrap.geom]
            ours[key] = free_name(f"{wrap.site}_{side}", taken)
            taken.add(ours[key])
            pos = wrap.centre + _CLEARLY[side] * wrap.from_centre
            at = " ".join(repr(float(x)) for x in pos)
            ET.SubElement(bodies[wrap.body if wrap.body != "world" else None], "site", name=ours[key], pos=at)
    for geom in (g for section in tree.findall("tendon") for g in section.iter("geom")):
        if new := ours.get((geom.get("sidesite", ""), geom.get("geom", ""))):
            geom.set("sidesite", new)
