"""Bodies from MJCF files: made self-contained, keypoints put on, actuators taken off.

The XML tree is edited and written as it is. ``MjSpec.to_xml()`` would round every number to six digits.
"""

from __future__ import annotations

import base64
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import attrs
import numpy as np

from mimic_core import Body, DataError, Physics, did_you_mean

if TYPE_CHECKING:
    import mujoco

ROOTS = ("model", "free", "fixed")
"""How a body is held: as the model says, free to move, or fixed in space."""

_FILES = ("file", "fileright", "fileleft", "fileup", "filedown", "filefront", "fileback")
_ACTUATORS = "general motor position velocity intvelocity damper cylinder muscle adhesion dcmotor plugin".split()
_SITE_RGBA = "0.3 0.8 0.3 0.8"


@attrs.frozen(kw_only=True)
class Place:
    """Where a keypoint sits on a model: on a body, at a joint, or at a site.

    Attributes:
        body: body that the keypoint moves with. With ``joint``, either of the two that it connects; without, the one
            nearer the root (the other one where that is the world).
        pos: position in the body's frame, m; its origin where left out.
        joint: the keypoint is at this joint's anchor.
        site: the keypoint is at this site.
    """

    body: str = ""
    pos: tuple[float, float, float] | None = None
    joint: str = ""
    site: str = ""

    def __attrs_post_init__(self) -> None:
        named = [key for key in ("body", "pos", "joint", "site") if getattr(self, key)]
        if named not in (["body"], ["body", "pos"], ["joint"], ["body", "joint"], ["site"]):
            raise ValueError(
                f"must be a body (with or without pos), a joint (with or without body) or a site, got "
                f"{' and '.join(named) or 'none of them'}"
            )


def find_mjcf(text: str, folder: Path) -> Path:
    """Return the file that ``text`` names: a path (from ``folder``), or ``package:NAME/PATH`` in an installed package.

    Raises:
        DataError: there is no such file or package.
    """
    if not text.startswith("package:"):
        path = folder / Path(text).expanduser()
    else:
        package, _, inside = text.removeprefix("package:").partition("/")
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
        if spec is None or not spec.submodule_search_locations:
            raise DataError(f"{text}: package {package!r} is not installed; install it, or give a file's path")
        path = Path(spec.submodule_search_locations[0]) / inside
    if not path.is_file():
        raise DataError(f"{path}: no such file; check the path of the MJCF model")
    return path


def body_from_mjcf(
    path: Path,
    *,
    name: str,
    keypoints: Mapping[str, Place],
    keypoint_spread: float,
    root: str = "model",
    torque_limits: Mapping[str, float] | None = None,
    where: str,
) -> Body:
    """Make a body of an MJCF file; every number stays as the file has it.

    Included files are put in, the files of meshes, textures and height fields packed into ``Body.assets``, bodies
    and joints without a name named. Skins, keyframes and actuators are left out, and sensors that read actuators.
    Time step, integrator and solver are the model's.

    Args:
        path: the MJCF file.
        keypoints: keypoint name → its place.
        keypoint_spread: see `Body`, m.
        root: one of `ROOTS`; ``free`` gives the first body a free joint if the model has none.
        torque_limits: joint → N·m (N for a slide), before what the model's own actuators say (`torque_limits_of`).
        where: who names the keypoints, for messages.

    Raises:
        DataError: a file is missing or is no MJCF, MuJoCo rejects it, it is of a kind that a `Body` cannot hold, or a
            keypoint or torque limit names something that it does not have.
    """
    tree = _parse(path)
    _include(tree, path.parent, path, {path.resolve()})
    if tree.tag != "mujoco" or tree.find("worldbody") is None:
        raise DataError(
            f"{path}: begins with <{tree.tag}>, expected <mujoco> with a <worldbody>; convert the model to MJCF"
        )
    _remove(tree, ("skin", "keyframe"))
    assets = _pack(tree, path)
    _set_root(tree, root, path)
    _name_parts(tree)
    model = _compile(tree, assets, path)
    _check_joints(model, path)
    limits = {**torque_limits_of(model), **(torque_limits or {})}
    _remove_actuators(tree)
    sites = _add_keypoints(tree, model, keypoints, keypoint_spread, path, where)
    for joint in torque_limits or ():
        _named(model, "joint", joint, f"{where}: torque_limits", path)
    return Body(
        name=name,
        mjcf=ET.tostring(tree, encoding="unicode"),
        keypoints=sites,
        keypoint_spread=keypoint_spread,
        assets={file: base64.b64encode(data).decode("ascii") for file, data in assets.items()},
        torque_limits=limits,
        physics=_physics(model),
    )


