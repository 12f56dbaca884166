"""HDF5 files of strangers: what reads other files, or claims more than it holds, is refused before anything is read."""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from mimic_core.errors import DataError
from mimic_core.records import open_hdf5
from mimic_guard import Refused
from mimic_guard.hdf5 import check_hdf5, little_memory
from mimic_recordings import read_keypoints

POSITIONS = np.random.default_rng(0).uniform(-1, 1, (30, 1, 4, 3))
NAMES = {"rate_hz": 100, "names": ["a", "b", "c", "d"]}


def huge(f):
    f.create_dataset("tracks", shape=(1 << 28, 1, 4, 3), dtype="f4", chunks=(1024, 1, 4, 3), compression="gzip")


def huge_chunk(f):
    f.create_dataset("tracks", shape=(4, 1, 4, 3), maxshape=(None, 1, 4, 3), dtype="f8", chunks=(1 << 25, 1, 4, 3))


def other_file(f):
    f.create_dataset("tracks", shape=(10, 1, 4, 3), dtype="u1", external=[("/etc/hostname", 0, 120)])


def link(f):
    f["tracks"] = h5py.ExternalLink("other.h5", "/tracks")


def virtual(f):
    layout = h5py.VirtualLayout(shape=(30, 1, 4, 3), dtype="f8")
    layout[:] = h5py.VirtualSource("other.h5", "tracks", shape=(30, 1, 4, 3))
    f.create_virtual_dataset("tracks", layout)


def deep(f):
    for _ in range(60):
        f = f.create_group("g")


def repeated_text(f):
    f.create_dataset("node_names", (1 << 22,), dtype=h5py.string_dtype(), fillvalue="a" * 100)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (huge, r"tracks makes it 12,885 MB of data in a file of 0\.\d+ MB"),
        (huge_chunk, r"tracks makes it 3,221 MB"),
        (other_file, "tracks takes its data from other files, which is refused"),
        (link, r"/tracks is a link into other\.h5, which is refused"),
        (virtual, "tracks takes its data from other files"),
        (deep, "too deeply nested"),
        (repeated_text, "node_names makes it .* MB"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_refused(tmp_path, plugins, make, message):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as f:
        make(f)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=rf"^\S*a\.h5: /?.*{message}"), open_hdf5(path):
        pytest.fail("nothing may be read")
    with pytest.raises(DataError, match=r"^\S*a\.h5: "):
        read_keypoints([path], plugins, settings=NAMES)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_whole_files_pass(tmp_path, plugins):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as f:
        f.create_dataset("tracks", data=POSITIONS, compression="gzip")
        f["again"] = h5py.SoftLink("/tracks")
        f["hard"] = f["tracks"]
        f.create_dataset("nothing", data=h5py.Empty("f8"))
        f.create_dataset("zeros", data=np.zeros((2000, 500)), compression="gzip")  # compressed a thousandfold
        f.create_group("g")["loop"] = h5py.SoftLink("/g")
    found = read_keypoints([path], plugins, settings=NAMES)
    np.testing.assert_array_equal(found.positions[0], POSITIONS[:, 0])


def test_whatever_a_library_raises_is_one_line(tmp_path, plugins):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as f:
        f.create_dataset("tracks", data=h5py.Empty("f8"))
    with pytest.raises(DataError, match=r"a\.h5: .*sleap_anipose.*\(AttributeError: ") as e:
        read_keypoints([path], plugins, settings=NAMES)
    assert "\n" not in str(e.value)


def test_attributes_without_a_value_are_no_damage(tmp_path):
    """As pytables writes them."""
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.attrs["TITLE"], f.attrs["none"] = h5py.Empty("S1"), np.zeros(0)
        f["a"] = [1.0]
        f["a"].attrs["nan_rep"] = h5py.Empty("S1")
    with open_hdf5(tmp_path / "a.h5") as f:
        assert f["a"][0] == 1


def test_files_looked_at_in_several_threads_leave_no_limit_behind(tmp_path):
    """The limit of memory is the process's: each thread restores what it found, and none finds another's."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    path = tmp_path / "texts.h5"
    with h5py.File(path, "w") as f:
        for i in range(300):
            f.attrs[f"text{i}"] = "word " * 20

    def look(_):
        for _ in range(3):
            with h5py.File(path, "r") as f:
                check_hdf5(f, path.stat().st_size)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, range(8)))
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    with pytest.raises(Refused, match="memory"), little_memory():
        raise MemoryError
    assert resource.getrlimit(resource.RLIMIT_AS) == before
