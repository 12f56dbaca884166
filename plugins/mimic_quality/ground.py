"""Where the body is above the floor of its model: penetration, feet, and what moving the recording did."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs
import numpy as np
from matplotlib.figure import Figure

from mimic_core import Headline, Table
from mimic_kinematics.floor import Floor, floor_of, heights
from mimic_quality import figures
from mimic_quality.measures import Measures

_TOUCH = 0.01  # of the body's size, where the registration did not say how near is touching
_MOST_FEET = 12


@attrs.frozen(eq=False, slots=False)
class Ground:
    """Heights above the floor, mm of the animal."""

    m: Measures
    floor: Floor

    @classmethod
    def of(cls, m: Measures) -> Ground | None:
        """Return None for a body without a floor that it can touch, and for one that is held where it is."""
        floor = floor_of(m.model.mj_model) if m.model.root is not None else None
        return None if floor is None else cls(m, floor)

    @cached_property
    def told(self) -> dict[str, Any]:
        """What the registration says of how it put the animal on the floor."""
        found = self.m.clips.provenance.get("ground") or {}
        return found if "raised_mm" in found else {}

    @cached_property
    def _found(self) -> tuple[np.ndarray, np.ndarray]:
        """Heights (clip, frame, geom) mm and lowest points (clip, frame, geom, 3) mm; NaN past a clip's end."""
        inside = self.m.inside
        height, points = heights(self.m.model.mj_model, self.m.clips.qpos[inside], self.floor)
        shape = (*inside.shape, len(self.floor.geoms))
        all_heights, all_points = np.full(shape, np.nan), np.full((*shape, 3), np.nan)
        all_heights[inside], all_points[inside] = height * self.m.mm, points * self.m.mm
        return all_heights, all_points

    @property
    def height_mm(self) -> np.ndarray:
        return self._found[0]

    @cached_property
    def lowest_mm(self) -> np.ndarray:
        """(clip, frame) height of the lowest geom."""
        return self.height_mm.min(-1)

    @cached_property
    def foot_mm(self) -> np.ndarray:
        """(clip, frame) height of the lowest foot: of a geom at the tip of a limb."""
        return self.height_mm[..., self.floor.feet].min(-1)

    @cached_property
    def touch_mm(self) -> float:
        """Within this distance of the floor a geom touches it."""
        if "touch_mm" in self.told:
            return float(self.told["touch_mm"])
        sites = self.m.clips.site_pos[self.m.inside]
        return float(_TOUCH * self.m.mm * np.linalg.norm(np.ptp(sites, axis=1), axis=-1).max())

    def unaligned(self, c: int, values: np.ndarray) -> np.ndarray | None:
        """Return heights of clip ``c`` in the recording as it was; None where that is not known."""
        if not self.told or self.told["turned_deg"] > 1e-3:
            return None
        return values[c] - self.told["raised_mm"].get(self.m.clips.clip_names[c], np.nan)

    def bodies(self) -> dict[str, np.ndarray]:
        """Body → which of the floor's geoms are on it."""
        model = self.m.model.mj_model
        of = model.geom_bodyid[self.floor.geoms]
        return {model.body(b).name or f"body {b}": of == b for b in np.unique(of)}


def tables(g: Ground) -> dict[str, Table]:
    return {"ground": clip_table(g), "feet": foot_table(g)}


def clip_table(g: Ground) -> Table:
    rows = []
    for c, name in enumerate(g.m.clips.clip_names):
        foot, low = (x[c][g.m.inside[c]] for x in (g.foot_mm, g.lowest_mm))
        before = g.unaligned(c, g.foot_mm)
        deep = np.maximum(-low, 0)
        standing = None if before is None else float(np.median(before[g.m.inside[c]]))
        share = 100 * float((np.abs(foot) < g.touch_mm).mean())
        raised = g.told.get("raised_mm", {}).get(name)
        rows.append((name, raised, np.median(foot), standing, share, deep.mean(), deep.max()))
    rows.sort(key=lambda row: -row[-1])
    return Table(
        columns=(
            "clip",
            "raised (mm)",
            "lowest foot (mm)",
            "unaligned (mm)",
            "touching (%)",
            "penetration mean (mm)",
            "penetration max (mm)",
        ),
        rows=rows,
        caption=f"The body over the floor {g.floor.name!r}, in mm of the animal, the deepest clip first. Lowest foot: "
        "median height of the lowest of all geoms at the tips of limbs; unaligned: the same where the recording was "
        f"before it was raised. Touching: frames with a foot within {g.touch_mm:.2g} mm. Penetration: of any geom that "
        "the floor can collide with.",
    )


