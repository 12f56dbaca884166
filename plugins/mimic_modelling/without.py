"""What is left out of a model: bodies, joints, actuators, and with them all that refers to them; and contacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

from mimic_core import DataError, did_you_mean
from mimic_modelling.settings import Without

_SECTIONS = ("tendon", "equality", "actuator", "sensor", "contact", "custom/tuple")
_KINDS = {
    "jointinparent": "joint",
    **dict.fromkeys(("sidesite", "refsite", "cranksite", "slidersite"), "site"),
    **{f"{kind}{n}": kind for kind in ("joint", "site", "geom", "body", "tendon") for n in ("", "1", "2")},
    "actuator": "actuator",
}
"""Which kind of thing an attribute names."""

_PLURAL = {"equality": "equalities"}

Named = tuple[str, str]
"""What something is, and its name."""


def leave_out(tree: ET.Element, chosen: Without, where: str, path: Path, remarks: list[str]) -> None:
    """Leave out what the description chooses; say in ``remarks`` what went with it.

    A joint that is left out holds its body where the model has it.

    Raises:
        DataError: a pattern fits nothing.
    """
    gone: set[Named] = set()
    worlds = tree.findall("worldbody")
    for body in _chosen(worlds, ("body",), chosen.bodies, "bodies", where, path):
        gone |= {(_kind(part), part.get("name", "")) for part in body.iter()}
        _remove(worlds, body)
    for joint in _chosen(worlds, ("joint", "freejoint"), chosen.joints, "joints", where, path):
        gone.add(("joint", joint.get("name", "")))
        _remove(worlds, joint)
    sections = tree.findall("actuator")
    for actuator in _chosen(sections, None, chosen.actuators, "actuators", where, path):
        gone.add(("actuator", actuator.get("name", "")))
        _remove(sections, actuator)
    if gone:
        named = {kind: ", ".join(getattr(chosen, kind)) for kind in ("bodies", "joints", "actuators")}
        what = "; ".join(f"{kind} {names}" for kind, names in named.items() if names)
        lost = _counted(remove_users(tree, gone))
        remarks.append(f"left out, as the description says: {what}; and {lost} that need them" if lost else
                       f"left out, as the description says: {what}")  # fmt: skip
    apart = _chosen([tree], ("body", "worldbody"), chosen.contacts, "contacts", where, path)
    if apart:
        _keep_apart(tree, apart)
        remarks.append(
            f"left out, as the description says: contacts of {len(apart)} bodies with one another "
            f"({', '.join(chosen.contacts)})"
        )


def _keep_apart(tree: ET.Element, bodies: list[ET.Element]) -> None:
    """Exclude the contacts of bodies with one another, those that the model asks for by ``pair`` too."""
    geoms = {geom.get("name") for body in bodies for geom in _geoms(body)}
    for section in tree.findall("contact"):
        for pair in section.findall("pair"):
            if pair.get("geom1") in geoms and pair.get("geom2") in geoms:
                section.remove(pair)
    names = sorted({_name(body) for body in bodies})
    section = ET.SubElement(tree, "contact")
    for one, two in combinations(names, 2):
        ET.SubElement(section, "exclude", body1=one, body2=two)


def _geoms(part: ET.Element) -> Iterable[ET.Element]:
    """Yield the geoms of a body itself; some stand within frames."""
    for child in part:
        if child.tag == "geom":
            yield child
        elif child.tag == "frame":
            yield from _geoms(child)


def _chosen(
    within: list[ET.Element],
    tags: tuple[str, ...] | None,
    patterns: Iterable[str],
    key: str,
    where: str,
    path: Path,
) -> list[ET.Element]:
    there = [e for root in within for e in root.iter() if e is not root and (tags is None or e.tag in tags)]
    for pattern in patterns:
        names = [_name(e) for e in there]
        if not any(fnmatchcase(name, pattern) for name in names):
            known = did_you_mean(pattern, names) if names else "; it has none"
            raise DataError(f"{where}: without.{key}: {path.name} has no {pattern!r}{known}")
    return [e for e in there if any(fnmatchcase(_name(e), pattern) for pattern in patterns)]


def _name(part: ET.Element) -> str:
    return "world" if part.tag == "worldbody" else part.get("name", "")


def _remove(within: list[ET.Element], element: ET.Element) -> None:
    for parent in [e for root in within for e in root.iter()]:
        if element in list(parent):
            parent.remove(element)
            return


def remove_users(tree: ET.Element, gone: set[Named]) -> list[Named]:
    """Remove tendons, constraints, actuators, sensors and pairs that refer to what is gone, and what refers to those.

    Return what was removed; what has no name is named by its tag.
    """
    lost: list[Named] = []
    again = True
    while again:
        again = False
        for place in _SECTIONS:
            for section in tree.iterfind(place):
                for child in list(section):
                    if any(named in gone for part in child.iter() for named in _referred(part)):
                        section.remove(child)
                        kind = place.split("/")[-1]  # the section's name is that of what is in it
                        lost.append((kind, child.get("name") or child.tag))
                        gone |= {(kind, child.attrib["name"])} if child.get("name") else set()
                        again = True
    return lost


def _counted(lost: list[Named]) -> str:
    count = Counter(kind for kind, _ in lost)
    return ", ".join(f"{n} {_PLURAL.get(kind, kind + 's') if n > 1 else kind}" for kind, n in count.items())


def _kind(part: ET.Element) -> str:
    return "joint" if part.tag == "freejoint" else part.tag


def _referred(part: ET.Element) -> Iterable[Named]:
    for key, value in part.attrib.items():
        if key in _KINDS:
            yield _KINDS[key], value
        elif key in ("objname", "refname"):
            yield part.get(key.replace("name", "type"), "").removeprefix("x"), value
