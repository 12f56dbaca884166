"""One way to write and read the project's HDF5 files.

A record is a frozen attrs class whose fields are made with `array`, `arrays` or `value`. The file
holds one dataset per array, with its unit and axis names as attributes, and one JSON attribute per
value, so that a file explains itself in any HDF5 viewer. Files are made in memory, written to a
temporary name, fsynced and renamed: a reader never sees half a file, and a failed write never costs
the old one. A digest behind the HDF5 data tells whether anything in it changed.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs
import h5py
import numpy as np

from mimic_core.errors import DataError, blaming, did_you_mean
from mimic_core.files import to_json, write_bytes
from mimic_guard.hdf5 import check_hdf5
from mimic_guard.seal import is_sealed, seal

if TYPE_CHECKING:
    import xarray

_KIND, _SCHEMA = "mimic_kind", "mimic_schema"
_TIMED = ("frame", "step", "sample")
"""axes of time, whose rate is the record's"""


def array(axes: tuple[str, ...], unit: str, *, optional: bool = False, doc: str = "") -> Any:
    """Declare a numeric array field with named ``axes`` and a ``unit`` (``"1"`` if it has none)."""
    meta = {"storage": "array", "axes": axes, "unit": unit, "doc": doc}
    convert = attrs.converters.optional(np.asarray) if optional else np.asarray
    validator = [] if optional else [_has_axes(axes)]
    kwargs: dict[str, Any] = {"default": None} if optional else {}
    return attrs.field(
        metadata=meta,
        converter=convert,
        validator=validator,
        eq=attrs.cmp_using(eq=np.array_equal),
        repr=_shape,
        **kwargs,
    )


def arrays(axes: tuple[str, ...], unit: str, doc: str = "") -> Any:
    """Declare a field that maps names to arrays of the same axes (reward terms, network layers)."""
    meta = {"storage": "arrays", "axes": axes, "unit": unit, "doc": doc}
    return attrs.field(
        metadata=meta,
        factory=dict,
        eq=False,
        converter=lambda d: {k: np.asarray(v) for k, v in d.items()},
        repr=lambda d: f"{{{', '.join(d)}}}",
    )


def value(default: Any = attrs.NOTHING, *, type: Any = None, doc: str = "", converter: Any = None) -> Any:
    """Declare a field that is stored as JSON: names, numbers, settings, nested attrs records."""
    meta = {"storage": "value", "as": type, "doc": doc}
    return attrs.field(default=default, metadata=meta, converter=converter)


def _shape(a: Any) -> str:
    return "None" if a is None else f"<array {np.shape(a)}>"


def _has_axes(axes: tuple[str, ...]) -> Callable[..., None]:
    def check(instance: Any, attribute: attrs.Attribute[Any], a: np.ndarray) -> None:
        if a.ndim != len(axes):
            raise DataError(f"{type(instance).__name__}.{attribute.name}: expected axes {axes}, got shape {a.shape}")

    return check


def _check_inside(record: Any, counts: str, finite: Sequence[str]) -> None:
    """Refuse lengths of clips that are not those of the arrays, and what is not finite inside a clip but must be."""
    kind, n, names = type(record).__name__, getattr(record, counts), record.clip_names
    for field in finite:
        values = np.asarray(getattr(record, field))
        size = values.shape[1]
        if len(n) != len(names) or n.dtype.kind not in "iu" or (n < 0).any() or (n > size).any():
            raise DataError(f"{kind}.{counts}: {len(names)} clips of up to {size} have the lengths {n}; make it again")
        bad = ~np.isfinite(values).all(tuple(range(2, values.ndim))) & (np.arange(size) < n[:, None])
        for clip, at in np.argwhere(bad)[:1]:
            where = f"clip {names[clip]}, {at} of {n[clip]} (and {bad.sum() - 1} other places)"
            raise DataError(f"{kind}.{field}: is not finite in {where}; make it again")