def torque_limits_of(model: mujoco.MjModel) -> dict[str, float]:
    """Return joint → the largest torque (N·m; N for a slide) that the model's own actuators can put on it.

    Counted are actuators on a joint, or on a fixed tendon, which puts its force times the joint's coefficient on each
    joint that it couples. Their force is what ``forcerange`` says (enforced or not), otherwise gain times ``ctrlrange``
    of a motor (fixed gain, no bias). Forces one way and forces the other are added up apart, and the larger sum is
    the limit. Muscles are not counted.
    """
    low, high = np.zeros(model.njnt), np.zeros(model.njnt)
    for i in range(model.nu):
        force = _force_range(model, i)
        for joint, arm in _moment_arms(model, i) if force else ():
            torque = np.sort(arm * np.array(force))
            low[joint] += min(torque[0], 0.0)
            high[joint] += max(torque[1], 0.0)
    limit = np.maximum(-low, high)
    return {model.joint(j).name: float(limit[j]) for j in range(model.njnt) if limit[j] > 0}


def _force_range(model: mujoco.MjModel, i: int) -> tuple[float, float] | None:
    """Lowest and highest force of an actuator, before its gear; None where nothing tells, and for a muscle."""
    import mujoco

    if model.actuator_dyntype[i] == int(mujoco.mjtDyn.mjDYN_MUSCLE):
        return None
    if np.any(model.actuator_forcerange[i]):
        return tuple(model.actuator_forcerange[i])
    is_motor = model.actuator_gaintype[i] == int(mujoco.mjtGain.mjGAIN_FIXED) and model.actuator_biastype[i] == int(
        mujoco.mjtBias.mjBIAS_NONE
    )
    if is_motor and model.actuator_ctrllimited[i]:
        return tuple(np.sort(model.actuator_gainprm[i][0] * model.actuator_ctrlrange[i]))
    return None


def _moment_arms(model: mujoco.MjModel, i: int) -> Iterator[tuple[int, float]]:
    """Yield (scalar joint, torque per unit of force) of an actuator on a joint or on a fixed tendon."""
    import mujoco

    target, gear = int(model.actuator_trnid[i][0]), float(model.actuator_gear[i][0])
    kind = mujoco.mjtTrn(model.actuator_trntype[i])
    if kind in (mujoco.mjtTrn.mjTRN_JOINT, mujoco.mjtTrn.mjTRN_JOINTINPARENT):
        if model.jnt_type[target] != int(mujoco.mjtJoint.mjJNT_FREE):
            yield target, gear
    elif kind == mujoco.mjtTrn.mjTRN_TENDON:
        first = model.tendon_adr[target]
        for w in range(first, first + model.tendon_num[target]):
            if model.wrap_type[w] == int(mujoco.mjtWrap.mjWRAP_JOINT):
                yield int(model.wrap_objid[w]), gear * float(model.wrap_prm[w])


# -- the file ---------------------------------------------------------------------------------------------------


def _parse(path: Path) -> ET.Element:
    try:
        return ET.parse(path).getroot()
    except (ET.ParseError, UnicodeDecodeError) as e:
        raise DataError(f"{path}: not valid XML ({e}); expected a MuJoCo model (MJCF)") from e


def _include(element: ET.Element, folder: Path, within: Path, seen: set[Path]) -> None:
    """Put included files in; each is looked for beside the main file, then beside the one that names it."""
    children = []
    for child in element:
        if child.tag != "include":
            _include(child, folder, within, seen)
            children.append(child)
            continue
        name = child.get("file", "")
        found = [p for p in (folder / name, within.parent / name) if p.is_file()]
        if not found:
            raise DataError(f"{within}: includes {name!r}, which is not in {folder}; put it there")
        if found[0].resolve() in seen:
            raise DataError(f"{within}: includes {name!r} a second time; include it once")
        seen.add(found[0].resolve())
        included = _parse(found[0])
        _include(included, folder, found[0], seen)
        children += included
    element[:] = children


