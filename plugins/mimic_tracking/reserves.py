"""What reserves gave, beside what the muscles gave: a reserve stands for muscles that the body lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from mimic_core import Headline, Rollouts, Table
from mimic_tracking.measures import splits

_SPLITS = {"held_out": "held-out clips", "train": "training clips", "all": "all clips"}
_UNITS = {True: ("mN", 1e3), False: ("µN·m", 1e6)}
"""whether a joint is a slide → the unit that its forces are shown in, and how many of it make one N or N·m"""


@attrs.frozen
class Given:
    """What actuators gave at one joint, each a root mean square over clips and steps: N·m, or N of a slide.

    Attributes:
        muscles: of what all other actuators gave, together.
        reserve: of what the reserve gave.
        net: of both together.
        most: the largest that the reserve gave.
        slide: whether the joint is one.
    """

    muscles: float
    reserve: float
    net: float
    most: float
    slide: bool = False

    @property
    def share(self) -> float | None:
        """Reserve over muscles; None where the muscles gave nothing."""
        return self.reserve / self.muscles if self.muscles > 0 else None


def given(rollouts: Rollouts) -> dict[str, dict[str, Given]]:
    """Return split → joint with a reserve → what was given there; empty for a body without reserves."""
    if rollouts.reserve_force is None:
        return {}
    net, reserve = rollouts.joint_force.astype(float), rollouts.reserve_force.astype(float)
    rms = lambda a: float(np.sqrt(np.nanmean(a**2)))  # noqa: E731
    slides = _slides(rollouts)
    driven = np.flatnonzero((np.nan_to_num(reserve) != 0).any(axis=(0, 1)))
    out = {}
    for split, clips in splits(rollouts).items():
        out[split] = {
            rollouts.joint_names[j]: Given(
                muscles=rms(net[clips][..., j] - reserve[clips][..., j]),
                reserve=rms(reserve[clips][..., j]),
                net=rms(net[clips][..., j]),
                most=float(np.nanmax(np.abs(reserve[clips][..., j]))),
                slide=rollouts.joint_names[j] in slides,
            )
            for j in driven
        }
    return out


def _slides(rollouts: Rollouts) -> set[str]:
    """Names of the body's slides."""
    import mujoco

    joints = () if rollouts.body is None else rollouts.body.skeleton().joints
    return {j.name for j in joints if j.type == mujoco.mjtJoint.mjJNT_SLIDE}


def summary(rollouts: Rollouts) -> dict[str, Any]:
    """Return what `given` found as plain data, with the shares."""
    return {
        split: {joint: {**attrs.asdict(g), "share": g.share} for joint, g in joints.items()}
        for split, joints in given(rollouts).items()
    }


def headlines(rollouts: Rollouts) -> list[Headline]:
    """The largest share of the clips that were held out, or of all; none for a body without reserves."""
    found = given(rollouts)
    if not found:
        return []
    split, joints = next(iter(found.items()))
    of = {joint: g.share for joint, g in joints.items() if g.share is not None}
    if not of:
        return [
            Headline(f"torque of reserves over that of muscles, {_SPLITS[split]}", 0.0 if not joints else None, "%")
        ]
    worst = max(of, key=lambda joint: of[joint])
    others = "; ".join(f"{joint} {100 * share:.3g} %" for joint, share in of.items() if joint != worst)
    note = f"at {worst}, where it is largest" + (f"; {others}" if others else "")
    return [
        Headline(
            f"torque of reserves over that of muscles, {_SPLITS[split]}",
            100 * of[worst],
            "%",
            f"{note}; root mean squares; reserves stand for muscles that the body lacks",
            better="lower",
        )
    ]


def table(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table:
    """One row for each split and joint.

    Args:
        found: see `summary`.
    """
    rows = [
        (
            *(split.replace("_", "-"), joint, _UNITS[g["slide"]][0]),
            *(_UNITS[g["slide"]][1] * g[k] for k in ("muscles", "reserve", "net", "most")),
            None if g["share"] is None else 100 * g["share"],
        )
        for split, joints in found.items()
        for joint, g in joints.items()
    ]
    return Table(
        columns=("split", "joint", "unit", "muscles", "reserve", "both", "reserve, largest", "reserve/muscles (%)"),
        rows=rows,
        caption="What reserves gave beside the muscles, root mean square over clips and control steps. A reserve is an "
        "ideal motor that stands for muscles which the body lacks.",
    )


def lines(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str | Table]:
    """What a terminal says of `summary`; nothing of a body without reserves."""
    if found:
        first = dict([next(iter(found.items()))])
        yield table(first)
