"""Settings: TOML files, ``--set a.b=VALUE``, and attrs classes that check them."""

from __future__ import annotations

import re
import tomllib
import traceback
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)

from mimic_core.errors import ConfigError, did_you_mean

T = TypeVar("T")

_converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)


def _strict(kind: type, accepts: tuple[type, ...], what: str):
    def hook(v: Any, _: type) -> Any:
        if (isinstance(v, bool) and kind is not bool) or not isinstance(v, accepts):
            raise ValueError(f"must be {what}, got {v!r}")
        return kind(v)

    return hook


# cattrs would turn "0" into 0 and 0.7 into 0 without a word.
_converter.register_structure_hook(float, _strict(float, (int, float), "a number"))
_converter.register_structure_hook(int, _strict(int, (int,), "a whole number"))
_converter.register_structure_hook(bool, _strict(bool, (bool,), "true or false"))
_converter.register_structure_hook(str, _strict(str, (str,), "text"))


def _shape(kind: Any) -> str | None:
    """Whether a type is written as a ``table`` or a ``list`` in TOML; None for anything else."""
    origin = typing.get_origin(kind) or kind
    if not isinstance(origin, type) or issubclass(origin, (str, bytes)) or origin is types.UnionType:
        return None
    if attrs.has(origin) or issubclass(origin, Mapping):
        return "table"
    return "list" if issubclass(origin, Iterable) and not issubclass(origin, Path) else None


_unguarded: set[Any] = set()


def _guarded(kind: Any):
    """Wrap cattrs' own hook for a table or a list: it would take "elbow" for a list of five letters."""
    _unguarded.add(kind)
    try:
        inner = _converter.get_structure_hook(kind, cache_result=False)
    finally:
        _unguarded.discard(kind)
    shape, parts = _shape(kind), typing.get_args(kind)
    fixed = typing.get_origin(kind) is tuple and Ellipsis not in parts

    def hook(v: Any, as_type: Any) -> Any:
        if not isinstance(v, Mapping if shape == "table" else (list, tuple)):
            raise ValueError(f"must be a {shape}, got {v!r}")
        if fixed and len(v) != len(parts):
            raise ValueError(f"must be a list of {len(parts)}, got {list(v)!r}")
        return inner(v, as_type)

    return hook


_converter.register_structure_hook_factory(lambda t: _shape(t) is not None and t not in _unguarded, _guarded)


def structure(data: Any, cls: type[T], where: str) -> T:
    """Build ``cls`` from plain data, checking every key and value.

    Raises:
        ConfigError: one line with the dotted path of the first setting that is wrong, what is wrong with it, and
            what is accepted. Values of the wrong kind come before unknown keys, and those before values that a
            validator rejects.
    """
    try:
        return _converter.structure(data, cls)
    except (BaseValidationError, ForbiddenExtraKeysError, ValueError, TypeError, KeyError) as e:
        path, reason = next(_leaves(e, where))
        raise ConfigError(f"{path}: {reason}") from e


def unstructure(record: Any) -> Any:
    """Turn a settings record into plain data that `structure` reads back."""
    return _converter.unstructure(record)


def _leaves(error: BaseException, path: str) -> Iterator[tuple[str, str]]:
    """Walk a cattrs error tree down to (dotted path, one sentence) pairs."""
    if isinstance(error, BaseValidationError):
        for child in error.exceptions:
            yield from _leaves(child, path + _step(child))
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [f.name for f in attrs.fields(error.cl)]
        for key in sorted(error.extra_fields):
            yield f"{path}.{key}", f"unknown setting{did_you_mean(key, known)}"
    elif isinstance(error, KeyError) and path.endswith(f".{error.args[0]}"):
        yield path, "must be given"
    else:
        field = _validated_field(error)
        yield f"{path}.{field}" if field else path, _sentence(str(error.args[0] if error.args else error), field)


def _step(error: BaseException) -> str:
    """The part of a path that cattrs noted on an error."""
    for note in getattr(error, "__notes__", []):
        if isinstance(note, AttributeValidationNote):
            return f".{note.name}"
        if isinstance(note, IterableValidationNote):
            return f".{note.index}" if isinstance(note.index, str) else f"[{note.index}]"
    return ""


def _validated_field(error: BaseException) -> str | None:
    """Name of the field whose attrs validator raised ``error``, which the error itself need not tell.

    attrs hands each validator the attribute it checks, so the outermost such argument on the traceback is the field.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        for name in code.co_varnames[: code.co_argcount]:
            if isinstance(frame.f_locals.get(name), attrs.Attribute):
                return frame.f_locals[name].name
    return None


_ATTRS_MESSAGES = (
    (r"'{0}' must be in (?P<what>.*) \(got (?P<got>.*)\)", "must be one of {what}, got {got}"),
    (r"'{0}' must match regex (?P<what>.*) \((?P<got>.*) doesn't\)", "must match the pattern {what}, got {got}"),
    (r"'{0}' must be <class '(?P<what>.*?)'> \(got (?P<got>.*) that is a .*", "must be {what}, got {got}"),
    (r"Length of '{0}' must be (?P<what>.*): (?P<got>.*)", "must have a length {what}, got {got}"),
    (r"'{0}' (?P<what>must be .*): (?P<got>.*)", "{what}, got {got}"),
)


def _sentence(message: str, field: str | None) -> str:
    """Rewrite attrs' own messages (``'x' must be > 0: -1.0``) as ``must be > 0, got -1``."""
    message = " ".join(message.split())
    for pattern, sentence in _ATTRS_MESSAGES if field else ():
        found = re.fullmatch(pattern.format(re.escape(field)), message)
        if found:
            what, got = found["what"].strip("()[]{}").rstrip(","), found["got"]
            return sentence.format(what=what, got=got.removesuffix(".0"))
    return message


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
        keys = [k.strip() for k in key.split(".")]
        if not sep or not all(keys):
            raise ConfigError(f"--set {text}: expected KEY=VALUE, e.g. --set rewards.control.weight=0.15")
        try:
            v = tomllib.loads(f"v = {raw}")["v"]
        except tomllib.TOMLDecodeError:
            v = raw.strip()
        out = merge(out, nest(keys, v))
    return out


def nest(keys: Sequence[str], v: Any) -> dict[str, Any]:
    """Return tables in one another, ``{"a": {"b": v}}`` for keys a and b."""
    for key in reversed(keys):
        v = {key: v}
    return v


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as dotted path → value; an empty table is a value."""
    out: dict[str, Any] = {}
    for key, v in table.items():
        out |= flatten(v, f"{prefix}{key}.") if isinstance(v, Mapping) and v else {f"{prefix}{key}": v}
    return out


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``over`` laid on top, table by table."""
    out = dict(base)
    for key, v in over.items():
        out[key] = merge(out[key], v) if isinstance(v, Mapping) and isinstance(out.get(key), Mapping) else v
    return out
