"""The mouse's right forelimb: four joints, nine or 21 muscles, shoulder fixed in space or gliding.

``body.toml`` holds the facts, ``facts`` reads them, ``builder`` turns them into a body. The variant `gilmer` has other
facts, ``gilmer.toml``, in frames that ``linked`` puts together.
"""

from __future__ import annotations

from mimic_core import BodySpec, hookimpl


def build(config, variant):
    if variant == "gilmer":
        from mimic_mouse_forelimb.linked import build_body
    else:
        from mimic_mouse_forelimb.builder import build_body

    return build_body(variant)


@hookimpl
def mimic_bodies():
    yield BodySpec(
        name="mouse_forelimb",
        build=build,
        variants={
            "paper": "model of the training runs of Leonardis et al. 2025 (0.52-1.2 N, activation 10/40 ms)",
            "revised": "later revision by the same group (0.6-0.8 N, activation 10/30 ms, more damping and armature)",
            "mobile_shoulder": "paper, with a scapula that glides up to 2.5 mm each way against passive stiffness",
            "wrist": "paper, with a wrist that bends and holds itself by passive stiffness",
            "gilmer": "model of Gilmer et al. 2025: 21 muscles (0.02-0.61 N) that wrap, scapula and clavicle held",
        },
        summary="right forelimb of a mouse, shoulder fixed or gliding: 4 joints (wrist: 6), 9 or 21 muscles",
        source="Leonardis et al. 2025, arXiv:2511.21848; geometry after Gilmer et al. 2025, doi:10.1152/jn.00499.2024",
        default=True,
    )
