"""A free animal put on the floor of its model: the recording is moved, and turned where that is asked for.

Keypoints do not say where the ground was. The registered body does: where its lowest foot (any geom at the tip of a
limb that the floor can collide with) is in nearly all frames at or above, there is the floor. Recording and poses are
moved alike, so that the fit stays what it is.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from scipy.spatial.transform import Rotation

from mimic_core import Body, BodyModel, Keypoints
from mimic_kinematics.floor import Floor, floor_of, heights
from mimic_stac.calibrate import Fit
from mimic_stac.kinematics import KinematicTree
from mimic_stac.outcome import registered_body
from mimic_stac.pose import MM
from mimic_stac.settings import Settings

_TOUCH = 0.01  # a foot nearer to the floor than this share of the body's size touches it
_RARELY = 0.1  # share of frames with a foot on the floor below which a line says so
_FOOT = 0.3  # share of the body's height below which the tip of a limb is a foot
_HANGING = 5.0  # times what counts as touching; a foot that always is higher is worth a line
_FAR = 5.0  # deg, a tilt that is worth a line
_FLAT = 0.5  # spread of the lowest foot's places, in sizes of the body, below which they tell no tilt


def on_ground(
    settings: Settings, body: Body, model: BodyModel, kin: KinematicTree, fit: Fit, q: np.ndarray, keypoints: Keypoints
) -> tuple[Fit, np.ndarray, dict[str, Any]]:
    """Return fit and poses (frame, qpos) with the recording put on the floor, and what there is to say of it.

    Nothing changes for a body that is fixed in space, or has no floor that it can touch.
    """
    if not kin.has_root or settings.ground == "none":
        return fit, q, {}
    m = BodyModel.compile(registered_body(body, model, kin, fit)).mj_model
    floor = floor_of(m)
    if floor is None:
        return fit, q, _no_floor(model)
    clip = np.repeat(np.arange(len(keypoints.n_frames)), keypoints.n_frames)
    at = _Ground(kin, floor, fit, q, clip)
    before = at.lowest(m)
    if settings.ground_normal is not None:
        at = at.turned(_between(np.array(settings.ground_normal, float), floor.normal))
    size_m = _size(kin)
    tilt, told = _tilt(m, at, settings.ground_percentile, size_m)
    if settings.ground_tilt and told:
        at = at.turned(_between(tilt, floor.normal))
    if settings.ground_height_mm is not None:
        up = np.full(len(keypoints.n_frames), floor.height - settings.ground_height_mm / MM / fit.scale)
    else:
        low, parts = at.lowest(m), clip if settings.ground == "clip" else np.zeros_like(clip)
        of_part = np.array([np.percentile(low[parts == p], settings.ground_percentile) for p in np.unique(parts)])
        up = -(of_part if settings.ground == "clip" else np.tile(of_part, len(keypoints.n_frames)))
    at = at.raised(up)
    after, mm = at.lowest(m), MM * fit.scale
    touching = np.abs(after) < _TOUCH * size_m
    found = {
        "floor": floor.name,
        "by": "height given" if settings.ground_height_mm is not None else f"lowest foot of each {settings.ground}",
        "raised_mm": dict(zip(keypoints.clip_names, (mm * up).tolist(), strict=True)),
        "turned_deg": float(np.rad2deg(Rotation.from_matrix(at.rotation).magnitude())),
        "tilt_deg": float(np.rad2deg(np.arccos(np.clip(tilt @ floor.normal, -1, 1)))) if told else None,
        "touch_mm": _TOUCH * size_m * mm,
        "touching_share": {n: float(touching[clip == c].mean()) for c, n in enumerate(keypoints.clip_names)},
        "lowest_foot_mm": {"unaligned": _spread(before * mm), "aligned": _spread(after * mm)},
    }
    found["feet_mm"] = at.each_foot(m, settings.ground_percentile, mm)
    return at.fit, at.q, {**found, "remarks": [*_remarks(found, settings), *_hanging(found)]}


@attrs.frozen(eq=False)
class _Ground:
    """Recording and poses on their way to the floor."""

    kin: KinematicTree
    floor: Floor
    fit: Fit
    q: np.ndarray
    clip: np.ndarray
    rotation: np.ndarray = attrs.field(factory=lambda: np.eye(3))

    def turned(self, rotation: np.ndarray) -> _Ground:
        """Turn (3, 3) about the world's origin."""
        q, a = self.q.copy(), self.kin.root_qposadr
        q[:, a : a + 3] = q[:, a : a + 3] @ rotation.T
        turn = Rotation.from_matrix(rotation) * Rotation.from_quat(q[:, a + 3 : a + 7], scalar_first=True)
        q[:, a + 3 : a + 7] = turn.as_quat(scalar_first=True)
        fit = attrs.evolve(
            self.fit, rotation=rotation @ self.fit.rotation, translation=self.fit.translation @ rotation.T
        )
        return attrs.evolve(self, fit=fit, q=q, rotation=rotation @ self.rotation)

    def raised(self, up: np.ndarray) -> _Ground:
        """Move each clip along the floor's normal by ``up`` (clip,) m of the model."""
        q, a = self.q.copy(), self.kin.root_qposadr
        move = up[:, None] * self.floor.normal
        q[:, a : a + 3] += move[self.clip]
        fit = attrs.evolve(self.fit, translation=self.fit.translation + self.fit.scale * move)
        return attrs.evolve(self, fit=fit, q=q)

    def feet(self, m: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return heights (frame,) m and places (frame, 3) of the lowest foot."""
        feet = attrs.evolve(self.floor, geoms=self.floor.geoms[self.floor.feet])
        height, points = heights(m, self.q, feet)
        which = height.argmin(1)
        every = np.arange(len(which))
        return height[every, which], points[every, which]

    def each_foot(self, m: Any, percentile: float, mm: float) -> dict[str, float]:
        """Return body at the tip of a limb → how high it is where it is lowest, mm of the animal; not heads and tails.

        These are higher even then than a good part of the highest keypoint.
        """
        of, height = m.geom_bodyid[self.floor.geoms], heights(m, self.q, self.floor)[0]
        sites = self.kin.scaled(self.fit.segments).pose(self.q).sites(self.fit.offsets) - self.floor.point
        tall = float(np.median((sites @ self.floor.normal).max(1)))
        low = {
            m.body(b).name or f"body {b}": float(np.percentile(height[:, of == b].min(1), percentile))
            for b in np.unique(of[self.floor.feet])
        }
        return {name: h * mm for name, h in low.items() if h < _FOOT * tall}

    def lowest(self, m: Any) -> np.ndarray:
        """Return heights (frame,) m of the lowest foot above the floor."""
        return self.feet(m)[0]


def _tilt(m: Any, at: _Ground, percentile: float, size_m: float) -> tuple[np.ndarray, bool]:
    """Return the normal (3,) of the plane under the lowest foot's places, and whether they lie apart enough to tell.

    A plane with ``percentile`` of the places below it: quantile regression, by reweighted least squares
    (Schlossmacher 1973, doi:10.1080/01621459.1973.10481336).
    """
    height, places = at.feet(m)
    basis = np.linalg.svd(at.floor.normal[None])[2][1:]
    flat = (places - places.mean(0)) @ basis.T
    if np.linalg.svd(flat, compute_uv=False)[-1] / np.sqrt(len(flat)) < _FLAT * size_m:
        return at.floor.normal, False
    columns, share = np.column_stack([np.ones(len(flat)), flat]), np.clip(percentile / 100, 0.01, 0.99)
    weight = np.ones(len(flat))
    for _ in range(60):
        root = np.sqrt(weight)[:, None]
        plane = np.linalg.lstsq(columns * root, height * root[:, 0], rcond=None)[0]
        off = height - columns @ plane
        weight = np.where(off < 0, 1 - share, share) / np.maximum(np.abs(off), 1e-3 * size_m)
    normal = at.floor.normal - plane[1:] @ basis
    return normal / np.linalg.norm(normal), True


def _between(direction: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """(3, 3) the shortest rotation that carries ``direction`` to ``normal``."""
    a = direction / np.linalg.norm(direction)
    axis, cos = np.cross(a, normal), float(a @ normal)
    if np.linalg.norm(axis) < 1e-12:
        axis = np.linalg.svd(normal[None])[2][1]  # straight against it: any axis across
    return Rotation.from_rotvec(axis / np.linalg.norm(axis) * np.arccos(np.clip(cos, -1, 1))).as_matrix()


def _size(kin: KinematicTree) -> float:
    """How far apart the body's keypoints lie in its reference pose, m of the model."""
    sites = kin.pose(kin.rest[None]).sites(kin.site_pos)[0]
    return float(np.linalg.norm(np.ptp(sites, axis=0)))


def _spread(x_mm: np.ndarray) -> dict[str, float]:
    return {f"p{p}": float(v) for p, v in zip((0, 5, 50, 95), np.percentile(x_mm, (0, 5, 50, 95)), strict=True)}


def _no_floor(model: BodyModel) -> dict[str, Any]:
    """Say that there is a plane in the model which nothing of the body can touch."""
    m = model.mj_model
    planes = [m.geom(g).name or "a plane" for g in range(m.ngeom) if m.geom_type[g] == 0 and not m.geom_bodyid[g]]
    if not planes:
        return {}
    line = (
        f"ground: no geom of the body can touch {', '.join(planes)}, so nothing is put on it; give the feet a contype "
        "and the floor a conaffinity that meet"
    )
    return {"remarks": [line]}


def _hanging(found: dict[str, Any]) -> list[str]:
    """Tell of feet that never come near the floor, as where a leg is bent and the offset of its keypoint makes up."""
    high = {n: h for n, h in found["feet_mm"].items() if h > _HANGING * found["touch_mm"]}
    if not high:
        return []
    named = ", ".join(f"{n} ({h:.0f} mm)" for n, h in high.items())
    return [
        f"ground: never near the floor: {named}; if the animal stands on it, its keypoint has moved too far from its "
        "place on the body: raise register.tracking_mm, e.g. to the size of the error"
    ]


def _remarks(found: dict[str, Any], settings: Settings) -> list[str]:
    moved = sorted(found["raised_mm"].values())
    by = f"{moved[0]:+.1f} mm" if moved[-1] - moved[0] < 0.05 else f"{moved[0]:+.1f} to {moved[-1]:+.1f} mm"
    turned = f", turned by {found['turned_deg']:.1f} deg" if found["turned_deg"] > 0.05 else ""
    low, was = found["lowest_foot_mm"]["aligned"], found["lowest_foot_mm"]["unaligned"]
    lines = [
        f"ground: recording raised by {by}{turned} ({found['by']}); in 90 % of frames the lowest foot is "
        f"{low['p5']:.1f} to {low['p95']:.1f} mm above the floor, at the lowest {low['p0']:.1f} mm (before: "
        f"{was['p5']:.1f} to {was['p95']:.1f}, {was['p0']:.1f} mm)"
    ]
    rarely = [n for n, share in found["touching_share"].items() if share < _RARELY]
    if rarely:
        named = ", ".join(rarely[:5]) + (", …" if len(rarely) > 5 else "")
        given = settings.ground_height_mm is not None
        mend = "correct register.ground_height_mm" if given else "give register.ground_height_mm, or ground=clip"
        lines.append(
            f"ground: a foot is within {found['touch_mm']:.1f} mm of the floor in less than {_RARELY:.0%} of frames of "
            f"{named}; {mend} where the animal did walk there"
        )
    tilt = found["tilt_deg"]
    if tilt is not None and tilt > _FAR and not settings.ground_tilt:
        lines.append(
            f"ground: the lowest foot's places lie in a plane {tilt:.0f} deg off the floor's; where that is the "
            "camera's, add register.ground_tilt=true or give register.ground_normal"
        )
    return lines
