"""An OpenSim model as MJCF, with everything that could not be kept said."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import numpy as np

from mimic_osim.bones import add_bones
from mimic_osim.coordinates import Coordinates, read_coordinates
from mimic_osim.forces import add_forces
from mimic_osim.joints import Joint, read_joint
from mimic_osim.laws import Law, fit
from mimic_osim.motion import MODEL_TEXT, Motion
from mimic_osim.muscles import Hill, hill
from mimic_osim.opened import GROUND, Frame, Opened, base_of, each, package, vector
from mimic_osim.paths import Muscle, build_paths
from mimic_osim.settings import Settings
from mimic_osim.skeleton import Skeleton, build_skeleton, numbers
from mimic_osim.strand import Point, Wrap
from mimic_osim.survey import Survey, survey

DEFAULT_POSE = "default"
"""Name of the keyframe that holds the model's default pose."""
POSES, SEED = 200, 0
"""Random poses in which paths are compared with OpenSim's."""
_ROOTS = ("FreeJoint", "CustomJoint")
_WRAP_GROUP = "3"
"""Group of geoms that pictures do not show."""


@attrs.frozen(eq=False)
class Converted:
    """An OpenSim model and what was made of it.

    Attributes:
        tree: ``<mujoco>``.
        free_root: joint that became MuJoCo's free joint, or None.
        hills: muscle → its parameters.
        remarks: a line for everything that is not as in the model.
    """

    opened: Opened
    coordinates: Coordinates
    joints: list[Joint]
    skeleton: Skeleton
    found: Survey
    muscles: list[Muscle]
    hills: dict[str, Hill]
    free_root: Joint | None
    remarks: list[str]

    @property
    def tree(self) -> ET.Element:
        """The model as MJCF, ``<mujoco>``."""
        return self.skeleton.tree


def convert(path: FilePath, settings: Settings, root: str = "model", where: str = "") -> Converted:
    """Convert an OpenSim model.

    Args:
        root: as in `mimic_core.Description`.
        where: who gives settings, for messages.

    Raises:
        PluginError: the package `opensim` is missing.
        DataError: OpenSim cannot read the file.
        ConfigError: a coordinate in ``settings.range`` is not in the model.
    """
    remarks: list[str] = []
    opened = Opened.open(path)
    coordinates = read_coordinates(opened, settings.range, where or str(path), remarks)
    if root == "fixed":
        coordinates = _without_free_joints(opened, coordinates)
    joints = [read_joint(j, coordinates, remarks) for j in each(opened.model.getJointSet())]
    free = _free_root(joints, coordinates, root)
    skeleton = build_skeleton(
        opened, coordinates, joints, free.name if free else "", settings.timestep_ms / 1000, remarks
    )
    found = survey(opened, coordinates, POSES, SEED)
    muscles = build_paths(opened, found, settings.moving_points, remarks)
    hills = {m.osim.getName(): hill(m.osim, found.lengths[m.osim.getName()]) for m in muscles}
    out = Converted(opened, coordinates, joints, skeleton, found, muscles, hills, free, remarks)
    _add_markers(out)
    points = [part for m in muscles for part in m.path if isinstance(part, Point)]
    add_bones(opened, joints, skeleton, points, found)
    _add_muscles(out, settings.moving_points)
    _add_default_pose(out)
    section = ET.SubElement(skeleton.tree, "custom")
    ET.SubElement(section, "text", name=MODEL_TEXT, data=json.dumps(_said_of_model(out)))
    if _has_meshes(opened):
        remarks.append("surfaces of bones are left out; pictures show sticks")
    return out


def _has_meshes(opened: Opened) -> bool:
    return any(b.getPropertyByName("attached_geometry").size() for b in each(opened.model.getBodySet()))


def _without_free_joints(opened: Opened, coordinates: Coordinates) -> Coordinates:
    names = {
        j.get_coordinates(i).getName()
        for j in each(opened.model.getJointSet())
        if j.getConcreteClassName() == "FreeJoint"
        for i in range(j.numCoordinates())
    }
    return Coordinates({n: attrs.evolve(c, fixed=c.fixed or n in names) for n, c in coordinates.every.items()})


def _free_root(joints: list[Joint], coordinates: Coordinates, root: str) -> Joint | None:
    """The joint on the ground that moves its body freely, if it is to be MuJoCo's free joint."""
    for joint in joints:
        names = {a.coordinate for a in joint.axes if a.carries and coordinates[a.coordinate].free}
        if joint.parent == GROUND and len(joint.axes) == 6 == len(names) and (joint.free or root == "free"):
            return joint
    return None