def foot_table(g: Ground) -> Table:
    """Rows of the bodies that are lowest in some frame, or at the tip of a limb."""
    at = g.m.inside
    which = g.height_mm[at].argmin(-1)
    rows = []
    for name, mine in g.bodies().items():
        height = g.height_mm[..., mine].min(-1)
        share = 100 * float(mine[which].mean())
        if share < 1 and not (mine & g.floor.feet).any():
            continue
        values = height[at]
        touching = 100 * float((np.abs(values) < g.touch_mm).mean())
        p5, p50, p95 = np.percentile(values, (5, 50, 95))
        rows.append((name, share, touching, p5, p50, p95, max(-values.min(), 0.0), slide_mm_s(g, mine)))
    rows.sort(key=lambda row: -row[1])
    return Table(
        columns=(
            "body",
            "lowest (%)",
            "touching (%)",
            "5 % (mm)",
            "median (mm)",
            "95 % (mm)",
            "penetration max (mm)",
            "slide (mm/s)",
        ),
        rows=rows[:_MOST_FEET],
        caption=f"Heights of the lowest point of what meets the floor, in mm of the animal. Touching: frames within "
        f"{g.touch_mm:.2g} mm of it. Slide: median speed along the floor while touching.",
    )


def slide_mm_s(g: Ground, mine: np.ndarray) -> float | None:
    """Median speed along the floor of the geoms ``mine`` (geom,) while they touch it; None where they never do."""
    height, points = g._found
    low = height[..., mine].argmin(-1)[..., None]
    # the same geom in both frames, so that a change of geom is no movement
    near = np.take_along_axis(height[..., mine], low, -1)[..., 0]
    place = points[:, :, mine]
    moved = np.diff(place, axis=1)
    moved -= (moved @ g.floor.normal)[..., None] * g.floor.normal
    speed = np.take_along_axis(np.linalg.norm(moved, axis=-1), low[:, :-1], -1)[..., 0] * g.m.clips.rate_hz
    touching = (np.abs(near[:, :-1]) < g.touch_mm) & (np.abs(near[:, 1:]) < g.touch_mm) & np.isfinite(speed)
    return float(np.median(speed[touching])) if touching.any() else None


def headline(g: Ground) -> Headline:
    foot = np.abs(g.foot_mm[g.m.inside])
    before = [g.unaligned(c, g.foot_mm) for c in range(len(g.m.clips.clip_names))]
    known = all(b is not None for b in before)
    null = float(np.median(np.abs(np.array(before)[g.m.inside]))) if known else None
    deepest = max(-g.lowest_mm[g.m.inside].min(), 0.0)
    return Headline(
        "distance of the lowest foot from the floor",
        float(np.median(foot)),
        "mm",
        f"median over frames; deepest point {deepest:.2g} mm below the floor",
        nulls={"recording as it was": null},
        better="lower",
    )


def metrics(g: Ground) -> dict[str, Any]:
    at = g.m.inside
    deep = np.maximum(-g.lowest_mm[at], 0)
    return {
        "floor": g.floor.name,
        "touch_mm": g.touch_mm,
        "lowest_foot_mm": {f"p{p}": float(np.percentile(g.foot_mm[at], p)) for p in (5, 50, 95)},
        "touching_share": float((np.abs(g.foot_mm[at]) < g.touch_mm).mean()),
        "penetration_mean_mm": float(deep.mean()),
        "penetration_max_mm": float(deep.max()),
        "registration": {k: v for k, v in g.told.items() if k != "remarks"},
    }


def figure(g: Ground, shown: dict[str, int]) -> Figure:
    """Height of each body that meets the floor over time, in the shown clips."""
    names = [row[0] for row in foot_table(g).rows]
    bodies = g.bodies()
    panels = {f"{figures.short(n, 22)} (mm)": g.height_mm[..., bodies[n]].min(-1) for n in names}
    drawn, axes = figures.curves(g.m, shown, panels)
    for ax in axes:
        ax.axhline(0, color=figures.BLACK, linewidth=0.8)
        ax.axhspan(-g.touch_mm, g.touch_mm, color=figures.GREY, alpha=0.2, linewidth=0)
    drawn.supylabel("height above the floor", fontsize=10)
    return drawn
