"""Damaged files, full disks and what is no file: one line, and never a wrong number."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from mimic_core.errors import DataError
from mimic_core.files import atomic_path, check_output, write_json
from mimic_core.records.keypoints import Keypoints
from mimic_guard.seal import SEAL, is_sealed


@pytest.fixture
def record():
    rng = np.random.default_rng(0)
    return Keypoints.from_array(rng.normal(size=(3, 20, 3, 3)), ["a", "b", "c"], 200.0)


def test_no_flipped_bit_passes(record, tmp_path):
    data = bytearray(record.save(tmp_path / "whole.h5").read_bytes())
    rng, file = np.random.default_rng(1), tmp_path / "flipped.h5"
    for at in [*rng.integers(len(data), size=400), *range(len(data) - len(SEAL % (64 * b"0")), len(data))]:
        flipped = bytearray(data)
        flipped[at] ^= 1 << int(rng.integers(8))
        file.write_bytes(flipped)
        with pytest.raises(DataError, match=r"flipped\.h5"):
            Keypoints.load(file)


@pytest.mark.parametrize("left", [0, 1, 77, 78, 500, -1, -79])
def test_no_cut_file_passes(record, tmp_path, left):
    file = record.save(tmp_path / "cut.h5")
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(DataError, match=r"cut\.h5"):
        Keypoints.load(file)


def test_a_sealed_file_is_plain_hdf5(record, tmp_path):
    file = record.save(tmp_path / "clips.h5")
    assert is_sealed(file.read_bytes())
    with h5py.File(file) as f:
        np.testing.assert_array_equal(f["positions"][()], record.positions)
    with h5py.File(file, "a") as f:
        f.attrs["rate_hz"] = "100.0"
    with pytest.raises(DataError, match=r"clips.h5"):
        Keypoints.load(file)


def test_a_full_disk_is_one_line_and_costs_nothing(record, tmp_path):
    """A limit on the size of files stands for the disk; HDF5 itself ends the process where a write fails."""
    file = record.save(tmp_path / "old.h5")
    code = textwrap.dedent(
        """
        import resource, signal, sys
        import numpy as np
        from mimic_core import DataError, Keypoints
        big = Keypoints.from_array(np.random.default_rng(0).normal(size=(9, 500, 5, 3)), list("abcde"), 1)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            big.save(sys.argv[1])
        except DataError as e:
            print(e)
        """
    )
    limited = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert limited.stdout.startswith(f"{file}: cannot be written (File too large)")
    assert Keypoints.load(file) == record and list(tmp_path.iterdir()) == [file]


def test_devices_and_folders_are_not_replaced(record, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, what in ((pipe, "is a device"), ("/dev/null", "is a device"), (tmp_path, "is a folder")):
        for write in (record.save, lambda p: write_json(p, {}), check_output):
            with pytest.raises(DataError, match=what):
                write(path)
    assert pipe.is_fifo() and os.path.exists("/dev/null") and not os.path.isfile("/dev/null")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_line(record, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="cannot be written"):
        record.save(tmp_path / "clips.h5")


def test_an_error_of_the_writer_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "x.txt") as tmp:
        tmp.write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