def _said_of_model(out: Converted) -> dict[str, Any]:
    """What a file of movements in OpenSim's terms needs to know of the model, as JSON can hold it; see `Motion`."""
    model = out.opened.model
    return {
        "root": root_description(out.free_root, out.skeleton) if out.free_root else None,
        "coordinates": {c.getName(): c.getAbsolutePathString() for c in each(model.getCoordinateSet())},
        "forces": {f.getName(): f.getAbsolutePathString() for f in each(model.getForceSet())},
        "held": {c.name: c.default for c in out.coordinates.every.values() if c.fixed},
    }


def root_description(joint: Joint, skeleton: Skeleton) -> dict[str, Any]:
    """How the coordinates of a free root make its pose, as JSON can hold it; `mimic_osim.motion` reads it."""
    before = skeleton.frames[GROUND] @ joint.before
    return {
        "joint": joint.name,
        "before": [before.pos.tolist(), before.turn.tolist()],
        "after": [joint.after.pos.tolist(), joint.after.turn.tolist()],
        "axes": [[a.slides, a.axis.tolist(), a.coordinate, a.fit.coef[:2].tolist()] for a in joint.axes],
    }


def _add_markers(out: Converted) -> None:
    for marker in each(out.opened.model.getMarkerSet()):
        body, base = base_of(marker.getParentFrame())
        element, pos = out.skeleton.place(body, base.pos + base.turn @ vector(marker.get_location()))
        ET.SubElement(element, "site", name=marker.getName(), pos=pos, size="0.001", group="4")


def _add_muscles(out: Converted, moving: str) -> None:
    tree = out.tree
    tendons, actuators = ET.SubElement(tree, "tendon"), ET.SubElement(tree, "actuator")
    places: list[tuple[str, np.ndarray, str]] = []
    width = repr(float(0.01 * max(np.median([np.mean(x) for x in out.found.lengths.values()] or [0.1]), 1e-3)))
    geoms: set[str] = set()
    sites = {s.get("name") for s in tree.iter("site")}
    for muscle in out.muscles:
        name = muscle.osim.getName()
        tendon = ET.SubElement(tendons, "spatial", name=name, width=width, rgba="0.8 0.2 0.2 1")
        for part in muscle.path:
            if isinstance(part, Point):
                body, site = _site_of(out, part, places, moving), _free(part.name, sites)
                ET.SubElement(body[0], "site", name=site, pos=body[1], size="0.0005", group="5")
                ET.SubElement(tendon, "site", site=site)
            else:
                if part.name not in geoms:
                    _add_wrap(out, part)
                    geoms.add(part.name)
                side = {"sidesite": f"{part.name}_side"} if part.side is not None else {}
                ET.SubElement(tendon, "geom", geom=part.name, **side)
        if not muscle.osim.get_appliesForce():
            out.remarks.append(f"{name} applies no force in the model; it stays as a path without a muscle")
            continue
        ET.SubElement(actuators, "muscle", name=name, tendon=name, **out.hills[name].attributes)
    add_forces(out.opened, out.skeleton, actuators, out.remarks)
    _say_muscles(out)


def _say_muscles(out: Converted) -> None:
    if not out.hills:
        return
    every = list(out.hills.values())
    active, passive = (max(getattr(h, k) for h in every) for k in ("active_error", "passive_error"))
    out.remarks.append(
        "tendons do not stretch and pennation keeps its angle at optimal length; force-length curves are MuJoCo's, off "
        f"by at most {active:.2f} (active) and {passive:.2f} (passive) of the maximum force, root mean square"
    )
    if far := [n for n, h in out.hills.items() if h.outside > 0.2]:
        out.remarks.append(
            f"fibres beyond 0.5 to 1.6 of their optimal length in over a fifth of random poses: {', '.join(far)}"
        )
    for name, h in out.hills.items():
        if h.most < 1.0:
            out.remarks.append(f"{name}: excitation goes to {h.most:.3g}, the largest control that the model allows")
    plain = {m.osim.getConcreteClassName() for m in out.muscles} - {
        "Millard2012EquilibriumMuscle", "Thelen2003Muscle", "DeGrooteFregly2016Muscle"
    }  # fmt: skip
    if plain:
        out.remarks.append(
            f"curves of {', '.join(sorted(plain))} are taken for those of Thelen 2003 with time constants 10 and 40 ms"
        )


def _free(name: str, taken: set[str | None]) -> str:
    from mimic_modelling.names import free_name

    found = free_name(name, taken)
    taken.add(found)
    return found


