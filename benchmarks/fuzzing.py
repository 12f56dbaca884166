"""Broken files made from whole ones, read in a process that is watched for tracebacks, crashes, hangs and memory."""

from __future__ import annotations

import fnmatch
import json
import os
import random
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import h5py
import numpy as np
from fuzz_seeds import Seed, seeds

from mimic_core import MimicError
from mimic_guard import Refused
from mimic_guard.seal import SEAL, seal

LONGEST_S, DEAD_S, MOST_BYTES = 10, 180, 1 << 30
_NUMBERS = [
    "nan",
    "NaN",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e30",
    "1e309",
    "-1e-320",
    "",
    "99999999999999999999",
    "1,5",
    "0x10",
]
_WORDS = [
    "=1+1",
    "'",
    '"',
    "\0",
    "\ufeff",
    ",",
    ";",
    "\t",
    "\n",
    "[[",
    "{",
    "}",
    "../../x",
    "/dev/zero",
    "\u202e",
    "é" * 50,
]


@attrs.define
class Count:
    """What became of the broken files of one format."""

    inputs: int = 0
    refused: int = 0
    read: int = 0
    tracebacks: int = 0
    hangs: int = 0
    crashes: int = 0
    memory: int = 0
    by_library: int = 0
    peak_bytes: int = 0
    slowest_s: float = 0.0
    faults: list[str] = attrs.field(factory=list)