def _pack(tree: ET.Element, path: Path) -> dict[str, bytes]:
    """Read the files that the model names, and let the model name them without folders. Return file name → content."""
    place = _asset_place(tree)
    named: dict[Path, str] = {}
    for element in tree.iter():
        for key in _FILES:
            text = element.get(key)
            if text is None:
                continue
            if element.tag == "model":
                raise DataError(f"{path}: <model file={text!r}> brings in another model; save both as one file first")
            file = path.parent / place(element.tag, text)
            if not file.is_file():
                raise DataError(f"{path}: <{element.tag} {key}={text!r}> is not at {file}; put the file there")
            if key == "file" and element.tag in ("mesh", "texture", "hfield") and "name" not in element.keys():
                element.set("name", file.stem)  # MuJoCo would take it from the file's name, which may change here
            element.set(key, named.setdefault(file.resolve(), _free_name(file.name, set(named.values()))))
    return {name: file.read_bytes() for file, name in named.items()}


def _asset_place(tree: ET.Element) -> Callable[[str, str], Path]:
    """Return ``place(tag, text)``: where, from the model's folder, a named file is; drops the settings that say so."""
    folders, strip = {"mesh": "", "texture": ""}, False
    for compiler in tree.iter("compiler"):
        both = compiler.attrib.pop("assetdir", None)
        for kind in folders:
            folders[kind] = compiler.attrib.pop(f"{kind}dir", both if both is not None else folders[kind])
        strip = compiler.attrib.pop("strippath", str(strip).lower()) == "true"

    def place(tag: str, text: str) -> Path:
        return Path(folders["texture" if tag == "texture" else "mesh"]) / (Path(text).name if strip else text)

    return place


def _free_name(name: str, taken: set[str]) -> str:
    """Return ``name``, or the first of ``name_2``, ``name_3``, … that is not taken (before the ending)."""
    path, n = Path(name), 2
    while name in taken:
        name, n = f"{path.stem}_{n}{path.suffix}", n + 1
    return name


def _compile(tree: ET.Element, assets: dict[str, bytes], path: Path) -> mujoco.MjModel:
    import mujoco

    try:
        return mujoco.MjModel.from_xml_string(ET.tostring(tree, encoding="unicode"), assets)
    except ValueError as e:
        raise DataError(f"{path}: MuJoCo cannot compile it: {' '.join(str(e).split())}") from e


# -- what a body must and must not have ---------------------------------------------------------------------------


def _bodies(tree: ET.Element) -> Iterator[ET.Element]:
    for world in tree.findall("worldbody"):
        yield from world.iter("body")


def _joints(body: ET.Element) -> list[ET.Element]:
    return [child for child in body if child.tag in ("joint", "freejoint")]


def _is_free(joint: ET.Element) -> bool:
    return joint.tag == "freejoint" or joint.get("type") == "free"


def _set_root(tree: ET.Element, root: str, path: Path) -> None:
    """Add or remove the free joint."""
    free = [(body, joint) for body in _bodies(tree) for joint in _joints(body) if _is_free(joint)]
    if root == "fixed":
        for body, joint in free:
            body.remove(joint)
    if root != "free" or free:
        return
    first = next(_bodies(tree), None)
    if first is None or _joints(first):
        what = "no body" if first is None else f"joints of its own on the first body {first.get('name', '')!r}"
        raise DataError(f'{path}: has {what}, so it cannot be given a free joint; leave root = "free" out')
    first.insert(0, ET.Element("freejoint"))


def _name_parts(tree: ET.Element) -> None:
    """Give a name to every body and joint that has none, since mimic knows them by name."""
    bodies = {body.get("name", "") for body in _bodies(tree)}
    joints = {joint.get("name", "") for body in _bodies(tree) for joint in _joints(body)}
    for body in _bodies(tree):
        name = _name(body, "body", bodies)
        for joint in _joints(body):
            _name(joint, "root" if _is_free(joint) else f"{name}_joint", joints)


def _name(element: ET.Element, name: str, taken: set[str]) -> str:
    if not element.get("name"):
        element.set("name", _free_name(name, taken))
        taken.add(element.attrib["name"])
    return element.attrib["name"]


def _check_joints(model: mujoco.MjModel, path: Path) -> None:
    import mujoco

    def of(kind: int) -> list[str]:
        return [model.joint(j).name for j in np.flatnonzero(model.jnt_type == int(kind))]

    if balls := of(mujoco.mjtJoint.mjJNT_BALL):
        raise DataError(f"{path}: joint {balls[0]!r} is a ball joint; write it as three hinges at one place")
    if len(free := of(mujoco.mjtJoint.mjJNT_FREE)) > 1:
        raise DataError(f"{path}: has the free joints {', '.join(free)}; leave only the animal's own in the model")


