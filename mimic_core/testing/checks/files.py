"""Checks of what reads, writes, makes and registers recordings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import numpy as np

from mimic_core.body.importer import Description, ImporterSpec, Place
from mimic_core.body.model import BodyModel
from mimic_core.errors import DataError, MimicError, PluginError
from mimic_core.plugins.context import no_progress
from mimic_core.plugins.manager import Plugins
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.emg import Emg, EmgReaderSpec
from mimic_core.records.formats import FormatSpec
from mimic_core.records.keypoints import Keypoints
from mimic_core.registration.method import RegistrationSpec
from mimic_core.registration.readers import GeneratorSpec, ReaderSpec
from mimic_core.testing.records import toy_clips, toy_keypoints
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_core.testing.toy import free_body, toy_body

FOREIGN = b"\x00this is the shopping list of the 3rd of May\n\xff\xfe1,2\n"
"""A file of nobody's format."""
_SHARE_OF_BODY = 0.05
"""mean distance of registered keypoints from those given, as a share of the body's size, that is too much"""


# -- readers --------------------------------------------------------------------------------------------------


def check_reader_example(record: ReaderSpec, plugins: Plugins) -> str:
    """The example file is recognised and holds keypoints."""
    if record.example is None:
        return "none given"
    with TemporaryDirectory() as folder:
        path = Path(record.example(Path(folder)))
        if path.suffix.lower() not in record.suffixes or not record.accepts(path):
            raise PluginError(
                f"does not accept its own {path.name}; check accepts, and suffixes: {', '.join(record.suffixes)}"
            )
        found = record.build(record.config())(path)
    if not isinstance(found, Keypoints):
        raise PluginError(f"reads {type(found).__name__} from its example; return mimic_core.Keypoints")
    if not found.n_frames.size or not found.n_frames.all() or not np.isfinite(found.positions).any():
        raise PluginError("reads no position from its example; check the columns and the units")
    return ""


def check_reader_foreign(record: ReaderSpec, plugins: Plugins) -> None:
    """A file of another format is refused in one line."""
    with TemporaryDirectory() as folder:
        for suffix in record.suffixes:
            _refused(record, _foreign(Path(folder), suffix))


def check_emg_example(record: EmgReaderSpec, plugins: Plugins) -> str:
    """The example files hold EMG."""
    if record.example is None:
        return "none given"
    with TemporaryDirectory() as folder:
        found = record.build(record.config())([Path(f) for f in record.example(Path(folder))])
    if not isinstance(found, Emg):
        raise PluginError(f"reads {type(found).__name__} from its example; return mimic_core.Emg")
    if not np.isfinite(found.envelope).any():
        raise PluginError("reads no envelope from its example; check the columns and the settings")
    return ""


def check_emg_foreign(record: EmgReaderSpec, plugins: Plugins) -> None:
    """A file of another format is refused in one line."""
    with TemporaryDirectory() as folder:
        for suffix in (".csv", ".h5"):
            _refused(record, _foreign(Path(folder), suffix))


def check_importer_foreign(record: ImporterSpec, plugins: Plugins) -> None:
    """A model of another format is refused in one line."""
    read = record.build(record.config())
    with TemporaryDirectory() as folder:
        for suffix in record.suffixes:
            path = _foreign(Path(folder), suffix)
            place = {name: Place(body=name) for name in ("one", "two")}
            described = Description(
                name="foreign", model=path, keypoint_spread_mm=1.0, keypoints=place, where="foreign"
            )
            _refusing(partial(read, described), f"a foreign {suffix} file")


def _foreign(folder: Path, suffix: str) -> Path:
    path = folder / f"foreign{suffix}"
    path.write_bytes(FOREIGN)
    return path


def _refused(record: ReaderSpec | EmgReaderSpec, path: Path) -> None:
    def read() -> None:
        if isinstance(record, EmgReaderSpec):
            record.build(record.config())([path])
        elif record.accepts(path):
            record.build(record.config())(path)
        else:
            raise DataError("not accepted")

    _refusing(read, f"a foreign {path.suffix} file")


def _refusing(read: Callable[[], Any], what: str) -> None:
    """See that something is refused by an error of one line."""
    try:
        read()
    except MimicError as e:
        if "\n" in str(e):
            raise PluginError(f"refuses {what} in several lines; say it in one") from e
        return
    except Exception as e:
        raise PluginError(
            f"{what} ends in {type(e).__name__}: {' '.join(str(e).split())[:150]}; raise mimic_core.DataError with the "
            "file, what was found and what was expected"
        ) from e
    raise PluginError(f"reads {what} without a word; raise mimic_core.DataError for what is not its format")