def _add_wrap(out: Converted, wrap: Wrap) -> None:
    element, pose = out.skeleton.frame(wrap.body, wrap.place)
    size = numbers((wrap.radius,) if not wrap.half_length else (wrap.radius, wrap.half_length))
    shown = {"contype": "0", "conaffinity": "0", "group": _WRAP_GROUP, "mass": "0", "rgba": "0.5 0.5 0.9 0.3"}
    ET.SubElement(element, "geom", name=wrap.name, type=wrap.kind, size=size, **pose, **shown)
    if wrap.side is not None:
        element, pos = out.skeleton.place(wrap.body, wrap.side_pos)
        ET.SubElement(element, "site", name=f"{wrap.name}_side", pos=pos, size="0.0005", group="5")


def _site_of(
    out: Converted, point: Point, places: list[tuple[str, np.ndarray, str]], moving: str
) -> tuple[ET.Element, str]:
    """Return the element that a path point belongs to, and its place in it; one that moves gets a body."""
    if point.pos.ndim == 1:
        return out.skeleton.place(point.body, point.pos)
    for body, pos, name in places:
        if body == point.body and np.allclose(pos, point.pos, atol=1e-9):
            return out.skeleton.elements[name], "0 0 0"
    name = _add_moving_body(out, point)
    places.append((point.body, point.pos, name))
    return out.skeleton.elements[name], "0 0 0"


def _add_moving_body(out: Converted, point: Point) -> str:
    """Add a body with a slide for each direction in which a path point moves, tied to what it follows."""
    osim = _osim_point(out, point.name)
    _, base = base_of(osim.getParentFrame())
    mass = repr(1e-7 * out.skeleton.mass)
    largest = max((h.force for h in out.hills.values()), default=1.0)
    element = ET.SubElement(out.skeleton.elements[point.body], "body", name=point.name)
    ET.SubElement(
        element, "inertial", pos="0 0 0", mass=mass, diaginertia=" ".join([repr(1e-13 * out.skeleton.mass)] * 3)
    )
    start, errors = np.zeros(3), []
    for k, letter in enumerate("xyz"):
        coordinate = getattr(osim, f"get{letter.upper()}Coordinate")().getName()
        law = _location_law(out, osim, coordinate, k)
        c = out.coordinates[coordinate]
        fitted = fit(law, *out.coordinates.reach(coordinate)) if not c.fixed else None
        if fitted is None or fitted.constant:
            start[k] = float(law(np.array([c.default]))[0])
            continue
        start[k], coef = fitted.coef[0], fitted.coef.copy()
        coef[0] = 0.0
        joint = f"{point.name}_{letter}"
        # the joint has inertia, the point has none: a muscle's force must not tear the point from its path
        kind = {"type": "slide", "axis": numbers(base.turn[:, k]), "armature": repr(largest / 5000)}
        ET.SubElement(element, "joint", name=joint, **kind)
        out.skeleton.add_follower(joint, coordinate, attrs.evolve(fitted, coef=coef))
        errors.append(fitted.error)
    element.set("pos", numbers((out.skeleton.frames[point.body] @ base).pos + base.turn @ start))
    out.skeleton.elements[point.name], out.skeleton.frames[point.name] = element, Frame()
    if errors:
        out.remarks.append(
            f"moving path point {point.name} follows by polynomials of 4th order, off by at most "
            f"{1000 * max(errors):.2g} mm"
        )
    return point.name


def _osim_point(out: Converted, name: str) -> Any:
    for muscle in out.muscles:
        own = muscle.osim.getName()
        for point in each(muscle.osim.getGeometryPath().getPathPointSet()):
            if name in (point.getName(), f"{own}_{point.getName()}"):
                return package().MovingPathPoint.safeDownCast(point)
    raise KeyError(name)


def _location_law(out: Converted, point: Any, coordinate: str, k: int) -> Law:
    def law(x: np.ndarray) -> np.ndarray:
        values = np.empty(len(x))
        for i, v in enumerate(x):
            out.opened.model.getCoordinateSet().get(coordinate).setValue(out.opened.state, float(v), False)
            values[i] = point.getLocation(out.opened.state).get(k)
        return values

    if out.coordinates[coordinate].fixed:
        return lambda x: np.full(len(x), point.getLocation(out.opened.state).get(k))
    return law


def _add_default_pose(out: Converted) -> None:
    """Add the model's default pose as a keyframe."""
    import mujoco

    m = mujoco.MjModel.from_xml_string(ET.tostring(out.tree, encoding="unicode"))
    values = {c.name: np.array([c.default]) for c in out.coordinates.free}
    root = root_description(out.free_root, out.skeleton) if out.free_root else None
    qpos, _ = Motion(m, {"root": root}).qpos(out.coordinates.settle(values))
    section = ET.SubElement(out.tree, "keyframe")
    ET.SubElement(section, "key", name=DEFAULT_POSE, qpos=numbers(qpos[0]))