def fuzz(folder: Path, inputs: int, first: int = 0, formats: Sequence[str] = ("*",)) -> dict[str, Count]:
    """Read ``inputs`` broken files, as many of each whole one; those from number ``first`` on are made.

    Args:
        formats: patterns of those that are read; the others are left out, and so are their inputs.
    """
    every = [seed.what for seed in seeds(folder / "seeds")]
    chosen = [what for what in every if any(fnmatch.fnmatch(what, pattern) for pattern in formats)]
    counts: dict[str, Count] = {what: Count() for what in chosen}
    each, worker = -(-inputs // len(every)), None
    for what in chosen:
        index = every.index(what)
        at, began, count = first, time.monotonic(), counts[what]
        while at < first + each:
            worker = worker or _Worker(folder)
            said = worker.read(index, at)
            if said["what"] in ("hangs", "crashes"):
                worker = None
            _note(count, said)
            at += 1
        print(
            f"{what:28} {count.inputs:6} inputs, {count.refused} refused, {count.read} read, {count.tracebacks} "
            f"tracebacks, {count.hangs} hangs, {count.crashes} crashes, {count.memory} memory; "
            f"{count.peak_bytes / 1e6:.0f} MB, {count.slowest_s:.1f} s; {time.monotonic() - began:.0f} s",
            flush=True,
        )
        for fault in count.faults[:8]:
            print("   ", fault, flush=True)
    return counts


class _Worker:
    """A process that reads broken files, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the fuzzer itself failed; see above")

    def read(self, index: int, number: int) -> dict[str, Any]:
        """Read one; what became of it."""
        self._process.stdin.write(f"{index} {number}\n")
        if not select.select([self._process.stdout], [], [], DEAD_S)[0]:
            self._process.kill()
            return {"what": "hangs", "number": number, "error": f"{DEAD_S} s", "peak": 0, "seconds": DEAD_S}
        if line := self._process.stdout.readline():
            return json.loads(line)
        code = -self._process.wait()
        name = signal.Signals(code).name if code > 0 else f"status {-code}"
        return {"what": "crashes", "number": number, "error": name, "peak": 0, "seconds": 0.0}


def _note(count: Count, said: dict[str, Any]) -> None:
    count.inputs += 1
    setattr(count, said["what"], getattr(count, said["what"]) + 1)
    count.by_library += said.get("library", False)
    count.peak_bytes = max(count.peak_bytes, said["peak"])
    count.slowest_s = max(count.slowest_s, said["seconds"])
    if said["what"] in ("tracebacks", "hangs", "crashes", "memory"):
        error = str(said["error"]).replace(tempfile.gettempdir(), "…")[:300]
        count.faults.append(f"{said['what']}: number {said['number']}: {error}")


class _Hang(BaseException):
    pass


def _ring(*_: object) -> None:
    raise _Hang


def _work(folder: Path) -> None:
    """Read what standard input asks for."""
    warnings.simplefilter("ignore")
    found = seeds(Path(tempfile.mkdtemp(dir=folder)))
    for seed in found:
        seed.read(seed.path)  # one that is refused whole would tell nothing
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (held + 3 * MOST_BYTES, held + 3 * MOST_BYTES))
    signal.signal(signal.SIGPROF, _ring)
    answers.write("ready\n")
    for line in sys.stdin:
        index, number = map(int, line.split())
        seed = found[index]
        whole = seed.path.read_bytes()
        seed.path.write_bytes(broken(seed, number))
        said = _tried(seed, seed.path)
        seed.path.write_bytes(whole)
        answers.write(json.dumps({"number": number, **said}) + "\n")


def _tried(seed: Seed, path: Path) -> dict[str, Any]:
    began, error = time.process_time(), ""
    library = False
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    except OSError:
        pass
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)  # of the processor's time: others may need it too
    try:
        seed.read(path)
        what = "read"
    except MimicError as e:
        error, what = " ".join(str(e).split()), "refused"
        library = e.__cause__ is not None and not isinstance(e.__cause__, MimicError)
        if _ran_out(e):
            what = "memory"
    except _Hang:
        what, error = "hangs", "longer than 10 s"
    except MemoryError as e:
        what, error = "memory", repr(e)
    except Exception as e:
        what, error = "tracebacks", f"{type(e).__name__}: {e}"[:200]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    peak = _peak()
    if peak > MOST_BYTES:
        what, error = "memory", f"{peak / 1e6:.0f} MB; {error}"[:200]
    seconds = time.process_time() - began
    return {"what": what, "error": error, "peak": peak, "seconds": seconds, "library": library}


def _ran_out(e: BaseException | None) -> bool:
    while e is not None and not isinstance(e, Refused):
        if isinstance(e, MemoryError):
            return True
        e = e.__cause__
    return False


def _peak() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


# -- how files are broken ---------------------------------------------------------------------------------------------


def broken(seed: Seed, number: int) -> bytes:
    """Return the bytes of a broken file; the same number gives the same file."""
    rng = random.Random(f"{seed.what}/{seed.path.name}/{number}")
    data = seed.path.read_bytes()
    if seed.sealed:
        data = data[: -len(SEAL % (64 * b"0"))]
    kind = seed.kind
    if kind == "hdf5" and rng.random() < 0.6:
        out = _restructured(data, rng)
    elif kind == "text" and rng.random() < 0.85:
        out = _reworded(data.decode("utf-8"), rng).encode("utf-8", "surrogatepass")
    else:
        out = _bytes_changed(data, rng)
    return out + seal(out) if seed.sealed and rng.random() < 0.9 else out


def _bytes_changed(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5, 50])):
        if not out:
            break
        at, n = rng.randrange(len(out)), rng.choice([1, 2, 4, 8, 64])
        how = rng.randrange(6)
        if how == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            out[at : at + n] = rng.choice([b"\0", b"\xff", b"\x7f"]) * n
        elif how == 2:
            out[at : at + n] = rng.randbytes(n)
        elif how == 3:
            del out[at : at + rng.choice([1, n, 512, len(out)])]
        elif how == 4:
            out[at:at] = out[at : at + rng.choice([n, 512])]
        else:
            out[at : at + 8] = rng.choice([0, 1, 2**31 - 1, 2**32, 2**63 - 1]).to_bytes(8, "little")
    return bytes(out)


def _reworded(text: str, rng: random.Random) -> str:
    for _ in range(rng.choice([1, 1, 2, 4])):
        how = rng.randrange(9)
        # of a long file only what is asked for is looked up
        numbers = list(re.finditer(r"-?\d+\.?\d*(?:e-?\d+)?", text)) if how <= 2 else []
        words = list(re.finditer(r"\w+", text)) if how == 3 else []
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        if how <= 2 and numbers:
            m = rng.choice(numbers)
            text = text[: m.start()] + rng.choice(_NUMBERS) + text[m.end() :]
        elif how == 3 and words:
            m = rng.choice(words)
            text = text[: m.start()] + rng.choice([rng.choice(words)[0], *_WORDS]) + text[m.end() :]
        elif how == 4:
            lines[at : at + rng.choice([1, 3])] = []
            text = "\n".join(lines)
        elif how == 5:
            lines[at:at] = [lines[at]] * rng.choice([1, 3, 300])
            text = "\n".join(lines)
        elif how == 6:
            place = rng.randrange(len(text) + 1)
            text = text[:place] + rng.choice(_WORDS) * rng.choice([1, 1, 30, 3000]) + text[place:]
        elif how == 7:
            text = text[: rng.randrange(len(text) + 1)]
        else:
            old, new = rng.choice(
                [(",", ";"), (".", ","), ("\n", "\r"), ("\n", "\n\n"), (",", ",,"), ("=", ":"), ('"', "'")]
            )
            text = text.replace(old, new, rng.choice([1, -1]))
    return text


def _restructured(data: bytes, rng: random.Random) -> bytes:
    """Change an HDF5 file by its own library: shapes, types, values, links, attributes."""
    with h5py.File.in_memory(data) if hasattr(h5py.File, "in_memory") else _in_memory(data) as f:
        for _ in range(rng.choice([1, 1, 2, 4])):
            names: list[str] = []
            f.visit(names.append)
            try:
                if rng.random() < 0.35 or not names:
                    _attribute(f[rng.choice(["/", *names])], rng)
                else:
                    _dataset(f, rng.choice(names), rng)
            except (OSError, RuntimeError, LookupError, TypeError, ValueError, MemoryError):
                continue  # this object cannot be changed so
        f.flush()
        return f.id.get_file_image()


def _in_memory(data: bytes) -> h5py.File:
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    access.set_file_image(data)
    return h5py.File(h5py.h5f.open(b"broken", h5py.h5f.ACC_RDWR, fapl=access))


def _attribute(item: Any, rng: random.Random) -> None:
    names = list(item.attrs)
    name = rng.choice([*names, "new"])
    values: list[Any] = [
        "", "null", "[]", "{}", "-1", "1e999", "[" * 3000, '{"a": ' * 500, json.dumps("x" * 5000), "NaN", '["a", 1]',
        0, -1, 2**63 - 1, np.nan, np.zeros(3), np.zeros((0, 2)), b"\xff\xfe", h5py.Empty("f"),
        np.array(["a", "b"], "S1"),
    ]  # fmt: skip
    if name in names and rng.random() < 0.2:
        del item.attrs[name]
    elif name in names and isinstance(item.attrs[name], str) and rng.random() < 0.5:
        item.attrs[name] = _reworded(item.attrs[name], rng)
    else:
        item.attrs[name] = rng.choice(values)


def _dataset(f: h5py.File, name: str, rng: random.Random) -> None:
    old = f[name]
    a = old[()] if isinstance(old, h5py.Dataset) else np.zeros(3)
    kept = dict(old.attrs)
    a = np.asarray(a)
    how = rng.randrange(13)
    if how <= 2 and isinstance(old, h5py.Dataset) and a.size and a.dtype.kind in "fiu":
        flat = a.ravel().astype(a.dtype if how else float, copy=True)
        extreme = [np.nan, np.inf, 1e30, -1.0, 0.0, 1e308] if flat.dtype.kind == "f" else [0, 1, 10**6]
        flat[rng.randrange(flat.size) :: rng.choice([1, 7, flat.size])] = rng.choice(extreme)
        new: Any = flat.reshape(a.shape)
    elif how == 3:
        new = np.zeros(rng.choice([(0,), (1,), (), (2, 3), (*a.shape, 1), (3, *a.shape)]))
    elif how == 4 and a.ndim:
        new = a[: rng.randrange(len(a) + 1)] if rng.random() < 0.5 else np.moveaxis(a, 0, -1)
    elif how == 5:
        new = np.array(rng.choice([["x", "y"], ["", ""], ["é"]]), "S" if rng.random() < 0.5 else object)
        new = np.array([b"x", b"\xff"]) if new.dtype == object and rng.random() < 0.3 else new
    elif how == 6 and a.dtype.kind in "fiub":
        new = a.astype(rng.choice(["f2", "c16", "i1", "u8", "?"]))
    else:
        del f[name]
        if how == 7:
            f[name] = h5py.ExternalLink("/etc/hostname", "/")
        elif how == 8:
            f[name] = h5py.SoftLink(rng.choice([name, "/", "/nothing"]))
        elif how == 9:
            shape = rng.choice([(1 << 40,), (1 << 31, 4, 3), (1 << 20, 1 << 20)])
            f.create_dataset(name, shape=shape, dtype="f8", chunks=(1024,) + shape[1:2] * 0 + (1,) * (len(shape) - 1))
        elif how == 10:
            f.create_group(name)
        elif how == 11:
            f.create_dataset(name, data=h5py.Empty("f8"))
        return
    del f[name]
    d = f.create_dataset(name, data=new)
    for key, v in kept.items():
        d.attrs[key] = v


def totals(formats: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """The sums over all formats."""
    summed = ("inputs", "refused", "read", "tracebacks", "hangs", "crashes", "memory")
    return {k: sum(c[k] for c in formats.values()) for k in summed}


if __name__ == "__main__":
    _work(Path(sys.argv[1]))