def _remove(tree: ET.Element, tags: tuple[str, ...]) -> None:
    for parent in list(tree.iter()):
        for child in [c for c in parent if c.tag in tags]:
            parent.remove(child)


def _remove_actuators(tree: ET.Element) -> None:
    """Remove actuators, their defaults (mimic's own would take them on) and the sensors that read them."""
    _remove(tree, ("actuator",))
    for default in tree.iter("default"):
        for child in [c for c in default if c.tag in _ACTUATORS]:
            default.remove(child)
    for sensors in tree.findall("sensor"):
        for child in [c for c in sensors if "actuator" in c.keys()]:
            sensors.remove(child)


def _physics(model: mujoco.MjModel) -> Physics:
    import mujoco

    integrator = mujoco.mjtIntegrator(model.opt.integrator).name.removeprefix("mjINT_").lower()
    return Physics(
        timestep=float(model.opt.timestep),
        integrator="implicitfast" if integrator == "implicit" else integrator,
        solver=mujoco.mjtSolver(model.opt.solver).name.removeprefix("mjSOL_").lower(),
        iterations=int(model.opt.iterations),
        ls_iterations=int(model.opt.ls_iterations),
    )


# -- keypoints ----------------------------------------------------------------------------------------------------


def _add_keypoints(
    tree: ET.Element, model: mujoco.MjModel, places: Mapping[str, Place], spread: float, path: Path, where: str
) -> dict[str, str]:
    """Add a site for every keypoint; return keypoint → site."""
    elements = {body.get("name", ""): body for body in _bodies(tree)}
    elements["world"] = tree.find("worldbody")
    taken = {model.site(i).name for i in range(model.nsite)}
    sites = {}
    for keypoint, place in places.items():
        body, pos = _locate(model, place, f"{where}: keypoints.{keypoint}", path)
        if body not in elements:
            raise DataError(
                f"{where}: keypoints.{keypoint}: {path.name} makes body {body!r} by <replicate>, <composite> or "
                "<attach>, where no keypoint can be added; save the model with these written out"
            )
        sites[keypoint] = _free_name(f"keypoint_{keypoint}", taken)
        taken.add(sites[keypoint])
        ET.SubElement(
            elements[body],
            "site",
            name=sites[keypoint],
            pos=" ".join(repr(float(x)) for x in pos),
            type="sphere",
            size=repr(spread / 4),
            rgba=_SITE_RGBA,
            group="2",
        )
    return sites


def _locate(model: mujoco.MjModel, place: Place, where: str, path: Path) -> tuple[str, np.ndarray]:
    """Return the body that a keypoint sits on, and where in that body's frame (m)."""
    if place.joint:
        return _at_joint(model, place, where, path)
    if place.site:
        site = _named(model, "site", place.site, where, path)
        return model.body(model.site_bodyid[site]).name, model.site_pos[site]
    _named(model, "body", place.body, where, path)
    return place.body, np.array(place.pos or (0.0, 0.0, 0.0))


def _at_joint(model: mujoco.MjModel, place: Place, where: str, path: Path) -> tuple[str, np.ndarray]:
    """Carry a joint's anchor into the frame of one of the bodies that it connects, in the reference pose."""
    import mujoco

    joint = _named(model, "joint", place.joint, where, path)
    child = int(model.jnt_bodyid[joint])
    parent = int(model.body_parentid[child])
    body = _named(model, "body", place.body, where, path) if place.body else parent or child
    if body not in (parent, child):
        names = " or ".join(repr(model.body(b).name) for b in (parent, child))
        raise DataError(f"{where}.body: joint {place.joint!r} does not connect {place.body!r}; expected {names}")
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    return model.body(body).name, data.xmat[body].reshape(3, 3).T @ (data.xanchor[joint] - data.xpos[body])


def _named(model: mujoco.MjModel, kind: str, name: str, where: str, path: Path) -> int:
    """Return the number of a body, joint or site."""
    count = {"body": model.nbody, "joint": model.njnt, "site": model.nsite}[kind]
    names = [getattr(model, kind)(i).name for i in range(count)]
    if name not in names:
        known = did_you_mean(name, filter(None, names)) if any(names) else "; it has none with a name"
        raise DataError(f"{where}.{kind}: {path.name} has no {kind} {name!r}{known}")
    return names.index(name)
