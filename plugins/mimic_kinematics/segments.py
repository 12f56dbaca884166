"""Which bodies move together: segments, from one joint to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mujoco


def segments(model: mujoco.MjModel) -> dict[str, tuple[int, ...]]:
    """Return segment name → ids of its bodies. What is fixed to the world belongs to no segment."""
    out: dict[str, list[int]] = {}
    for b in range(1, model.nbody):
        first = int(model.body_weldid[b])
        if first:
            out.setdefault(model.body(first).name, []).append(b)
    return {name: tuple(ids) for name, ids in out.items()}
