"""Settings: TOML files, ``--set a.b=VALUE``, and attrs classes that check them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)

from mimic_core.errors import ConfigError, did_you_mean

T = TypeVar("T")

_converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)


def _strict(kind: type, accepts: tuple[type, ...], what: str):
    def hook(v: Any, _: type) -> Any:
        if isinstance(v, bool) and kind is not bool or not isinstance(v, accepts):
            raise ValueError(f"must be {what}, got {v!r}")
        return kind(v)

    return hook


# cattrs would turn "0" into 0 and 0.7 into 0 without a word.
_converter.register_structure_hook(float, _strict(float, (int, float), "a number"))
_converter.register_structure_hook(int, _strict(int, (int,), "a whole number"))
_converter.register_structure_hook(bool, _strict(bool, (bool,), "true or false"))
_converter.register_structure_hook(str, _strict(str, (str,), "text"))


def structure(data: Any, cls: type[T], where: str) -> T:
    """Build ``cls`` from plain data, checking every key and value.

    Raises:
        ConfigError: one line with the dotted path of the setting, what is wrong, and what is accepted.
    """
    try:
        return _converter.structure(data, cls)
    except (BaseValidationError, ForbiddenExtraKeysError, ValueError, TypeError, KeyError) as e:
        path, reason = next(_leaves(e, where))
        raise ConfigError(f"{path}: {reason}") from e


def unstructure(record: Any) -> Any:
    """Turn a settings record into plain data that `structure` reads back."""
    return _converter.unstructure(record)


def _leaves(error: BaseException, path: str) -> Iterable[tuple[str, str]]:
    """Walk a cattrs error tree down to (dotted path, one sentence) pairs."""
    if isinstance(error, BaseValidationError):
        for child in error.exceptions:
            here = path
            for note in getattr(child, "__notes__", []):
                if isinstance(note, AttributeValidationNote):
                    here = f"{path}.{note.name}"
                elif isinstance(note, IterableValidationNote):
                    here = f"{path}[{note.index}]" if isinstance(error, IterableValidationError) else path
                    if isinstance(note.index, str):
                        here = f"{path}.{note.index}"
            yield from _leaves(child, here)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [f.name for f in attrs.fields(error.cl)]
        for key in sorted(error.extra_fields):
            yield f"{path}.{key}", f"unknown setting{did_you_mean(key, known)}"
    elif isinstance(error, KeyError):
        yield path, f"missing setting {error.args[0]!r}"
    else:
        yield path, _sentence(str(error.args[0] if error.args else error), path)


def _sentence(message: str, path: str) -> str:
    """Rewrite attrs' validator messages (``'x' must be > 0: -1``) as ``must be > 0, got -1``."""
    name = re.escape(path.rsplit(".", 1)[-1])
    found = re.fullmatch(rf"'{name}' (must be .*?): (.*)", message, re.DOTALL)
    if found:
        return f"{found[1]}, got {found[2]}"
    found = re.fullmatch(rf"'{name}' must be in (.*?) \(got (.*?)\)", message, re.DOTALL)
    return f"must be one of {found[1]}, got {found[2]}" if found else message.replace("\n", " ")


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file; a syntax error names file, line and column."""
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such run file; check the path")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: not valid TOML: {e}") from e


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn ``["a.b=1", "c=text"]`` into ``{"a": {"b": 1}, "c": "text"}``; values are TOML, else text."""
    out: dict[str, Any] = {}
    for text in assignments:
        key, sep, raw = text.partition("=")
        if not sep or not key.strip():
            raise ConfigError(f"--set {text}: expected KEY=VALUE, e.g. --set rewards.control.weight=0.15")
        try:
            v = tomllib.loads(f"v = {raw}")["v"]
        except tomllib.TOMLDecodeError:
            v = raw.strip()
        out = merge(out, _nest(key.strip().split("."), v))
    return out


def _nest(keys: list[str], v: Any) -> dict[str, Any]:
    for key in reversed(keys):
        v = {key: v}
    return v


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``over`` laid on top, table by table."""
    out = dict(base)
    for key, v in over.items():
        out[key] = merge(out[key], v) if isinstance(v, Mapping) and isinstance(out.get(key), Mapping) else v
    return out
