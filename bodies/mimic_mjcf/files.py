"""The files of a model: read, with included ones put in and those of meshes and textures packed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mimic_core import DataError, blaming
from mimic_guard.model import check_tree

if TYPE_CHECKING:
    import mujoco

_CUBE = ("fileright", "fileleft", "fileup", "filedown", "filefront", "fileback")
_FILES = ("file", *_CUBE)
_NO_SPACE = re.compile(r"""(=\s*(?:"[^"<]*"|'[^'<]*'))(?=[A-Za-z_:])""")
"""The end of an attribute that the next one follows without a space, which MuJoCo's parser accepts."""


def read(path: Path, remarks: list[str]) -> ET.Element:
    """Read a model with the files that it includes; what was odd about them is added to ``remarks``.

    Raises:
        DataError: a file is missing or no XML, or it is no MJCF.
    """
    tree = _parse(path, remarks)
    _include(tree, path.parent, path, {path.resolve()}, remarks)
    if tree.tag != "mujoco" or tree.find("worldbody") is None:
        raise DataError(
            f"{path}: begins with <{tree.tag}>, expected <mujoco> with a <worldbody>; convert the model to MJCF"
        )
    with blaming("MuJoCo could not make it", path):
        check_tree(tree)
    return tree


def _parse(path: Path, remarks: list[str]) -> ET.Element:
    tree = _parsed(path, remarks)
    with blaming("MuJoCo could not make it", path):
        check_tree(tree)
    return tree


def _parsed(path: Path, remarks: list[str]) -> ET.Element:
    try:
        return ET.parse(path).getroot()
    except UnicodeDecodeError as e:
        raise DataError(f"{path}: not valid XML ({e}); expected a MuJoCo model (MJCF)") from e
    except ET.ParseError as e:
        try:
            mended = ET.fromstring(_NO_SPACE.sub(r"\1 ", path.read_text(encoding="utf-8")))
        except (ET.ParseError, UnicodeDecodeError):
            raise DataError(f"{path}: not valid XML ({e}); expected a MuJoCo model (MJCF)") from e
        remarks.append(f"{path.name}, line {e.position[0]}: no space between two attributes; read as if there were one")
        return mended


def _include(element: ET.Element, folder: Path, within: Path, seen: set[Path], remarks: list[str]) -> None:
    """Put included files in; each is looked for beside the main file, then beside the one that names it."""
    children = []
    for child in element:
        if child.tag != "include":
            _include(child, folder, within, seen, remarks)
            children.append(child)
            continue
        name = child.get("file", "")
        found = [p for p in (folder / name, within.parent / name) if p.is_file()]
        if not found:
            raise DataError(f"{within}: includes {name!r}, which is not in {folder}; put it there")
        if found[0].resolve() in seen:
            raise DataError(f"{within}: includes {name!r} a second time; include it once")
        seen.add(found[0].resolve())
        included = _parse(found[0], remarks)
        _include(included, folder, found[0], seen, remarks)
        children += included
    element[:] = children


def pack(tree: ET.Element, path: Path, remarks: list[str]) -> dict[str, bytes]:
    """Read the files that the model names, and let the model name them without folders. Return file name → content.

    A missing texture is left out, with a remark.

    Raises:
        DataError: another file is missing, the model brings in another model, or MuJoCo cannot read it.
    """
    for element in tree.iter("model"):
        text = element.get("file")
        raise DataError(f"{path}: <model file={text!r}> brings in another model; save both as one file first")
    place, named, absent = _asset_place(tree, path), {}, []
    for element in tree.iter():
        for key in _FILES:
            text = element.get(key)
            if text is None:
                continue
            file = place(element, key)
            if not file.is_file():
                if element.tag == "texture":
                    absent.append(element)
                    continue
                raise DataError(f"{path}: <{element.tag} {key}={text!r}> is not at {file}; put the file there")
            if key == "file" and element.tag in ("mesh", "texture", "hfield") and "name" not in element.keys():
                element.set("name", file.stem)  # MuJoCo would take it from the file's name, which may change here
            if file.resolve() not in named:
                named[file.resolve()] = (_name_of(file, data := file.read_bytes()), data)
            element.set(key, named[file.resolve()][0])
    if absent:
        lost = [element.get("name") or Path(next(filter(None, map(element.get, _FILES)))).stem for element in absent]
        remarks.append(f"textures left out, whose files are missing: {', '.join(dict.fromkeys(lost))}")
        _remove_textures(tree, absent, set(lost))
    return dict(named.values())


def _name_of(file: Path, data: bytes) -> str:
    """A file's name with the beginning of its hash: MuJoCo, which keeps what it has read by name, would take the mesh
    of another model for one of the same name."""
    return f"{file.stem}_{hashlib.sha256(data).hexdigest()[:8]}{file.suffix}"


def _remove_textures(tree: ET.Element, absent: list[ET.Element], names: set[str]) -> None:
    for parent in list(tree.iter()):
        for child in list(parent):
            if child in absent or (child.tag == "layer" and child.get("texture") in names):
                parent.remove(child)
            elif child.tag == "material" and child.get("texture") in names:
                del child.attrib["texture"]


def _asset_place(tree: ET.Element, path: Path) -> Callable[[ET.Element, str], Path]:
    """Return ``place(element, key)``: where a named file is; drops the settings that say so.

    MuJoCo itself says it of meshes, textures and height fields, since it depends on the file that includes them.
    """
    folders, strip = {"mesh": "", "texture": ""}, False
    for compiler in tree.iter("compiler"):
        both = compiler.attrib.pop("assetdir", None)
        for kind in folders:
            folders[kind] = compiler.attrib.pop(f"{kind}dir", both if both is not None else folders[kind])
        strip = compiler.attrib.pop("strippath", str(strip).lower()) == "true"
    said = dict(_said_by_mujoco(tree, path))

    def place(element: ET.Element, key: str) -> Path:
        text = said.get((id(element), key)) or element.attrib[key]
        folder = folders["texture" if element.tag == "texture" else "mesh"]
        return Path(os.path.normpath(path.parent / folder / (Path(text).name if strip else text)))

    return place


def _said_by_mujoco(tree: ET.Element, path: Path) -> Iterator[tuple[tuple[int, str], str]]:
    """Yield (element, key) → the file as MuJoCo has it, of every mesh, texture and height field."""
    spec = specification(path)
    for tag, parts in (("mesh", spec.meshes), ("texture", spec.textures), ("hfield", spec.hfields)):
        elements = [e for assets in tree.iter("asset") for e in assets if e.tag == tag]
        if len(elements) != len(parts):  # some come from elsewhere, e.g. from shapes that are made of other ones
            continue
        for element, part in zip(elements, parts, strict=True):
            yield (id(element), "file"), part.file
            if tag == "texture":
                # MuJoCo lists them as right, left, up, down, front, back
                yield from (((id(element), key), file) for key, file in zip(_CUBE, part.cubefiles, strict=True))


def specification(path: Path) -> mujoco.MjSpec:
    """Return a model as MuJoCo reads it, nothing compiled yet.

    Raises:
        DataError: MuJoCo cannot read it.
    """
    import mujoco

    try:
        return mujoco.MjSpec.from_file(str(path.resolve()))
    except ValueError as e:
        raise DataError(f"{path}: MuJoCo cannot read it: {' '.join(str(e).split())}") from e
