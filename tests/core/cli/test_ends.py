"""How a command ends: one line for whatever goes wrong, and what is kept when it is stopped."""

from __future__ import annotations

import csv
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from mimic_core import Result, Table
from mimic_core.chain import installed
from mimic_core.cli import main
from mimic_core.cli.common import session

PLUGIN = '''
"""A stage that fails, or waits to be stopped."""
import ctypes, hashlib, os, sys, time
import attrs
from mimic_core import StageSpec, atomic_path, hookimpl, option


@attrs.frozen(kw_only=True)
class Options:
    how: str = option("fail", help="What it does.")


def work(options, inputs, context):
    if options.how == "fail":
        raise ZeroDivisionError("division by\\nzero")
    if options.how == "wait":
        print("waiting", file=sys.stderr, flush=True)
        time.sleep(60)
    if options.how in ("compute", "deaf"):
        with atomic_path(context.out):
            print("waiting", file=sys.stderr, flush=True)
            hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9) if options.how == "compute" else deaf()
    return {}


def deaf():
    """What is raised in a function that a library calls is lost."""
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    for _ in range(1200):
        ctypes.CDLL(None).qsort((ctypes.c_int * 2)(), 2, 4, function(lambda a, b: time.sleep(0.05) or 0))


@hookimpl
def mimic_stages():
    yield StageSpec(name="odd", config=Options, work=work, output="odd.h5", summary="fails")
'''


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "odd.py"
    file.write_text(PLUGIN)
    return ["mimic", "--plugin", str(file)]


@pytest.fixture(autouse=True)
def own_plugins():
    """Plugin files that a test loads stay its own, and so does what is done about signals."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    installed.cache_clear()
    session.loaded.clear()


def run(monkeypatch, capsys, words):
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as e:
        main()
    return e.value.code, capsys.readouterr().err


def test_what_nobody_foresaw_is_one_line(odd, tmp_path, monkeypatch, capsys):
    code, said = run(monkeypatch, capsys, [*odd, "odd", "--out", str(tmp_path / "odd.h5")])
    assert code == 1
    assert said.splitlines()[-1] == (
        "mimic: error: ZeroDivisionError: division by zero (unforeseen; mimic --debug shows where)"
    )
    assert "Traceback" not in said


@pytest.mark.parametrize("how", ["option", "variable"])
def test_the_traceback_is_there_for_who_asks(odd, tmp_path, monkeypatch, how):
    if how == "variable":
        monkeypatch.setenv("MIMIC_DEBUG", "1")
    debug = ["--debug"] if how == "option" else []
    monkeypatch.setattr(sys, "argv", [*odd, *debug, "odd", "--out", str(tmp_path / "odd.h5")])
    with pytest.raises(ZeroDivisionError):
        main()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_being_stopped_says_what_is_kept(odd, tmp_path, number, code):
    old = tmp_path / "odd.h5"
    old.write_text("as it was")
    process = subprocess.Popen(
        [sys.executable, "-m", "mimic_core.cli", *odd[1:], "odd", "--how", "wait", "--out", str(old)],
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.stderr.readline() != "waiting\n":
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert f"mimic: stopped; odd: {old} is as it was; the same command goes on where it can" in said
    assert "Aborted" not in said and "Traceback" not in said


@pytest.mark.parametrize("how", ["compute", pytest.param("deaf", marks=pytest.mark.slow)])
def test_what_a_library_computes_is_not_waited_for(odd, tmp_path, how):
    old = tmp_path / "odd.h5"
    old.write_text("as it was")
    words = [sys.executable, "-m", "mimic_core.cli", *odd[1:], "odd", "--how", how, "--out", str(old)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    while process.stderr.readline() != "waiting\n":
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143
    assert f"mimic: stopped; odd: {old} is as it was; the same command goes on where it can" in said
    assert [p.name for p in tmp_path.iterdir()] == ["odd.h5"] and old.read_text() == "as it was"


def test_no_cell_of_a_table_is_a_formula(tmp_path):
    table = Table(columns=("clip", "mm"), rows=[("=HYPERLINK(1)", 1.0), ("@x", -2.0), ("-a", 3), ("reach", None)])
    Result(tables={"t": table}).save(tmp_path)
    with (tmp_path / "t.csv").open(newline="") as f:
        rows = list(csv.reader(f))
    assert rows[1:] == [["'=HYPERLINK(1)", "1.0"], ["'@x", "-2.0"], ["'-a", "3"], ["reach", ""]]


def test_devices_are_not_replaced(odd, monkeypatch, capsys):
    code, said = run(monkeypatch, capsys, [*odd, "odd", "--how", "none", "--out", "/dev/null"])
    assert code == 1 and "/dev/null: is a device, no file that can be replaced" in said
    assert not os.path.isfile("/dev/null")


def test_commands_are_quoted_for_the_shell():
    from mimic_run.command_text import _quoted

    for word in ("$(rm -rf ~)", "a b", "it's", "`x`", "a;b", "a\nb", "", "a&b", "<x", "é"):
        assert shlex.split(_quoted(word)) == [word]
