"""What acts on an OpenSim model besides its muscles: springs, motors, and what is left out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from mimic_osim.muscles import own
from mimic_osim.opened import Opened, each, package
from mimic_osim.skeleton import Skeleton, numbers


def add_forces(opened: Opened, out: Skeleton, actuators: ET.Element, remarks: list[str]) -> None:
    """Add springs and coordinate actuators; name everything else that is no muscle in ``remarks``."""
    opensim = package()
    left: dict[str, list[str]] = defaultdict(list)
    unbound: list[str] = []
    for force in each(opened.model.getForceSet()):
        name, kind = force.getName(), force.getConcreteClassName()
        if not force.get_appliesForce():
            left[f"{kind} that applies no force"].append(name)
        elif opensim.Muscle.safeDownCast(force) is not None:
            continue
        elif (spring := opensim.SpringGeneralizedForce.safeDownCast(force)) is not None:
            _add_spring(spring, out, left)
        elif (motor := opensim.CoordinateActuator.safeDownCast(force)) is not None:
            _add_motor(motor, out, actuators, left, unbound)
        else:
            left[kind].append(name)
    for kind, names in left.items():
        remarks.append(f"left out, {kind}: {', '.join(names)}")
    if unbound:
        remarks.append(f"no bounds of control in the model, taken for -1 to 1: {', '.join(unbound)}")
    for what, owned in (
        ("contact geometry", opened.model.getContactGeometrySet()),
        ("controller", opened.model.getControllerSet()),
    ):
        if owned.getSize():
            remarks.append(f"left out, {what}: {', '.join(part.getName() for part in each(owned))}")


def _joint(out: Skeleton, coordinate: str) -> ET.Element | None:
    return next((j for j in out.tree.iter("joint") if j.get("name") == coordinate and j.get("type")), None)


def _add_spring(spring: Any, out: Skeleton, left: dict[str, list[str]]) -> None:
    joint = _joint(out, spring.get_coordinate())
    if joint is None or joint.get("stiffness") or joint.get("damping"):
        left["SpringGeneralizedForce of a coordinate that has no joint, or another spring already"].append(
            spring.getName()
        )
        return
    joint.attrib |= {
        "stiffness": repr(float(spring.getStiffness())),
        "springref": repr(float(spring.getRestLength())),
        "damping": repr(float(spring.getViscosity())),
    }


def _add_motor(
    motor: Any, out: Skeleton, actuators: ET.Element, left: dict[str, list[str]], unbound: list[str]
) -> None:
    coordinate = motor.get_coordinate()
    if _joint(out, coordinate) is None:
        left["CoordinateActuator of a coordinate that has no joint"].append(motor.getName())
        return
    low, high = float(motor.get_min_control()), float(motor.get_max_control())
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        low, high = -1.0, 1.0
        unbound.append(motor.getName())
    ET.SubElement(
        actuators,
        "motor",
        name=motor.getName(),
        joint=coordinate,
        gear=repr(float(own(motor).get_optimal_force())),
        ctrlrange=numbers((low, high)),
    )
