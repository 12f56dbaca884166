"""Which segment of the body carries each keypoint: the one on which the fit keeps it in place."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

import attrs
import numpy as np

from mimic_core import Body, BodyModel, DataError
from mimic_stac_mjx.fit import Fit
from mimic_stac_mjx.pose import rotation

_MM = 1000.0


@attrs.frozen
class Movement:
    """A fit in the body's terms and at the body's size.

    Attributes:
        qpos: (row, qpos) in the body's order.
        xpos, xquat: (row, body, 3) m and (row, body, 4), every segment of the body.
        sites: (row, keypoint, 3) m, where the fit has the keypoints.
        renamed: joint of the file → joint of the body, where they differ.
    """

    qpos: np.ndarray
    xpos: np.ndarray
    xquat: np.ndarray
    sites: np.ndarray
    renamed: Mapping[str, str]

    def local(self, segment: int, keypoint: int) -> np.ndarray:
        """Return (row, 3) m, the fit's keypoint in the frame of a segment."""
        arm = self.sites[:, keypoint] - self.xpos[:, segment]
        return np.einsum("nji,nj->ni", rotation(self.xquat[:, segment]), arm)

    def moved_mm(self, segment: int, keypoint: int) -> float:
        """How far the fit's keypoint is at most from its mean place on a segment, mm of the model."""
        local = self.local(segment, keypoint)
        return float(np.linalg.norm(local - local.mean(0), axis=-1).max() * _MM)

    def offsets(self, segments: np.ndarray) -> np.ndarray:
        """Return (keypoint, 3) m, the fit's mean places of the keypoints on ``segments`` (keypoint,)."""
        return np.stack([self.local(s, k).mean(0) for k, s in enumerate(segments)])

    def place(self, segments: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return (row, keypoint, 3) m, points at ``offsets`` (keypoint, 3) m on ``segments``."""
        return self.xpos[:, segments] + np.einsum("nkij,kj->nki", rotation(self.xquat[:, segments]), offsets)


def find_carriers(
    fits: Sequence[Fit], moves: Sequence[Movement], model: BodyModel, tolerance_mm: float
) -> dict[str, str]:
    """Return keypoint → segment: the body's own choice, or the segment on which every fit holds the keypoint still.

    Fits of one skeleton may differ from the body in this: an elbow is the end of the upper arm and the beginning of
    the lower one.

    Raises:
        DataError: no segment does, so that the fitted skeleton is another one.
    """
    mj, tolerance_mm = model.mj_model, tolerance_mm / model.body.scale
    out = {}
    for k, (keypoint, own) in enumerate(zip(model.keypoint_names, carriers_of(model), strict=True)):
        moved = [m.moved_mm(own, k) for m in moves]
        best = int(own)
        if max(moved) > tolerance_mm:
            named = [b for b in range(mj.nbody) if mj.body(b).name]
            # Segments without a joint between them do equally well; the first is the one nearest the root.
            best = min(named, key=lambda b: round(max(m.moved_mm(b, k) for m in moves), 3))
            if max(m.moved_mm(best, k) for m in moves) > tolerance_mm:
                worst = int(np.argmax(moved))
                raise DataError(
                    f"{fits[worst].path}: keypoint {keypoint} moves by {moved[worst] * model.body.scale:.3g} mm on "
                    f"{mj.body(own).name} of body {model.body.name}, expected at most "
                    f"{tolerance_mm * model.body.scale:g}: the fit was made with another skeleton; choose the body of "
                    "the fit, or let it pass with --set tolerance_mm=…"
                )
        out[keypoint] = mj.body(best).name
    return out


def carriers_of(model: BodyModel) -> np.ndarray:
    """Return (keypoint,) indices of the segments that carry the body's keypoints."""
    return model.mj_model.site_bodyid[model.keypoint_site_ids]


def carried_by(body: Body, segments: Mapping[str, str]) -> Body:
    """Return the body with keypoints at new sites on other ``segments`` (keypoint → segment)."""
    if not segments:
        return body
    tree = ET.fromstring(body.mjcf)
    sites = dict(body.keypoints)
    for keypoint, segment in segments.items():
        site = copy.deepcopy(tree.find(f".//site[@name='{sites[keypoint]}']"))
        sites[keypoint] = f"{sites[keypoint]}_on_{segment}"
        site.set("name", sites[keypoint])
        carrier = tree.find("worldbody" if segment == "world" else f".//worldbody//body[@name='{segment}']")
        carrier.append(site)
    return attrs.evolve(body, mjcf=ET.tostring(tree, encoding="unicode"), keypoints=sites)
