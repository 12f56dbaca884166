"""The files of a model: read, with included ones put in and those of meshes and textures packed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from mimic_core import DataError

_FILES = ("file", "fileright", "fileleft", "fileup", "filedown", "filefront", "fileback")


def read(path: Path) -> ET.Element:
    """Read a model with the files that it includes.

    Raises:
        DataError: a file is missing or no XML, or it is no MJCF.
    """
    tree = _parse(path)
    _include(tree, path.parent, path, {path.resolve()})
    if tree.tag != "mujoco" or tree.find("worldbody") is None:
        raise DataError(
            f"{path}: begins with <{tree.tag}>, expected <mujoco> with a <worldbody>; convert the model to MJCF"
        )
    return tree


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


def pack(tree: ET.Element, path: Path) -> dict[str, bytes]:
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
            element.set(key, named.setdefault(file.resolve(), free_name(file.name, set(named.values()))))
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


def free_name(name: str, taken: set[str]) -> str:
    """Return ``name``, or the first of ``name_2``, ``name_3``, … that is not taken (before the ending)."""
    path, n = Path(name), 2
    while name in taken:
        name, n = f"{path.stem}_{n}{path.suffix}", n + 1
    return name