@attrs.frozen(kw_only=True)
class Record:
    """Base of everything the project keeps in a file."""

    KIND: ClassVar[str] = "record"
    SCHEMA: ClassVar[int] = 1
    INSIDE: ClassVar[tuple[str, tuple[str, ...]]] = ("", ())
    """field with the lengths of clips, and fields that are finite everywhere inside them"""

    def __attrs_post_init__(self) -> None:
        sizes: dict[str, tuple[str, int]] = {}
        for f in attrs.fields(type(self)):
            if f.metadata.get("storage") != "array" or getattr(self, f.name) is None:
                continue
            if (found := getattr(self, f.name).dtype).kind not in "fiub":
                raise DataError(f"{type(self).__name__}.{f.name}: holds {found}, expected numbers")
            for axis, size in zip(f.metadata["axes"], np.shape(getattr(self, f.name)), strict=True):
                if axis == "xyz" and size != 3:
                    raise DataError(f"{type(self).__name__}.{f.name}: axis xyz must have length 3, got {size}")
                first, known = sizes.setdefault(axis, (f.name, size))
                if known != size:
                    raise DataError(
                        f"{type(self).__name__}: axis {axis!r} has length {size} in {f.name} "
                        f"but {known} in {first}; they must be equal"
                    )
                names = getattr(self, f"{axis}_names", None)
                if names is not None and len(names) != size:
                    raise DataError(f"{type(self).__name__}.{f.name}: {size} along {axis!r}, but {len(names)} names")
        if self.INSIDE[0]:
            _check_inside(self, *self.INSIDE)

    def save(self, path: str | Path) -> Path:
        """Write this record to ``path`` (HDF5), replacing an older file only once it is complete."""
        path = Path(path)
        with h5py.File(path.name, "w", driver="core", backing_store=False) as f:  # HDF5 does not survive a full disk
            f.attrs[_KIND], f.attrs[_SCHEMA] = self.KIND, self.SCHEMA
            for field in attrs.fields(type(self)):
                self._write(f, field, getattr(self, field.name))
            _name_axes(f, self)
            f.flush()
            image = f.id.get_file_image()
        return write_bytes(path, image, seal(image))

    def to_xarray(self, group: str | None = None) -> xarray.Dataset:
        """Return its arrays, or those of a group (``reward_terms``), with names and units; needs the extra notebook."""
        import xarray

        with tempfile.TemporaryDirectory() as folder:
            path = self.save(Path(folder) / "record.h5")
            whole = xarray.load_dataset(path, engine="h5netcdf")
            part = xarray.load_dataset(path, engine="h5netcdf", group=group) if group else whole
        return part.assign_coords({d: whole[d] for d in part.dims})

    @staticmethod
    def _write(f: h5py.File, field: attrs.Attribute[Any], v: Any) -> None:
        meta = field.metadata
        if meta["storage"] == "value":
            f.attrs[field.name] = json.dumps(to_json(v))
        elif meta["storage"] == "array":
            if v is not None:
                _write_array(f, field.name, v, meta)
        else:
            group = f.create_group(field.name)
            for name, a in v.items():
                _write_array(group, name, a, meta)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a record from ``path``.

        Raises:
            DataError: the file is missing, no HDF5, truncated, changed since it was written, or holds something else.
        """
        path = Path(path)
        with blaming("cannot be read", path):  # first of all: over some damage HDF5 never comes back
            whole = path.is_file() and is_sealed(path.read_bytes())
        with open_hdf5(path) as f:
            kind = f.attrs.get(_KIND)
            if kind != cls.KIND:
                found = f"a mimic {kind!r} file" if kind else "an HDF5 file that mimic did not write"
                raise DataError(f"{path}: expected a mimic {cls.KIND!r} file, found {found}")
            schema = int(f.attrs[_SCHEMA])
            if schema != cls.SCHEMA:
                mend = "upgrade mimic" if schema > cls.SCHEMA else "make the file again"
                raise DataError(
                    f"{path}: written with schema {schema} of {cls.KIND!r}, this version reads {cls.SCHEMA}; {mend}"
                )
            if not whole:
                raise DataError(f"{path}: does not end as mimic ends its files; copy it again or make it again")
            kwargs = {}
            for field in attrs.fields(cls):
                with blaming(f"its {field.name} is not what it should be; make it again", path):
                    v = cls._read(f, field, path)
                if v is not attrs.NOTHING:
                    kwargs[field.name] = v
        with blaming("its parts do not fit together; make it again", path):
            return cls(**kwargs)

    @classmethod
    def _read(cls, f: h5py.File, field: attrs.Attribute[Any], path: Path) -> Any:
        meta, name = field.metadata, field.name
        if meta["storage"] == "value":
            if name in f.attrs:
                return from_json(json.loads(f.attrs[name]), meta["as"])
        elif name in f:
            return f[name][()] if meta["storage"] == "array" else _datasets(f[name])
        if field.default is attrs.NOTHING:
            raise DataError(f"{path}: has no {name!r}, which a {cls.KIND!r} file must have; make the file again")
        return attrs.NOTHING


def _datasets(group: h5py.Group) -> dict[str, np.ndarray]:
    """Return every dataset below a group; a name with a slash (``encoder/layer_1``) lies in a group of its own."""
    found: dict[str, np.ndarray] = {}
    group.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def _write_array(group: h5py.Group, name: str, a: np.ndarray, meta: Mapping[str, Any]) -> None:
    small, one = not a.ndim or a.size <= 512, a.size > 1 and not any(a.strides)  # one value, repeated
    content = {"shape": a.shape, "dtype": a.dtype, "fillvalue": a.flat[0]} if one else {"data": a}
    d = group.create_dataset(name, **content, compression=None if small else "gzip", track_times=False)
    d.attrs["units"], d.attrs["axes"] = meta["unit"], list(meta["axes"])
    if meta["doc"]:
        d.attrs["description"] = meta["doc"]


def _name_axes(f: h5py.File, record: Record) -> None:
    """Say what is along each axis, in netCDF-4's way (dimension scales), so that xarray opens the file."""
    found: list[h5py.Dataset] = []
    f.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    for d in found:
        for i, (axis, size) in enumerate(zip(d.attrs["axes"], d.shape, strict=True)):
            name = f"{axis}_index" if axis in [d.name.strip("/") for d in found] else axis
            scale = name if name not in f or len(f[name]) == size else f"{name}_{size}"
            if scale not in f:
                f.create_dataset(scale, data=_along(record, axis, size), track_times=False).make_scale(scale)
                if axis in _TIMED:
                    f[scale].attrs["units"] = "s"
            d.dims[i].attach_scale(f[scale])


