"""Sticks for bones: what pictures show of a model whose surfaces are not read."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np

from mimic_osim.joints import Joint
from mimic_osim.opened import Opened, base_of, each, vector
from mimic_osim.skeleton import Skeleton, numbers
from mimic_osim.strand import Point
from mimic_osim.survey import Survey

_THICK = 0.04
"""Radius of a stick, as a share of its length."""


def add_bones(opened: Opened, joints: list[Joint], out: Skeleton, points: list[Point], found: Survey) -> None:
    """Give every body that moves a stick from its joint to the next joints, else to the farthest marker or path point.

    They have no mass and touch nothing. Bodies that the sampled poses never move get none.
    """
    far = [(p.body, p.pos) for p in points if p.pos.ndim == 1]
    for marker in each(opened.model.getMarkerSet()):
        body, base = base_of(marker.getParentFrame())
        far.append((body, base.pos + base.turn @ vector(marker.get_location())))
    for joint in joints:
        body, start = joint.child, joint.after.pos
        moves = any(np.ptp(x, axis=0).any() for x in (found.pos[body], found.turn[body]))
        if body not in out.elements or not moves:
            continue
        ends = [j.before.pos for j in joints if j.parent == body]
        if not any(np.linalg.norm(e - start) > 1e-6 for e in ends):
            ends = sorted((p for b, p in far if b == body), key=lambda p: np.linalg.norm(p - start))[-1:]
        for end in ends:
            if (length := float(np.linalg.norm(end - start))) > 1e-6:
                ET.SubElement(
                    out.elements[body],
                    "geom",
                    type="capsule",
                    size=numbers((_THICK * length,)),
                    fromto=numbers((*start, *end)),
                    mass="0",
                    contype="0",
                    conaffinity="0",
                    group="2",
                    rgba="0.85 0.83 0.75 1",
                )
