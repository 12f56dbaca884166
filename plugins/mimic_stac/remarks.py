"""What somebody should know of a fit, in a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_FEW = 5
"""Jumps that are named one by one."""
_OFTEN = 0.1
"""Share of frames at a limit that is worth a line."""
_ALIKE = 1.1
"""Ratio of two orientations' costs below which both fit about as well."""


def remarks(found: Mapping[str, Any]) -> Iterator[str]:
    """Tell what stands out.

    Args:
        found: what the registration keeps of the fit in the clips' provenance.
    """
    if segments := found["segment_scale"]:
        yield "segments: " + ", ".join(f"{name} {factor:.3f}" for name, factor in segments.items())
    if gaps := found["gaps_bridged"]["gaps"]:
        yield f"{gaps} gaps bridged ({found['gaps_bridged']['positions']} positions)"
    if jumps := found["jumps"]:
        more = ", …" if len(jumps) > _FEW else ""
        shown = ", ".join(map(_jump, jumps[:_FEW]))
        yield f"{len(jumps)} jumps of the tracking not followed (clip, keypoint, frame): {shown}{more}"
    if held := {name: share for name, share in found["share_at_joint_limit"].items() if share > _OFTEN}:
        yield "at a joint limit: " + ", ".join(f"{name} in {share:.0%} of frames" for name, share in held.items())
    if coupled := found["joints_coupled"]:
        yield f"joints that follow others by the model's couplings, exactly: {', '.join(coupled)}"
    yield from found["coupling_limits"]
    if left_out := found["constraints_left_out"]:
        yield f"constraints of the model that the registration does not keep: {', '.join(left_out)}"
    yield from found["ground"].get("remarks", ())
    if beyond := found["offset_beyond_spread"]:
        yield f"further from the body's own place than expected: {', '.join(beyond)}"
    if (rivalry := found["orientation_rivalry"]) and rivalry < _ALIKE:
        yield "other orientations fit about as well; if you know the axes, give --set register.axes=…"
    if not found["converged"]:
        yield "stopped before it converged; raise register.max_iterations"


def _jump(jump: Mapping[str, Any]) -> str:
    last = f"-{jump['last']}" if jump["last"] > jump["first"] else ""
    return f"{jump['clip']} {jump['keypoint']} {jump['first']}{last}"
