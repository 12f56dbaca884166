"""What mimic survives, counted: kill -9, broken files, flipped bits, full disks, read-only folders, no home.

    python benchmarks/reliability.py [--only kills fuzz bits places] [--inputs 20300] [--kills 100] [--out FILE.json]

- fuzz: small whole files of every format (`fuzz_seeds.py`) are broken in many ways (`fuzzing.py`) and read. Refusing
  one in one line, and reading one that still makes sense, are both right. A traceback, a crash, more than 10 s or
  more than 1 GiB are not. Inputs are numbered: the same number gives the same file on every machine.
- kills: `mimic run` is killed (SIGKILL) at random moments while it makes stages anew. After each kill every output that
  was finished must still be there, whole, in its place or beside it; at the end the run is let finish and must
  leave what a run leaves that was never killed, to the last bit. One kill in five hits `mimic sweep`: a training that
  was finished must stay as it was, and one that was not must end as if it had never been killed.
- bits: single bits are flipped in records and in a checkpoint. Whatever is then read must be what was written (a
  checkpoint falls back to the one before), or the damage must be said.
- places: a disk that fills up, a folder that is read-only, no home directory.

What is counted is put into FILE.json beside what it holds of the others; the page `docs/reliability.md` is made of
docs/measured/reliability.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

MIMIC = [sys.executable, "-m", "mimic_core.cli"]
TRAIN = """
[train.policy]
name = "bottleneck_ppo"
encoder_layers = [8]
decoder_layers = [8]
critic_layers = [8]
intention_size = 2
environments = 8
batch_size = 8
minibatches = 2
passes = 1
unroll = 5
steps = {steps}
evaluations = 4
[train.task]
window = 2
[rollout]
[analyze.tracking]
"""
RUN = (
    """
body = {body!r}
seed = 3
[generate]
clips = 6
frames = 40
gap_share = 0.0
[register]
cutoff_hz = {cutoff_hz}
"""
    + TRAIN
)
VARIANTS = [
    {"cutoff_hz": c, "steps": s} for c, s in ((30.0, 1600), (30.0, 2400), (25.0, 2400), (25.0, 3200), (30.0, 1600))
]
SWEEP = (
    """
