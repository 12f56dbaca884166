"""What is read of strangers' texts and models, what is left of killed processes, and being stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import h5py
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mimic_core import DataError, atomic_path
from mimic_core.chain import make_body
from mimic_core.cli import parse_assignments
from mimic_core.config import read_toml
from mimic_core.errors import ConfigError
from mimic_guard import Refused, stopping
from mimic_guard.model import check_tree
from mimic_guard.seal import is_sealed, reseal, seal, unsealed
from mimic_guard.stopping import STOPPING, asked_to_stop, ends_when_asked
from mimic_guard.temporary import beside
from mimic_guard.text import parse_toml, parse_yaml

TOO_MUCH = {
    "dots": "a." * 20_000 + "a = 1",
    "dots of quoted keys": '"a".' * 20_000 + "a = 1",
    "lists": "a = " + "[" * 20_000,
    "whole lists": "a = " + "[" * 40 + "]" * 40,
    "tables": "a = " + "{a = " * 5_000 + "1" + "}" * 5_000,
    "length": "a = 1\n" * 100_000,
}


@pytest.mark.parametrize("text", TOO_MUCH.values(), ids=TOO_MUCH)
def test_toml_that_is_a_bomb(tmp_path, text):
    began = time.process_time()
    with pytest.raises(Refused, match="longer or nested more deeply"):
        parse_toml(text)
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"run\.toml: is longer or nested"):
        read_toml(file)
    assert time.process_time() - began < 2


def test_settings_of_the_usual_depth_pass():
    text = 'a.b.c = [[1.5, 2.5], [3.5]]\nd = {e = {f = "1.2.3.4"}}\nnumbers = [' + "1.5, " * 500 + "]"
    assert parse_toml(text)["d"]["e"]["f"] == "1.2.3.4"


@pytest.mark.parametrize("text", ["a.b=" + "[" * 5_000, "a." * 5_000 + "b=1", "x=" + "{y=" * 4_000], ids=len)
def test_assignments_that_are_bombs(text):
    with pytest.raises(ConfigError, match="--set") as e:
        parse_assignments([text])
    assert isinstance(e.value, ConfigError)


@pytest.mark.parametrize("text", ["a: &x [1]\nb: *x", "[" * 5_000, "- " * 5_000, "a: [", "d: 2024-99-99"], ids=range(5))
def test_yaml_that_is_refused(text):
    with pytest.raises(Refused):
        parse_yaml(text)


@given(st.recursive(st.integers() | st.text("ab c", max_size=5), lambda x: st.lists(x, max_size=3), max_leaves=9))
def test_plain_yaml_is_read(data):
    assert parse_yaml(yaml.safe_dump(data)) == data


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ('<replicate count="100000000"><geom size="1"/></replicate>', "asks for 1e.08 parts"),
        ('<replicate count="500"><replicate count="500"><geom/></replicate></replicate>', r"asks for 2\.5.e.05 parts"),
        ('<composite type="cable" count="1000 1000 1"/>', "composite"),
        ("<body>" * 150 + "</body>" * 150, "nested too deeply"),
    ],
)
def test_models_that_are_bombs(tmp_path, plugins, inside, message):
    file = tmp_path / "arm.xml"
    file.write_text(f"<mujoco><worldbody>{inside}</worldbody></mujoco>")
    (tmp_path / "arm.toml").write_text(
        'name = "arm"\nmodel = "arm.xml"\nkeypoint_spread_mm = 1\n[keypoints]\na = {body = "b"}\nb = {body = "b"}\n'
    )
    with pytest.raises(DataError, match=rf"arm\.xml: .*{message}"):
        make_body(plugins, str(tmp_path / "arm.toml"))


def test_sizes_that_models_ask_for():
    for text in ('<size memory="500M"/>', '<size njmax="5000"/>', '<asset><hfield nrow="300" ncol="300"/></asset>'):
        check_tree(ET.fromstring(f"<mujoco>{text}</mujoco>"))
    for text in ('<size memory="500G"/>', '<size nconmax="4000000000"/>', '<hfield nrow="100000" ncol="100000"/>'):
        with pytest.raises(Refused, match="asks for more than a model needs"):
            check_tree(ET.fromstring(f"<mujoco>{text}</mujoco>"))


@given(st.binary(max_size=300), st.integers(0), st.integers(0, 7))
def test_any_flipped_bit_is_seen(data, at, bit):
    whole = data + seal(data)
    assert is_sealed(whole)
    flipped = bytearray(whole)
    flipped[at % len(whole)] ^= 1 << bit
    try:
        assert not is_sealed(bytes(flipped))
    except Refused:
        pass


# -- temporary files ----------------------------------------------------------------------------------------------

_HELD = """
import sys, time
from pathlib import Path
from mimic_core import atomic_path
with atomic_path(Path(sys.argv[1])) as tmp:
    tmp.write_text("half")
    print("there", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_goes_with_the_next_and_not_before(tmp_path):
    path = tmp_path / "[a] clips.h5"
    process = subprocess.Popen([sys.executable, "-c", _HELD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "there\n"
    with atomic_path(path) as tmp:  # the other one still writes
        tmp.write_text("whole")
    assert len(list(tmp_path.iterdir())) == 2
    process.kill()
    process.wait()
    with atomic_path(path) as tmp:
        tmp.write_text("newer")
    assert [p.name for p in tmp_path.iterdir()] == [path.name] and path.read_text() == "newer"


def test_hdf5_which_locks_what_it_writes_can_write_there(tmp_path):
    with atomic_path(tmp_path / "clips.h5") as tmp, h5py.File(tmp, "w") as f:
        f["x"] = 1
    with h5py.File(tmp_path / "clips.h5") as f:
        assert f["x"][()] == 1
    assert (tmp_path / "clips.h5").stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def test_folders_too(tmp_path):
    left = tmp_path / ".frames.mimic-abc"
    left.mkdir()
    (left / "1.png").touch()
    (tmp_path / ".frames.mine").touch()
    with beside(tmp_path / "frames", folder=True) as tmp:
        assert not left.exists() and tmp.is_dir()
        (tmp / "1.png").touch()
        tmp.rename(tmp_path / "frames")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".frames.mine", "frames"]


# -- being stopped ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_asks_and_the_second_breaks_in(number, capsys):
    before = signal.getsignal(number)
    with asked_to_stop() as asked:
        os.kill(os.getpid(), number)
        assert asked == [number.name] and "once more stops at once" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_signals_are_answered_as_before_where_the_block_is_left():
    """What runs the command line within its own process, as a test does, keeps its own answers."""
    before = [signal.getsignal(n) for n in STOPPING]
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), ends_when_asked():
            assert all(signal.getsignal(n) is not b for n, b in zip(STOPPING, before, strict=True))
            os.kill(os.getpid(), signal.SIGTERM)
    assert [signal.getsignal(n) for n in STOPPING] == before
    descriptor = signal.set_wakeup_fd(-1)
    assert descriptor == -1


def test_a_block_that_was_left_ends_no_process_later(monkeypatch):
    """Whenever its thread hears of the signal, and whatever other blocks do by then."""
    ended = []
    monkeypatch.setattr(stopping, "PATIENCE_S", 0.02)
    monkeypatch.setattr(stopping, "UNWINDING_S", 0.02)
    monkeypatch.setattr(stopping, "end", lambda number, kept: ended.append(number))
    monkeypatch.setattr(stopping, "_over", SimpleNamespace(set=lambda: None, is_set=lambda: False))
    for _ in range(20):
        for _ in range(20):
            with pytest.raises(KeyboardInterrupt), ends_when_asked():
                os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)
    assert ended == []


def test_a_sealed_file_can_be_gone_on_with(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"begun" + seal(b"begun"))
    unsealed(path)
    assert path.read_bytes() == b"begun"
    with path.open("ab") as f:
        f.write(b", done")
    reseal(path)
    assert path.read_bytes() == b"begun, done" + seal(b"begun, done") and is_sealed(path.read_bytes())
