"""Settings: TOML files, ``--set a.b=VALUE``, and attrs classes that check them."""

from __future__ import annotations

import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs import transform_error
from cattrs.errors import AttributeValidationNote, BaseValidationError, ClassValidationError, ForbiddenExtraKeysError

from mimic_core.errors import ConfigError, did_you_mean
from mimic_guard import Refused
from mimic_guard.text import parse_toml

T = TypeVar("T")

_converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)


def _strict(kind: type, accepts: tuple[type, ...], what: str) -> Callable[[Any, type], Any]:
    def hook(v: Any, _: type) -> Any:
        if (isinstance(v, bool) and kind is not bool) or not isinstance(v, accepts):
            raise ValueError(f"must be {what}, got {v!r}")
        return kind(v)

    return hook


# By itself cattrs would turn "0" into 0 and 0.7 into 0 and say nothing.
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


def _guarded(kind: Any) -> Callable[[Any, Any], Any]:
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
        try:
            return inner(v, as_type)
        except ClassValidationError as e:
            if e.group_exceptions()[0] or any(isinstance(x, ForbiddenExtraKeysError) for x in e.exceptions):
                raise
            with attrs.validators.disabled():
                _validate(inner(v, as_type))
            raise

    return hook


def _validate(record: Any) -> None:
    """Raise the first error of a validator, with the note of cattrs on which field it is about.

    Neither attrs nor cattrs say which field's validator it was that raised.
    """
    for field in attrs.fields(type(record)):
        try:
            if field.validator:
                field.validator(record, field, getattr(record, field.name))
        except Exception as e:
            e.__notes__ = [AttributeValidationNote("", field.name, field.type)]
            raise ClassValidationError("", [e], type(record)) from e


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
    except (BaseValidationError, ValueError, TypeError) as e:
        reason, _, path = transform_error(e, where, _reason)[0].rpartition(" @ ")
        raise ConfigError(re.sub(r"\[(['\"])(.*?)\1\]", r".\2", path) + reason) from e


def unstructure(record: Any) -> Any:
    """Turn a settings record into plain data that `structure` reads back."""
    return _converter.unstructure(record)


def _reason(error: BaseException, _: Any) -> str:
    """What follows the path of a setting in a message; attrs' own messages are reworded."""
    if isinstance(error, ForbiddenExtraKeysError):
        key = min(error.extra_fields)
        return f".{key}: unknown setting{did_you_mean(key, [f.name for f in attrs.fields(error.cl)])}"
    noted = [n.name for n in getattr(error, "__notes__", []) if isinstance(n, AttributeValidationNote)]
    if isinstance(error, KeyError) and error.args[:1] == tuple(noted):  # cattrs' own, not one of a validator
        return ": must be given"
    if len(error.args) == 4 and isinstance(error.args[1], attrs.Attribute):
        _, _, what, got = error.args
        if isinstance(what, re.Pattern):
            return f": must match the pattern {what.pattern!r}, got {got!r}"
        accepted = what.__name__ if isinstance(what, type) else f"one of {', '.join(map(repr, what))}"
        return f": must be {accepted}, got {got!r}"
    message = " ".join(str(error).split())
    bound = re.fullmatch(r"(Length of )?'\w+' must be (.*?)(?:\.0)?: (.*?)(?:\.0)?", message)
    return f": must {'have a length' if bound[1] else 'be'} {bound[2]}, got {bound[3]}" if bound else f": {message}"


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file; a syntax error names file, line and column."""
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such run file; check the path")
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: not valid TOML: {e}") from e
    except Refused as e:
        raise ConfigError(f"{path}: {e}") from e


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
