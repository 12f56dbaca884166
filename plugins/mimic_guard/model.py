"""What a model may ask for: a few words of MJCF can make more parts than fit into memory."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

from mimic_guard import Refused

MOST_PARTS, MOST_CELLS, DEEPEST = 100_000, 10**8, 100
_COPIED = ("replicate", "composite", "flexcomp")
_CELLS = {"hfield": ("nrow", "ncol"), "texture": ("width", "height")}


def check_tree(root: ET.Element) -> None:
    """Refuse a model that is larger than any animal, before MuJoCo makes what it asks for.

    Raises:
        Refused: it is nested too deeply, or asks for too many copies, cells or too much memory.
    """
    parts, level, depth = 0.0, [(root, 1.0)], 0
    while level:
        depth += 1
        parts += sum(times for _, times in level)
        for element, _ in level:
            _check_numbers(element)
        if parts > MOST_PARTS or depth > DEEPEST:
            asked = "is nested too deeply" if depth > DEEPEST else f"asks for {parts:.3g} parts"
            raise Refused(f"{asked}; a model has up to {MOST_PARTS:,} parts, {DEEPEST} deep")
        level = [(child, times * _copies(element)) for element, times in level for child in element]


def _copies(element: ET.Element) -> float:
    return math.prod(_numbers(element.get("count", "1"))) if element.tag in _COPIED else 1


def _check_numbers(element: ET.Element) -> None:
    cells = math.prod(n for key in _CELLS.get(element.tag, ()) for n in _numbers(element.get(key, "1")))
    own = _copies(element) if element.tag != "replicate" else 0
    sizes = element.attrib if element.tag == "size" else {}
    most = {"memory": 40 * MOST_CELLS}
    beyond = any(n > most.get(key, MOST_CELLS) for key, text in sizes.items() for n in _numbers(text))
    if cells > MOST_CELLS or own > MOST_PARTS or beyond:
        raise Refused(f"<{element.tag}> {dict(element.attrib)} asks for more than a model needs; lower it")


def _numbers(text: str) -> list[float]:
    """The numbers of an attribute; those with a letter for thousands, millions … in full."""
    scale = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
    found = re.findall(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)([kmgtpe]?)(?![a-z0-9])", text.lower())
    return [max(float(n), 1.0) * 1000 ** scale[letter] for n, letter in found]
