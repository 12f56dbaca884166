"""The project's files: they come back as they went in, explain themselves, and are never half written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from typing import Any, ClassVar

import attrs
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mimic_core.errors import DataError
from mimic_core.files import atomic_path, file_hash, to_json, value_hash, write_bytes, write_json
from mimic_core.records import storage
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.keypoints import Keypoints
from mimic_core.records.storage import Record, array, arrays, value
from mimic_guard.seal import seal


@attrs.frozen
class Scale:
    factor: float = 1.0
    axes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Sample(Record):
    KIND: ClassVar[str] = "sample"
    SCHEMA: ClassVar[int] = 3

    pos: np.ndarray = array(("clip", "frame", "xyz"), "m", doc="where it is")
    force: np.ndarray | None = array(("clip", "frame"), "N", optional=True)
    terms: dict[str, np.ndarray] = arrays(("clip", "frame"), "1")
    names: tuple[str, ...] = value(default=(), type=tuple[str, ...], converter=tuple)
    rate_hz: float = value(default=200.0, converter=float)
    scale: Scale = value(default=attrs.Factory(Scale), type=Scale)
    extra: dict[str, Any] = value(default=attrs.Factory(dict))


def sample(fill: float = 1.0, frames: int = 4) -> Sample:
    return Sample(
        pos=np.full((2, frames, 3), fill),
        force=np.full((2, frames), -fill),
        terms={"joint": np.zeros((2, frames))},
        names=("a", "b"),
        scale=Scale(2.0, ("x",)),
        extra={"deep": {"list": [1, 2.5, "x", None, True]}},
    )


@st.composite
def samples(draw):
    clips, frames = draw(st.integers(0, 3)), draw(st.integers(0, 5))
    numbers = st.floats(width=64)  # NaN and the infinities too

    def block(*shape):
        return draw(hnp.arrays(np.float64, shape, elements=numbers))

    return Sample(
        pos=block(clips, frames, 3),
        force=draw(st.just(None) | st.just(block(clips, frames))),
        terms={n: block(clips, frames) for n in draw(st.sets(st.sampled_from(["joint", "control", "größe"])))},
        names=tuple(draw(st.lists(st.text(max_size=8), max_size=3))),
        rate_hz=draw(st.floats(1e-3, 1e6)),
        scale=Scale(draw(st.floats(allow_nan=False, allow_infinity=False)), tuple(draw(st.lists(st.text(max_size=3))))),
        extra=draw(st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.booleans(), max_size=3)),
    )


@settings(deadline=None)
@given(samples())
def test_record_survives_a_file(tmp_path_factory, record):
    again = Sample.load(record.save(tmp_path_factory.mktemp("storage") / "sample.h5"))
    np.testing.assert_array_equal(again.pos, record.pos)  # NaN equals NaN here
    assert again.pos.dtype == record.pos.dtype
    assert (again.force is None) == (record.force is None)
    if record.force is not None:
        np.testing.assert_array_equal(again.force, record.force)
    assert again.terms.keys() == record.terms.keys()
    for name in record.terms:
        np.testing.assert_array_equal(again.terms[name], record.terms[name])
    for name in ("names", "rate_hz", "scale", "extra"):
        assert getattr(again, name) == getattr(record, name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, bool])
def test_type_of_numbers_is_kept(tmp_path, dtype):
    record = Sample(pos=np.ones((1, 300, 3), dtype))  # large enough to be compressed
    assert Sample.load(record.save(tmp_path / "s.h5")).pos.dtype == dtype


@pytest.mark.parametrize("clips", [2, 300])
def test_one_number_repeated_takes_no_memory_and_comes_back(tmp_path, clips):
    same = np.broadcast_to(np.float32(0.5), (clips, 4, 3))
    path = Sample(pos=same, rate_hz=200.0, names=("a",)).save(tmp_path / "same.h5")
    back = Sample.load(path).pos
    assert back.dtype == np.float32 and np.array_equal(back, same)


def test_file_explains_itself(tmp_path):
    path = sample().save(tmp_path / "s.h5")
    with h5py.File(path) as f:
        assert (f.attrs["mimic_kind"], f.attrs["mimic_schema"]) == ("sample", 3)
        assert (f["pos"].attrs["units"], list(f["pos"].attrs["axes"])) == ("m", ["clip", "frame", "xyz"])
        assert f["pos"].attrs["description"] == "where it is"
        assert (f["terms/joint"].attrs["units"], list(f["terms/joint"].attrs["axes"])) == ("1", ["clip", "frame"])
        assert json.loads(f.attrs["names"]) == ["a", "b"]


def test_same_record_gives_the_same_bytes(tmp_path):
    assert file_hash(sample().save(tmp_path / "a.h5")) == file_hash(sample().save(tmp_path / "b.h5"))
    assert file_hash(tmp_path / "a.h5") != file_hash(sample(2.0).save(tmp_path / "c.h5"))


# -- shapes ---------------------------------------------------------------------------------------------------


def test_axes_of_one_name_must_be_equally_long():
    with pytest.raises(DataError, match=r"axis 'frame' has length 5 in force but 4 in pos; they must be equal"):
        Sample(pos=np.zeros((2, 4, 3)), force=np.zeros((2, 5)))


def test_number_of_axes_is_checked():
    with pytest.raises(DataError, match=r"Sample\.pos: expected axes .*'clip', 'frame', 'xyz'.*got shape \(4, 3\)"):
        Sample(pos=np.zeros((4, 3)))


def test_positions_have_three_coordinates():
    with pytest.raises(DataError, match="axis xyz must have length 3, got 2"):
        Sample(pos=np.zeros((2, 4, 2)))


def test_keypoints_of_different_lengths_are_padded_and_come_apart_again(tmp_path):
    clips = [np.random.default_rng(n).normal(size=(n, 2, 3)) for n in (5, 3)]
    kept = Keypoints.from_clips(clips, names=("a", "b"), rate_hz=200, clip_names=("one", "one"), origin="synthetic")
    again = Keypoints.load(kept.save(tmp_path / "k.h5"))
    assert again.clip_names == ("one", "one#2") and again.origin == "synthetic"
    for before, after in zip(clips, again.clips(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert np.isnan(again.positions[1, 3:]).all()


# -- never half a file ----------------------------------------------------------------------------------------


def only_files(folder):
    return sorted(p.name for p in folder.iterdir())


def test_failed_save_leaves_the_old_file_and_nothing_else(tmp_path):
    path = sample(1.0).save(tmp_path / "s.h5")
    unwritable = attrs.evolve(sample(2.0), extra={"what": object()})
    with pytest.raises(TypeError):
        unwritable.save(path)
    assert only_files(tmp_path) == ["s.h5"]
    np.testing.assert_array_equal(Sample.load(path).pos, sample(1.0).pos)


def test_failure_at_the_last_moment_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "new" / "s.txt") as tmp:
        tmp.write_text("half")
        raise KeyboardInterrupt
    assert only_files(tmp_path / "new") == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that a process cannot catch")
def test_killed_while_writing_leaves_the_old_file(tmp_path):
    """Kill a process for good after it has written the new file and before that takes the old one's place."""
    old = Keypoints.from_clips([np.zeros((4, 1, 3))], names=("a",), rate_hz=1, clip_names=("old",))
    path = old.save(tmp_path / "k.h5")
    before = file_hash(path)
    code = f"""
        import os, time
        import numpy as np
        from mimic_core.records.keypoints import Keypoints

        def slow(file):
            print("writing", flush=True)
            time.sleep(60)

        os.fsync = slow
        new = Keypoints.from_clips([np.ones((4, 1, 3))], names=("a",), rate_hz=1, clip_names=("new",))
        new.save({str(path)!r})
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "writing\n"
    assert len(only_files(tmp_path)) == 2  # the old file, and the new one under a temporary name
    child.kill()
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    assert file_hash(path) == before
    assert Keypoints.load(path).clip_names == ("old",)


def test_json_is_written_atomically_and_without_nan(tmp_path):
    path = write_json(tmp_path / "a.json", {"x": np.float32(0.5), "gap": np.nan, "n": np.arange(2), "p": tmp_path})
    assert json.loads(path.read_text()) == {"x": 0.5, "gap": None, "n": [0, 1], "p": str(tmp_path)}
    with pytest.raises(TypeError):
        write_json(path, {"x": object()})
    assert only_files(tmp_path) == ["a.json"] and json.loads(path.read_text())["x"] == 0.5


def test_file_mode_is_what_the_user_asks_of_new_files(tmp_path):
    (tmp_path / "plain").write_text("")
    assert sample().save(tmp_path / "s.h5").stat().st_mode == (tmp_path / "plain").stat().st_mode


# -- files that are not what they should be -------------------------------------------------------------------


def bad(tmp_path, make):
    path = tmp_path / "clips.h5"
    make(path)
    with pytest.raises(DataError) as e:
        Sample.load(path)
    assert str(e.value).startswith(str(path)) and "\n" not in str(e.value)
    return str(e.value)


def test_missing_file_names_a_close_one(tmp_path):
    sample().save(tmp_path / "clip.h5")
    with pytest.raises(DataError, match=r"clips\.h5: no such file; did you mean clip\.h5\?"):
        Sample.load(tmp_path / "clips.h5")
    with pytest.raises(DataError, match="no such file; check the path"):
        Sample.load(tmp_path / "nowhere" / "clips.h5")


@pytest.mark.parametrize("content", [b"", b"time,x,y\n0,1,2\n", bytes(4096)])
def test_not_hdf5(tmp_path, content):
    assert "not an HDF5 file" in bad(tmp_path, lambda p: p.write_bytes(content))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated(tmp_path, share):
    def cut(path):
        sample(frames=400).save(path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    said = bad(tmp_path, cut)
    assert "truncated" in said or "damaged" in said or "cut short" in said


def test_foreign_hdf5(tmp_path):
    def foreign(path):
        with h5py.File(path, "w") as f:
            f["x"] = 1

    assert "expected a mimic 'sample' file, found an HDF5 file that mimic did not write" in bad(tmp_path, foreign)


def test_another_of_our_files(tmp_path):
    def keypoints(path):
        Keypoints.from_clips([np.zeros((1, 1, 3))], names="a", rate_hz=1, clip_names=("a",)).save(path)

    assert "expected a mimic 'sample' file, found a mimic 'keypoints' file" in bad(tmp_path, keypoints)


def test_newer_schema(tmp_path):
    def newer(path):
        sample().save(path)
        with h5py.File(path, "a") as f:
            f.attrs["mimic_schema"] = 4

    assert "written with schema 4 of 'sample', this version reads 3; upgrade mimic" in bad(tmp_path, newer)


def test_missing_array(tmp_path):
    def without(path):
        sample().save(path)
        with h5py.File(path, "a") as f:
            del f["pos"]
        write_bytes(path, data := path.read_bytes(), seal(data))

    assert "has no 'pos', which a 'sample' file must have" in bad(tmp_path, without)


def test_loading_runs_nothing_from_the_file(tmp_path):
    assert not hasattr(storage, "pickle")
    path = attrs.evolve(sample(), extra={"__class__": "os.system", "text": "!!python/object"}).save(tmp_path / "s.h5")
    assert Sample.load(path).extra == {"__class__": "os.system", "text": "!!python/object"}


# -- hashes ---------------------------------------------------------------------------------------------------


def test_hash_of_a_value_does_not_depend_on_the_order_of_keys():
    assert value_hash({"a": 1, "b": [1, 2]}) == value_hash({"b": [1, 2], "a": 1}) != value_hash({"a": 1, "b": [2, 1]})


def test_hash_of_a_file_is_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert file_hash(tmp_path / "abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_records_become_plain_data():
    assert to_json(Scale(2.0, ("x",))) == {"factor": 2.0, "axes": ["x"]}


# -- error summaries of clips ---------------------------------------------------------------------------------


def test_error_summary_leaves_missing_entries_out():
    from mimic_core.records.statistics import error_summary

    error = np.array([[1.0, 4.0, np.nan], [3.0, np.nan, np.nan]])
    with np.errstate(all="raise"):
        found = error_summary(error, ("elbow", "wrist", "paw"))
    assert found == {
        "mean": pytest.approx(8 / 3),
        "median": 3.0,
        "p95": pytest.approx(3.9),
        "max": 4.0,
        "per_keypoint": {"elbow": 2.0, "wrist": 4.0, "paw": None},
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(2, 3, 2), (0, 3, 2)])
def test_error_summary_of_nothing_is_none(shape):
    from mimic_core.records.statistics import error_summary

    found = error_summary(np.full(shape, np.nan), ("elbow", "wrist"))
    nothing = dict.fromkeys(("mean", "median", "p95", "max"))
    assert found == {**nothing, "per_keypoint": {"elbow": None, "wrist": None}}
    assert json.dumps(found, allow_nan=False)


def test_clips_survive_a_file(tmp_path):
    from mimic_core.testing.toy import toy_body

    body = attrs.evolve(toy_body(), scale=1.1, keypoint_pos={"hand": (0.01, 0.0, 0.001)})
    site, q = np.zeros((1, 3, 3, 3)), np.zeros((1, 3, 2))
    clips = ReferenceClips(
        body=body,
        rate_hz=200,
        clip_names=("one",),
        joint_names=("shoulder", "elbow"),
        keypoint_names=tuple(body.keypoints),
        n_frames=np.array([3]),
        qpos=q,
        qvel=q,
        site_pos=site,
        tracked_pos=site,
        error_mm=np.full((1, 3, 3), 0.5),
        alignment=np.eye(4)[None],
        provenance={"method": "none"},
    )
    again = ReferenceClips.load(clips.save(tmp_path / "clips.h5"))
    assert again.body == body and again.provenance == {"method": "none"}
    assert again.error_summary()["per_keypoint"] == {"shoulder": 0.5, "elbow": 0.5, "hand": 0.5}