[sweep]
clips = {clips!r}
seeds = 1
max_together = 1
[sweep.grid]
"rewards.joint.weight" = [0.5, 1.0]
"""
    + TRAIN
)
TOY = '''"""The toy arm as a body."""
from mimic_core import BodySpec, hookimpl


def build(config, variant):
    from mimic_core.testing.toy import toy_body

    return toy_body()


@hookimpl
def mimic_bodies():
    yield BodySpec(name="toy", build=build, summary="planar arm")
'''


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["bits", "places", "fuzz", "kills"])
    parser.add_argument("--inputs", type=int, default=20300)
    parser.add_argument("--first", type=int, default=0, help="number of the first broken file")
    parser.add_argument("--formats", nargs="+", default=["*"], help="patterns of what is broken; '*' for all")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--bits", type=int, default=500)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="mimic-reliability-") as name:
        for what in given.only:
            folder = Path(name) / what
            folder.mkdir()
            began = time.monotonic()
            found[what] = {
                "fuzz": lambda f: fuzzed(f, given.inputs, given.first, given.formats),
                "kills": lambda f: killed(f, given.kills, given.seed),
                "bits": lambda f: flipped(f, given.bits),
                "places": places,
            }[what](folder)
            found[what]["minutes"] = round((time.monotonic() - began) / 60, 1)
            print(what, json.dumps({k: v for k, v in found[what].items() if k != "formats"}), flush=True)
            if given.out:
                given.out.write_text(json.dumps(_beside(given.out, found), indent=1) + "\n")


# -- broken files -------------------------------------------------------------------------------------------------


def fuzzed(folder: Path, inputs: int, first: int, formats: Sequence[str]) -> dict[str, Any]:
    """Read broken files."""
    from fuzzing import fuzz, totals

    found = {what: attrs.asdict(c) for what, c in fuzz(folder, inputs, first, formats).items()}
    return {**totals(found), "formats": found}


def _beside(file: Path, found: dict[str, Any]) -> dict[str, Any]:
    """What was counted, with what a file holds of the others; of broken files, of other formats too."""
    from fuzzing import totals

    before = json.loads(file.read_text()) if file.exists() else {}
    both = {**before, **found}
    if "fuzz" in before and "fuzz" in found:
        formats = {**before["fuzz"]["formats"], **found["fuzz"]["formats"]}
        both["fuzz"] = {**found["fuzz"], **totals(formats), "formats": formats}
    return both


# -- kill -9 ------------------------------------------------------------------------------------------------------


def killed(folder: Path, kills: int, seed: int = 0) -> dict[str, Any]:
    """Kill runs and sweeps, and look each time for what is lost."""
    plugin, rng = folder / "toy.py", random.Random(seed)
    plugin.write_text(TOY)
    _finished(folder, plugin, folder / "usual", VARIANTS[0])
    usual = _finished(folder, plugin, folder / "again", VARIANTS[0])  # with the programs that the first one compiled
    in_sweeps = kills // 5
    found = [
        _killed_runs(folder, plugin, kills - in_sweeps, usual, rng),
        _killed_sweeps(folder, plugin, in_sweeps, rng),
    ]
    return {
        "kills": sum(len(f["in"]) for f in found),
        "lost": sum(len(f["lost"]) for f in found),
        "what": [x for f in found for x in f["lost"]][:10],
        "in": dict(Counter(stage for f in found for stage in f["in"])),
        "differs from a run that was never killed": [x for f in found for x in f["differs"]],
        "temporary files left in the end": [x for f in found for x in f["left"]],
    }


def _killed_runs(folder: Path, plugin: Path, kills: int, usual: float, rng: random.Random) -> dict[str, list[str]]:
    out, where, lost, tries = folder / "run", list[str](), list[str](), 0
    shutil.copytree(folder / "usual", out)
    while len(where) < kills and len(lost) < 10:
        # by tries, not by kills: a run that has nothing left to do ends before it is killed
        words = _command(folder, plugin, out, VARIANTS[(tries // 3) % len(VARIANTS)])
        tries += 1
        what = f"run: kill {len(where)}"
        if not _kill(words, rng.uniform(0.1, 1.0) * usual, what, lost):
            continue
        lost += [f"{what}: {x}" for x in _lost(out)]
        where.append(_running(out))
        if len(where) % 10 == 0:
            print(f"{len(where)} kills of runs, {len(lost)} lost", flush=True)
    _finished(folder, plugin, out, VARIANTS[0])
    return {"in": where, "lost": lost, "differs": sorted(_differences(out, folder / "usual")), "left": _left(out)}


def _killed_sweeps(folder: Path, plugin: Path, kills: int, rng: random.Random) -> dict[str, list[str]]:
    out, whole, where, lost = folder / "swept", folder / "usual_sweep", list[str](), list[str]()
    differs, left = list[str](), list[str]()
    file = folder / "sweep.toml"
    file.write_text(SWEEP.format(clips=str(folder / "usual" / "clips.h5"), steps=1600))
    words = [*MIMIC, "--plugin", str(plugin), "sweep", str(file), "--out"]
    began = time.monotonic()
    subprocess.run([*words, str(whole)], check=True, capture_output=True)
    usual, right, there = time.monotonic() - began, _trainings(whole), dict[str, Any]()
    while len(where) < kills and len(lost) < 10:
        what = f"sweep: kill {len(where)}"
        died = _kill([*words, str(out)], rng.uniform(0.1, 1.0) * usual, what, lost)
        now = _trainings(out)
        lost += [f"{what}: {name} is gone or changed" for name, held in there.items() if now.get(name) != held]
        there = now
        where += ["sweep"] * died
        if not died or len(where) == kills:
            subprocess.run([*words, str(out)], check=True, capture_output=True)
            differs += [f"sweep: {name}" for name, held in right.items() if _trainings(out).get(name) != held]
            left += _left(out)
            shutil.rmtree(out)
            there = {}
        if len(where) % 10 == 0:
            print(f"{len(where)} kills of sweeps, {len(lost)} lost", flush=True)
    return {"in": where, "lost": lost, "differs": differs, "left": left}


def _kill(words: list[str], after_s: float, what: str, lost: list[str]) -> bool:
    """Kill a command after a while; False where it had ended. Its failing is a loss."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    process.send_signal(signal.SIGKILL)
    said = process.communicate()[1]
    if process.returncode not in (0, -signal.SIGKILL):
        lost.append(f"{what}: the command failed: {said.decode()[-300:]}")
    return process.returncode == -signal.SIGKILL


def _trainings(out: Path) -> dict[str, Any]:
    """Name of each finished training of a sweep → its weights and the numbers of its rollouts."""
    finished = out.rglob("summary.json")
    return {str(p.parent.relative_to(out)): (_weights(p.parent), _numbers(p.parent / "rollouts.h5")) for p in finished}