def _along(record: Record, axis: str, size: int) -> Any:
    """The names along an axis, the seconds, or whole numbers."""
    if axis in _TIMED:
        return getattr(record, "first_s", 0.0) + np.arange(size) / getattr(record, "rate_hz", np.nan)
    key = "names" if axis == "keypoint" and hasattr(record, "names") else f"{axis}_names"
    names = "xyz" if axis == "xyz" else getattr(record, key, ())
    return list(names) if len(names) == size else np.arange(size)


def from_json(v: Any, as_type: Any) -> Any:
    """Undo `to_json` for a field declared with ``type=as_type`` (None keeps the plain JSON value)."""
    if as_type is None:
        return v
    from mimic_core.config import structure

    return structure(v, as_type, where=getattr(as_type, "__name__", "value"))


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, after `check_hdf5`; every failure is a `DataError` in one sentence."""
    if not path.is_file():
        near = [p.name for p in path.parent.glob("*" + path.suffix)] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file{did_you_mean(path.name, near) if near else '; check the path'}")
    if not h5py.is_hdf5(path):
        raise DataError(f"{path}: not an HDF5 file (or cut short in transfer); export or copy it again")
    with blaming("HDF5 file is damaged or truncated; copy or make it again", path), h5py.File(path, "r") as f:
        check_hdf5(f, path.stat().st_size)
        yield f
