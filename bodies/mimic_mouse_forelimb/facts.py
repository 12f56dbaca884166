"""Read the facts: ``body.toml`` with a variant's overlay applied, or a file of the variant's own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import attrs

from mimic_core import ConfigError, did_you_mean

_BODY = "body.toml"
_ABOUT = ("name", "variants", "files", "sources", "source_of", "units", "variant")
"""Parts of the table that say something about facts and are none themselves."""


@attrs.frozen(kw_only=True)
class Fact:
    """One entry of the table.

    Attributes:
        group, entry, quantity: where it stands; ``entry`` is empty in groups that have only one.
        value: number, list of numbers, or text.
        unit: empty for text.
        source: key into `sources`.
    """

    group: str
    entry: str
    quantity: str
    value: Any
    unit: str
    source: str


@cache
def _document(file: str = _BODY) -> dict[str, Any]:
    return tomllib.loads(files("mimic_mouse_forelimb").joinpath(file).read_text("utf-8"))


def _of_variant(variant: str) -> dict[str, Any]:
    """The file that a variant's facts are in.

    Raises:
        ConfigError: there is no such variant.
    """
    every = _document()
    if variant not in every["variants"]:
        raise ConfigError(
            f"body {every['name']}: unknown variant {variant!r}{did_you_mean(variant, every['variants'])}"
        )
    return _document(every["files"].get(variant, _BODY))


def sources(variant: str = "paper") -> dict[str, str]:
    """Return source key → citation of the file that a variant's facts are in.

    Raises:
        ConfigError: there is no such variant.
    """
    return dict(_of_variant(variant)["sources"])


def table(variant: str) -> list[Fact]:
    """Return every fact of a variant with its unit and source.

    Raises:
        ConfigError: there is no such variant.
    """
    document = _of_variant(variant)
    units = document["units"]
    facts = {(f.group, f.entry, f.quantity): f for f in _facts(document, document["source_of"], units)}
    overlay = dict(document.get("variant", {}).get(variant, {}))
    source = overlay.pop("source", "")
    facts |= {(f.group, f.entry, f.quantity): f for f in _facts(overlay, dict.fromkeys(overlay, source), units)}
    return list(facts.values())


def load(variant: str) -> dict[str, Any]:
    """Return a variant's facts as nested tables: group → (entry →) quantity → value.

    Raises:
        ConfigError: there is no such variant.
    """
    nested: dict[str, Any] = {}
    for fact in table(variant):
        group = nested.setdefault(fact.group, {})
        (group.setdefault(fact.entry, {}) if fact.entry else group)[fact.quantity] = fact.value
    return nested


def _facts(groups: dict[str, Any], source_of: dict[str, str], units: dict[str, Any]) -> Iterator[Fact]:
    for group, content in groups.items():
        if group in _ABOUT:
            continue
        for key, value in content.items():
            if isinstance(value, dict) and "value" not in value:
                for quantity, inner in value.items():
                    yield _fact(group, key, quantity, inner, source_of[group], units)
            else:
                yield _fact(group, "", key, value, source_of[group], units)


def _fact(group: str, entry: str, quantity: str, value: Any, source: str, units: dict[str, Any]) -> Fact:
    unit = ""
    if isinstance(value, dict):
        unit, value, source = value.get("unit", ""), value["value"], value["source"]
    if not unit and not isinstance(value[0] if isinstance(value, list) else value, str):
        own = units[group]
        unit = own["*"] if "*" in own else own[quantity]
    return Fact(group=group, entry=entry, quantity=quantity, value=value, unit=unit, source=source)