def _left(out: Path) -> list[str]:
    names = [p for p in out.rglob(".*") if "mimic-" in p.name or p.name.endswith(".before")]
    return [str(p.relative_to(out)) for p in names]


def _command(folder: Path, plugin: Path, out: Path, variant: dict[str, Any]) -> list[str]:
    file = folder / "toy.toml"
    file.write_text(RUN.format(body="toy", **variant))
    return [*MIMIC, "--plugin", str(plugin), "run", str(file), "--out", str(out)]


def _finished(folder: Path, plugin: Path, out: Path, variant: dict[str, Any]) -> float:
    began = time.monotonic()
    done = subprocess.run(_command(folder, plugin, out, variant), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the run does not finish: {done.stderr[-500:]}")
    return time.monotonic() - began


def _running(out: Path) -> str:
    entries = json.loads((out / "manifest.json").read_text())["stages"]
    return next((e["name"] for e in entries if e["status"] == "running"), "between stages")


def _lost(out: Path) -> Iterator[str]:
    """What a killed run ought to hold, and does not."""
    from mimic_run.stage_output import DONE, REPLACES, kept_aside, output_hash

    try:
        entries = json.loads((out / "manifest.json").read_text())["stages"]
    except ValueError as e:
        yield f"manifest: {e}"
        return
    for entry in entries:
        path = out / entry["outputs"]["out"]
        finished = entry if entry["status"] in DONE else entry.get(REPLACES)
        if not finished or finished["status"] not in DONE:
            continue
        places = [path] if finished is entry else [path, kept_aside(path)]
        if finished["output_hash"] not in [output_hash(p, finished.get("files")) for p in places]:
            yield f"{entry['name']}: its finished output is gone or changed"


def _differences(a: Path, b: Path) -> Iterator[str]:
    """Names of outputs that differ in anything but times."""
    from mimic_core.trainer import Checkpoints  # noqa: F401  (imports jax)

    for name in ("keypoints.h5", "clips.h5", "rollouts.h5"):
        if _numbers(a / name) != _numbers(b / name):
            yield name
    if _weights(a / "train") != _weights(b / "train"):
        yield "train"


def _numbers(path: Path) -> dict[str, bytes]:
    import h5py

    found: dict[str, bytes] = {}
    with h5py.File(path) as f:
        f.visititems(lambda n, item: found.update({n: _bytes(item[()])}) if isinstance(item, h5py.Dataset) else None)
    return found


def _bytes(values: Any) -> bytes:
    """What a dataset holds; the bytes of an array of texts would be their addresses in memory."""
    values = np.asarray(values)
    return repr(values.tolist()).encode() if values.dtype.kind == "O" else values.tobytes()


def _weights(folder: Path) -> list[bytes]:
    import jax
    import orbax.checkpoint as ocp

    steps = [int(p.name) for p in (folder / "checkpoints").iterdir() if p.name.isdigit()]
    state = ocp.StandardCheckpointer().restore((folder / "checkpoints" / str(max(steps)) / "state").resolve())
    return [np.asarray(x).tobytes() for x in jax.tree.leaves(state)]


# -- flipped bits -------------------------------------------------------------------------------------------------


def flipped(folder: Path, bits: int) -> dict[str, Any]:
    """Flip single bits in records and in a checkpoint."""
    from mimic_core import DataError
    from mimic_core.chain import installed, load
    from mimic_core.testing import toy_records

    plugins, rng, silent, said = installed(), random.Random(0), 0, 0
    records = toy_records(plugins)
    file = folder / "record.h5"
    for i in range(bits):
        kind = list(records)[i % len(records)]
        records[kind].save(file)
        data = bytearray(file.read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file.write_bytes(data)
        try:
            load(file, kind, plugins)
            silent += 1
        except DataError:
            said += 1
    return {"records": bits, "said": said, "silent": silent, **_flipped_checkpoints(folder, max(50, bits // 5), rng)}


def _flipped_checkpoints(folder: Path, bits: int, rng: random.Random) -> dict[str, Any]:
    import warnings

    from mimic_core import DataError
    from mimic_core.trainer import Checkpoints

    state = {"a": np.arange(400.0), "b": np.ones((7, 5), np.float32)}
    before = {k: v + 1 for k, v in state.items()}
    whole = folder / "whole"
    with Checkpoints(whole) as keeper:
        keeper.save(1, before)
        keeper.save(2, state)
    fell_back, silent, used = 0, 0, 0
    for i in range(bits):
        run = folder / f"flipped{i}"
        shutil.copytree(whole, run)
        files = [p for p in (run / "checkpoints" / "2").rglob("*") if p.is_file() and p.stat().st_size]
        file = rng.choice(files)
        data = bytearray(file.read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file.write_bytes(data)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                with Checkpoints(run) as keeper:
                    step = keeper.latest
                    found = keeper.restore(state, step)
            except DataError:
                heard, found, step = ["said"], None, None
        right = found is not None and all(np.array_equal(found[k], (state if step == 2 else before)[k]) for k in state)
        fell_back += step == 1 and bool(heard) and right
        used += step == 2 and right
        silent += not right and not (found is None and heard)
        shutil.rmtree(run)
    return {"checkpoints": bits, "fell back to the one before": fell_back, "wrong weights": silent, "unharmed": used}


# -- places -------------------------------------------------------------------------------------------------------


def places(folder: Path) -> dict[str, Any]:
    """Write where that is not possible."""
    plugin = folder / "toy.py"
    plugin.write_text(TOY)
    made = folder / "made"
    _finished(folder, plugin, made, {"cutoff_hz": 30.0, "steps": 160})
    commands = {
        "generate": ["generate", "--body", "toy", "--out", "OUT/k.h5", "--set", "clips=6"],
        "register": ["register", str(made / "keypoints.h5"), "--body", "toy", "--out", "OUT/c.h5"],
        "train": [
            "train", str(made / "clips.h5"), "--out", "OUT/train", "--policy", "bottleneck_ppo", "--set",
            "policy.steps=160", "--set", "policy.environments=8", "--set", "policy.batch_size=8", "--set",
            "policy.minibatches=2", "--set", "policy.unroll=5",
        ],
        "rollout": ["rollout", str(made / "train"), "--out", "OUT/r.h5"],
        "analyze": ["analyze", "tracking", str(made / "rollouts.h5"), "--out", "OUT/tracking"],
        "run": ["run", str(folder / "toy.toml"), "--out", "OUT/run"],
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, command in commands.items():
        for place in ("full disk", "read-only folder", "no home"):
            out = folder / f"{name} {place}".replace(" ", "_")
            out.mkdir()
            found[f"{name}, {place}"] = _tried(place, [*MIMIC, "--plugin", str(plugin), *command], out, folder)
    wrong = {k: v for k, v in found.items() if v != "right"}
    return {"tried": len(found), "right": len(found) - len(wrong), "wrong": wrong}


def _tried(place: str, command: list[str], out: Path, home: Path) -> str:
    """``right``, or what was wrong."""
    words = [w.replace("OUT", str(out)) for w in command]
    env = {**os.environ, "MIMIC_CACHE_DIR": str(home / "cache")}
    more: dict[str, Any] = {}
    if place == "full disk":
        words = [sys.executable, "-c", _LIMITED, *words[3:]]
    elif place == "read-only folder":
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            _open_up(home)
            more = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        out.chmod(0o555)
    else:
        env = {
            k: v for k, v in env.items() if k not in ("HOME", "XDG_CACHE_HOME", "MIMIC_CACHE_DIR", "USER", "LOGNAME")
        }
        env["HOME"] = "/nonexistent"
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            _open_up(home)
            out.chmod(0o777)
            more = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    try:
        done = subprocess.run(words, capture_output=True, text=True, env=env, timeout=1800, **more)
    except subprocess.TimeoutExpired:
        return "did not end within half an hour"
    finally:
        out.chmod(0o755)
    lines = [line for line in done.stderr.splitlines() if line.startswith("mimic: error")]
    if "Traceback" in done.stderr or done.returncode < 0:
        return f"status {done.returncode}: {done.stderr[-300:]}"
    if place == "no home":
        return "right" if done.returncode == 0 else f"status {done.returncode}: {done.stderr[-300:]}"
    if done.returncode != 1 or len(lines) != 1 or "unforeseen" in lines[0] or str(out) not in lines[0]:
        return f"status {done.returncode}: {done.stderr[-300:]}"
    left = [p.name for p in out.rglob("*") if p.is_file() and ".mimic-" in p.name]
    return f"temporary files are left: {left}" if left else "right"


def _open_up(folder: Path) -> None:
    """Let anybody read what was made for the trials, and the folders above."""
    folder.parent.chmod(0o755)
    (folder / "cache").mkdir(exist_ok=True)
    for path in (folder, *folder.rglob("*")):
        path.chmod(
            path.stat().st_mode
            | (0o777 if path.is_dir() and "cache" in path.parts else 0o755 if path.is_dir() else 0o644)
        )


_LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
sys.argv[0] = "mimic"
from mimic_core.cli import main
main()
"""
"""A limit on the size of files stands for the disk."""

if __name__ == "__main__":
    main()