# -- generators and formats -----------------------------------------------------------------------------------


def check_generator(record: GeneratorSpec, plugins: Plugins) -> None:
    """It makes keypoints that the body has, the same for the same seed."""
    bodies = (BodyModel.compile(body) for body in (toy_body(), free_body()))
    model = next((m for m in bodies if record.suits(m)), None)
    if model is None:
        raise PluginError("suits neither a body that is fixed in space nor a free one; return True for what it moves")
    first, second = (record.build(record.config(), model, 0)() for _ in range(2))
    if not isinstance(first, Keypoints):
        raise PluginError(f"makes {type(first).__name__}; return mimic_core.Keypoints")
    unknown = sorted(set(first.names) - set(model.keypoint_names))
    if unknown:
        raise PluginError(f"makes keypoint {unknown[0]!r}, which the body does not have; use model.keypoint_names")
    if not np.array_equal(first.positions, second.positions, equal_nan=True):
        raise PluginError("the same seed gives two recordings; draw every random number from the seed")


def check_exchange(record: FormatSpec, plugins: Plugins) -> None:
    """A record of its kind is written and, by a format that reads, comes back with the same movements."""
    format_ = record.build(record.config())
    given = toy_clips(plugins, frames=(8,)) if record.kind == ReferenceClips.KIND else synthetic_rollouts()
    if isinstance(given, ReferenceClips):
        given = attrs.evolve(given, tracked_pos=given.site_pos + 0.001)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"toy{record.suffixes[0]}"
        format_.write(given, path)
        if not path.is_file() or not path.stat().st_size:
            raise PluginError(f"write leaves no file at {path.name}; write to the path that it is given")
        if not record.reads:
            return
        again = format_.read([path], given.body)
    if not isinstance(again, ReferenceClips):
        raise PluginError(f"read returns {type(again).__name__}; return mimic_core.ReferenceClips")
    given = given if record.keypoints else attrs.evolve(given, tracked_pos=given.site_pos)
    for name in ("qpos", "site_pos", "tracked_pos"):
        found, expected = getattr(again, name), getattr(given, name)
        if found.shape != expected.shape or not np.allclose(found, expected, rtol=0, atol=1e-5):
            raise PluginError(f"{name} of the toy body is not the same when it was written and read; keep it to 1e-5")


# -- registrations --------------------------------------------------------------------------------------------


def check_registration(record: RegistrationSpec, plugins: Plugins) -> None:
    """The toy body is fitted to its own keypoints: names, shapes, finite numbers, and a small error."""
    given = toy_clips(plugins, frames=(20, 12))
    register = record.build(record.config(), given.body)
    if not callable(register):
        raise PluginError("build returns no function; return register(keypoints, progress) -> ReferenceClips")
    try:
        found = register(toy_keypoints(given), no_progress)
    except DataError as e:
        raise PluginError(f"refuses keypoints that the toy body made itself: {e}") from e
    if not isinstance(found, ReferenceClips):
        raise PluginError(f"register returns {type(found).__name__}; return mimic_core.ReferenceClips")
    for name in ("clip_names", "keypoint_names", "joint_names"):
        said, expected = getattr(found, name), getattr(given, name)
        if said != expected:
            raise PluginError(f"{name} are {', '.join(said) or 'none'}, expected {', '.join(expected)}; keep the names")
    if not np.array_equal(found.n_frames, given.n_frames) or found.qpos.shape != given.qpos.shape:
        raise PluginError(
            f"gives {found.n_frames.tolist()} frames of qpos {found.qpos.shape}, expected "
            f"{given.n_frames.tolist()} of {given.qpos.shape}; keep every frame"
        )
    inside = np.arange(given.qpos.shape[1]) < given.n_frames[:, None]
    if not (np.isfinite(found.qpos[inside]).all() and np.isfinite(found.qvel[inside]).all()):
        raise PluginError("qpos or qvel is not finite within a clip; give every frame a pose")
    seen = given.site_pos[inside]
    size_mm = 1e3 * np.linalg.norm(np.ptp(seen.reshape(-1, 3), axis=0))
    error_mm = float(np.nanmean(found.error_mm))
    if not error_mm < _SHARE_OF_BODY * size_mm:
        raise PluginError(
            f"keypoints of the toy body, which is {size_mm:.0f} mm large, are fitted to {error_mm:.3g} mm on average, "
            f"expected less than {_SHARE_OF_BODY * size_mm:.2g} mm; check units and the order of keypoints"
        )
