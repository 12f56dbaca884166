"""Registration against its goals: real recordings, movements known beforehand, and STAC-MJX on the same frames.

    python benchmarks/registration.py [--data ../shared/data] [--only ROW ...] [--json]
        [--peer-python PYTHON --peer-repo DIR [--frames 100]]

Rows: mouse, mouse-mobile, set1, set4, set1-wrist, set4-wrist, rodent, peer, recovery-mouse, recovery-rodent, raw.
Without --peer-python there is no row peer; with it, `stac_mjx_peer.py` is run by that python (100 frames: a quarter of
an hour or more).

Distances are in millimetres of the animal, between every tracked position and the fitted body, those that the fit
judged to be jumps of the tracking included. "time" is on the wall; "CPU time" tells what other programs on the
machine did not take.

recovery: the registered movement is taken as the truth. Keypoints are made from it with noise and gaps and registered
from the body as it was before any registration, with default settings. Keypoints cannot tell everything: turning a
keypoint about its joint's axis is the same as another zero of that joint. So the truth has the keypoints once where
the body has them ("own places") and once where the registration put them ("registered places"); "body known" fits the
movement alone, with the true body, and so shows what noise and gaps do to the joints by themselves. With 0 mm of noise
only gaps are left. The keypoints are made in the model's own axes: a "turn of the recording's axes" is an error, and
one that the joints of a shoulder which turns every way make up for; --axes model leaves it out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from known_movements import Truth, make_truth
from rich.console import Console
from rich.table import Table
from scipy.spatial.transform import Rotation

from mimic_core import Body, BodyModel, Calibration, Plugins, ReferenceClips
from mimic_core.chain import do, installed, make_body, versions
from mimic_core.records.statistics import error_summary

MM = 1e3
NEAR = 3
PACKAGES = ("python", "mimic-neuro", "mujoco", "numpy", "scipy")


@attrs.frozen
class Figure:
    """One measured quantity. ``goal`` is the largest value wanted, or the smallest if ``at_least``."""

    quantity: str
    value: float | str
    goal: float | None = None
    samples: str = ""
    at_least: bool = False
    row: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        return bool(self.value >= self.goal if self.at_least else self.value <= self.goal)


@attrs.define
class Bench:
    """What the rows share: data, settings, and registrations that more than one row needs."""

    plugins: Plugins
    args: argparse.Namespace
    out: Path

    @property
    def data(self) -> Path:
        return self.args.data

    def register(self, files: list[Path], **given: Any) -> tuple[dict[str, Any], ReferenceClips]:
        """Register files as `mimic register` does; return its summary and the clips."""
        out = self.out / f"clips{len(list(self.out.glob('clips*')))}.h5"
        began = time.process_time()
        summary = do(self.plugins, "register", files=files, out=out, **given)
        return {**summary, "cpu_seconds": time.process_time() - began}, ReferenceClips.load(out)

    def rat(self, recording: Path) -> tuple[dict[str, Any], ReferenceClips]:
        """Register a recording of the rat: a .mat with the layout of the one in the data."""
        return self.register(
            [recording],
            body={"name": "rodent", **self.rat_settings},
            reader={"name": "mat", "names": str(self.data / "rodent" / "stac_model.yaml"), "rate_hz": 50.0},
        )

    @property
    def trials(self) -> list[Path]:
        return sorted((self.data / "mouse_reach").glob("*_ik.h5"))[: self.args.clips]

    @property
    def rat_settings(self) -> dict[str, str]:
        return {"mjcf": str(self.data / "rodent" / "rodent.xml")}

    def first_frames(self, count: int) -> Path:
        """Write the rat's first frames into a file of their own."""
        from scipy.io import loadmat, savemat

        path = self.out / f"rat_first_{count}.mat"
        savemat(path, {"pred": loadmat(self.data / "rodent" / "mocap_1000_frames.mat")["pred"][:count]})
        return path

    @cached_property
    def mouse(self) -> tuple[dict[str, Any], ReferenceClips]:
        return self.register(self.trials, body="mouse_forelimb")

    @cached_property
    def rodent(self) -> tuple[dict[str, Any], ReferenceClips]:
        return self.rat(self.first_frames(self.args.rat_frames))


def distances(clips: ReferenceClips) -> dict[str, Any]:
    """Summarise the distance of every tracked position, mm of the animal."""
    off = np.linalg.norm(clips.tracked_pos - clips.site_pos, axis=-1) * clips.body.scale * MM
    return error_summary(off, clips.keypoint_names)


def samples(clips: ReferenceClips) -> str:
    """Say how much was measured."""
    return f"{len(clips.clip_names)} clips, {int(clips.n_frames.sum())} frames, {len(clips.keypoint_names)} keypoints"


def distance_figures(summary: dict[str, Any], clips: ReferenceClips, goals: dict[str, float]) -> Iterator[Figure]:
    """Yield mean, median, 95th percentile, maximum and seconds, with the goals that there are."""
    found = {f"{k}, mm": v for k, v in distances(clips).items() if k != "per_keypoint"}
    found |= {"time, s": summary["seconds"], "CPU time, s": summary["cpu_seconds"]}
    for quantity, value in found.items():
        yield Figure(quantity, value, goals.get(quantity), samples(clips))
    for headline in summary["headlines"]:
        for name, value in headline["nulls"].items():
            yield Figure(f"null: {name}, {headline['unit']}", value, None, samples(clips))


def mouse(bench: Bench) -> Iterator[Figure]:
    """One offset set for all trials; published with a set per trial: mean 0.561, median 0.431, p95 1.555, max 2.540."""
    yield from distance_figures(*bench.mouse, {"mean, mm": 0.50, "p95, mm": 1.45})


def mouse_mobile(bench: Bench) -> Iterator[Figure]:
    """The same with a shoulder that can shift."""
    yield from distance_figures(
        *bench.register(bench.trials, body="mouse_forelimb:mobile_shoulder"), {"mean, mm": 0.27}
    )


def aligned(bench: Bench, **settings: Any) -> Iterator[Figure]:
    """The mouse's trials with fewer numbers to fit."""
    yield from distance_figures(*bench.register(bench.trials, body="mouse_forelimb", **settings), {})


def published(bench: Bench) -> Iterator[Figure]:
    """The published fit of the same trials, as its own files hold it: one offset set for each trial."""
    import h5py

    off, names = [], []
    for path in bench.trials:
        with h5py.File(path) as f:
            names = [n.decode() for n in f["kp_names"][()]]
            seen, fitted = (f[key][()].reshape(-1, len(names), 3) for key in ("kp_data", "marker_sites"))
            off.append(np.linalg.norm(seen - fitted, axis=-1) * MM)
    found = error_summary(np.concatenate(off), tuple(names))
    size = f"{len(off)} clips, {sum(map(len, off))} frames, {len(names)} keypoints"
    for key in ("mean", "median", "p95", "max"):
        yield Figure(f"{key}, mm", found[key], None, size)


def reaches(bench: Bench, which: str, goal: float, body: str = "mouse_forelimb") -> Iterator[Figure]:
    """Reaches of another mouse, its segments sized one by one, with the paw's pull and without."""
    files = sorted((bench.data / "reaches").glob(f"{which}_*.csv"))
    for case, weights in (("paw weight 0", {"paw": 0.0}), ("paw weight 1", {})):
        settings = {"scale": "segments", "weights": weights}
        summary, clips = bench.register(files, body=body, **settings)
        each, size = distances(clips)["per_keypoint"], samples(clips)
        three = float(np.mean([each[k] for k in ("shoulder", "elbow", "wrist")]))
        yield Figure(f"{case}: mean of shoulder, elbow, wrist, mm", three, goal, size)
        yield Figure(f"{case}: mean of paw, mm", each["paw"], None, size)
        yield Figure(f"{case}: mean of all, mm", distances(clips)["mean"], None, size)
        yield Figure(f"{case}: time, s", summary["seconds"], None, size)


def rodent(bench: Bench) -> Iterator[Figure]:
    """A whole rat, one offset set."""
    summary, clips = bench.rodent
    yield from distance_figures(summary, clips, {"mean, mm": 1.0, "max, mm": 10.0, "time, s": 60.0})
    yield Figure("positions judged jumps", str(count_jumps(summary)), None, samples(clips))


def count_jumps(summary: dict[str, Any]) -> int:
    """Return how many tracked positions the fit did not believe."""
    return sum(j["last"] + 1 - j["first"] for j in summary["details"]["jumps"])


def rodent_first(bench: Bench) -> Iterator[Figure]:
    """The rat's first frames alone; row peer runs this in a process of its own."""
    summary, clips = bench.rat(bench.first_frames(bench.args.frames))
    yield from distance_figures(summary, clips, {})
    for name, value in distances(clips)["per_keypoint"].items():
        yield Figure(f"mean of {name}, mm", value, None, samples(clips))


def peer(bench: Bench) -> Iterator[Figure]:
    """Run both programs on the same frames, each in a fresh process, one after the other."""
    ours, ours_s, ours_cpu_s = own_process(bench)
    theirs, theirs_s, theirs_cpu_s = peer_process(bench)
    inside, size = theirs["seconds"], f"{theirs['frames']} frames, {len(theirs['error_mm']['per_keypoint'])} keypoints"
    fitting = inside["fit"] - inside["compilation"]
    for key in ("mean", "median", "p95", "max"):
        other = theirs["error_mm"][key]
        yield Figure(f"STAC-MJX {key}, mm", other, None, size)
        yield Figure(f"mimic {key}, mm", ours[f"{key}, mm"], other if key == "mean" else None, size)
    for name, value in theirs["error_mm"]["per_keypoint"].items():
        yield Figure(f"STAC-MJX mean of {name}, mm", value, None, size)
        yield Figure(f"mimic mean of {name}, mm", ours[f"mean of {name}, mm"], None, size)
    yield Figure("STAC-MJX, mm of its keypoints per mm recorded", theirs["recorded_mm_per_mm"], None, size)
    yield Figure("STAC-MJX whole process, s", theirs_s, None, size)
    yield Figure("STAC-MJX whole process, CPU s", theirs_cpu_s, None, size)
    yield Figure("STAC-MJX compilation, s", inside["compilation"], None, size)
    yield Figure("STAC-MJX fit without compilation, s", fitting, None, size)
    yield Figure("mimic whole process, s", ours_s, None, size)
    yield Figure("mimic whole process, CPU s", ours_cpu_s, None, size)
    yield Figure("mimic registration, s", ours["time, s"], None, size)
    yield Figure("times as fast, whole process", theirs_s / ours_s, 30.0, size, at_least=True)
    yield Figure("times as fast, whole process, CPU", theirs_cpu_s / ours_cpu_s, None, size)
    yield Figure("times as fast, without start and compilation", fitting / ours["time, s"], None, size)
    used = [f"{k} {v}" for k, v in theirs["versions"].items()] + [theirs["xla_flags"] or "no XLA flags"]
    yield Figure("STAC-MJX ran with", ", ".join([*used, f"commit {theirs['commit'] or 'unknown'}"]), None, size)


def own_process(bench: Bench) -> tuple[dict[str, float], float, float]:
    """Return row rodent-first, by quantity, and wall and CPU seconds of its whole process."""
    command = [sys.executable, __file__, "--only", "rodent-first", "--json", "--data", str(bench.data)]
    out, *seconds = timed([*command, "--frames", str(bench.args.frames)], subprocess.PIPE)
    return {f["quantity"]: f["value"] for f in json.loads(out)["figures"]}, *seconds


def peer_process(bench: Bench) -> tuple[dict[str, Any], float, float]:
    """Return STAC-MJX's result and wall and CPU seconds of its whole process."""
    args, result = bench.args, bench.out / "peer.json"
    command = [str(args.peer_python), str(Path(__file__).with_name("stac_mjx_peer.py")), "--repo", str(args.peer_repo)]
    command += ["--data", str(bench.data / "rodent"), "--frames", str(args.frames), "--out", str(result)]
    _, *seconds = timed([*command, "--commit", args.peer_commit], sys.stderr)
    return json.loads(result.read_text()), *seconds


def timed(command: list[str], stdout: Any) -> tuple[bytes | None, float, float]:
    """Run a command; return its output, wall seconds and CPU seconds."""
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, stdout=stdout, check=True)
    seconds, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, seconds, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def recovery(bench: Bench, clips: ReferenceClips, before: Body) -> Iterator[Figure]:
    """Make keypoints from known movements of a body and register them from ``before``, the unregistered body."""
    spec = bench.plugins.choose("registration", None)
    config = spec.config(axes=bench.args.axes)
    bodies = {"own places": attrs.evolve(before, scale=clips.body.scale), "registered places": clips.body}
    for noise_mm in bench.args.noise_mm:
        for place, body in bodies.items():
            case = f"{noise_mm:g} mm, {place}"
            truth = make_truth(clips, body, config.max_gap_ms, noise_mm, bench.args.seed)
            began = time.perf_counter()
            fitted = spec.build(config, before)(truth.seen, lambda *_: None)
            seconds = time.perf_counter() - began
            yield from recovered(case, truth, fitted)
            yield Figure(f"{case}: time, s", seconds, None, samples(fitted))
            if spec.build_calibrated:
                known = spec.build_calibrated(config, Calibration(body=body, rotation=np.eye(3)))
                yield from angle_figures(f"{case}, body known", truth, known(truth.seen, lambda *_: None), None)


def recovered(case: str, truth: Truth, fitted: ReferenceClips) -> Iterator[Figure]:
    """Yield how far the fit is from the truth."""
    body, size = truth.model.body, samples(fitted)
    offset_mm = np.linalg.norm(offsets(truth.model) - offsets(BodyModel.compile(fitted.body)), axis=1) * body.scale * MM
    where_mm = np.linalg.norm(recorded_sites(fitted) - np.concatenate(truth.pos), axis=-1) * MM
    percent = 100 * abs(fitted.body.scale / body.scale - 1)
    turn = Rotation.from_matrix(Calibration.of(fitted).rotation).magnitude()
    yield from angle_figures(case, truth, fitted, 0.5)
    yield Figure(f"{case}: turn of the recording's axes, deg", np.rad2deg(turn), None, size)
    yield Figure(f"{case}: offset, mean, mm", offset_mm.mean(), 0.1, size)
    yield Figure(f"{case}: offset, largest, mm", offset_mm.max(), None, size)
    yield Figure(f"{case}: scale, %", percent, 0.5, size)
    yield Figure(f"{case}: keypoint position, mean, mm", where_mm.mean(), None, size)


def offsets(model: BodyModel) -> np.ndarray:
    """Return (keypoint, 3) m, where keypoints sit in their bodies' frames."""
    return model.mj_model.site_pos[model.keypoint_site_ids]


def recorded_sites(clips: ReferenceClips) -> np.ndarray:
    """Return (frame, keypoint, 3) m of the fitted body where the recording was made, all clips one after the other."""
    out = []
    for align, place, n in zip(clips.alignment, clips.site_pos, clips.n_frames, strict=True):
        back = np.linalg.inv(align)
        out.append(place[:n] @ back[:3, :3].T + back[:3, 3])
    return np.concatenate(out)


def angle_figures(case: str, truth: Truth, fitted: ReferenceClips, goal: float | None) -> Iterator[Figure]:
    """Yield errors of the hinges that carry a keypoint: over all frames, by joint, and their constant part."""
    model, size = truth.model, samples(fitted)
    adr = model.joint_qposadr[carrying(model)]
    found = np.concatenate([q[:n] for q, n in zip(fitted.qpos, fitted.n_frames, strict=True)])
    off = np.rad2deg(found[:, adr] - np.concatenate(truth.qpos)[:, adr])
    each = np.abs(off).mean(0)
    yield Figure(f"{case}: joints, RMS, deg", np.sqrt((off**2).mean()), goal, size)
    yield Figure(f"{case}: joints, mean, deg", each.mean(), goal, size)
    yield Figure(f"{case}: joints, median joint's mean, deg", np.median(each), None, size)
    yield Figure(f"{case}: joints, constant part, deg", np.abs(off.mean(0)).mean(), None, size)
    yield Figure(f"{case}: joints within 0.5 deg on average", f"{(each <= 0.5).sum()} of {len(each)}", None, size)


def carrying(model: BodyModel) -> np.ndarray:
    """Return (joint,) True for hinges between the root and a keypoint."""
    m = model.mj_model
    above = set()
    for b in m.site_bodyid[model.keypoint_site_ids]:
        while b:
            above.add(int(b))
            b = m.body_parentid[b]
    return model.is_hinge & np.array([int(m.joint(n).bodyid[0]) in above for n in model.joint_names])


def recovery_mouse(bench: Bench) -> Iterator[Figure]:
    """Known reaches of the mouse."""
    clips = bench.mouse[1]
    yield from recovery(bench, clips, make_body(bench.plugins, "mouse_forelimb").with_keypoints(clips.keypoint_names))


def recovery_rodent(bench: Bench) -> Iterator[Figure]:
    """Known movements of the rat."""
    clips = bench.rodent[1]
    before = make_body(bench.plugins, "rodent", bench.rat_settings)
    yield from recovery(bench, clips, before.with_keypoints(clips.keypoint_names))


def recovery_null(bench: Bench) -> Iterator[Figure]:
    """What the mean pose would get in place of the known movements: joints and keypoints off by."""
    for name, clips in (("mouse", bench.mouse[1]), ("rat", bench.rodent[1])):
        model = BodyModel.compile(clips.body)
        qpos = np.concatenate([q[:n] for q, n in zip(clips.qpos, clips.n_frames, strict=True)])
        angles = np.rad2deg(qpos[:, model.joint_qposadr[carrying(model)]])
        off = np.abs(angles - angles.mean(0)).mean()
        yield Figure(f"{name}: null: mean pose, joints, mean, deg", off, None, samples(clips))


def raw(bench: Bench) -> Iterator[Figure]:
    """A recording with jumps of the tracking: those that are found, and what they do to the joints."""
    recording = bench.data / "reaches" / "raw_set1_reach02.csv"
    found, clips = bench.register([recording], body="mouse_forelimb")
    _, believing = bench.register([recording], body="mouse_forelimb", outlier_ratio=0.0)
    size, jumps = samples(clips), found["details"]["jumps"]
    named = "; ".join(f"{j['keypoint']} {j['first']}-{j['last']}" for j in jumps) or "none"
    yield Figure("jumps: keypoint, frames from 0", named, None, size)
    every = np.ones(clips.n_frames[0], bool)
    near = np.zeros_like(every)
    for j in jumps:
        near[max(j["first"] - NEAR, 0) : j["last"] + 1 + NEAR] = True
    for where, frames in (("", every), (f", within {NEAR} frames of a jump", near)):
        for case, fitted in (("", clips), (" with outlier_ratio=0", believing)):
            speed, acceleration = fastest(fitted, frames)
            yield Figure(f"fastest joint{where}{case}, deg/s", speed, None, size)
            yield Figure(f"largest acceleration{where}{case}, deg/s²", acceleration, None, size)


def fastest(clips: ReferenceClips, frames: np.ndarray) -> tuple[float, float]:
    """Return the largest speed (deg/s) and acceleration (deg/s²) of any hinge in ``frames`` of the only clip."""
    model = BodyModel.compile(clips.body)
    speed = np.rad2deg(clips.qvel[0][:, model.joint_dofadr[model.is_hinge]])
    acceleration = np.gradient(speed, 1 / clips.rate_hz, axis=0)
    return np.abs(speed[frames]).max(initial=0.0), np.abs(acceleration[frames]).max(initial=0.0)


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "mouse": mouse,
    "mouse-one-shift": lambda bench: aligned(bench, alignment="recording"),
    "mouse-no-shift": lambda bench: aligned(bench, alignment="none", scale="fixed"),
    "mouse-published": published,
    "mouse-mobile": mouse_mobile,
    "set1": lambda bench: reaches(bench, "set1", 0.40),
    "set4": lambda bench: reaches(bench, "set4", 0.88),
    "set1-wrist": lambda bench: reaches(bench, "set1", 0.40, "mouse_forelimb:wrist"),
    "set4-wrist": lambda bench: reaches(bench, "set4", 0.55, "mouse_forelimb:wrist"),
    "rodent": rodent,
    "rodent-first": rodent_first,
    "peer": peer,
    "recovery-mouse": recovery_mouse,
    "recovery-rodent": recovery_rodent,
    "recovery-null": recovery_null,
    "raw": raw,
}


def machine() -> str:
    """Return processor, cores and load."""
    try:
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip()
    except (OSError, IndexError):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def show(figures: list[Figure], heading: str) -> None:
    """Print the table."""
    table = Table(title=heading, title_justify="left")
    for column in ("row", "quantity", "measured", "goal", "met", "samples"):
        table.add_column(column, justify="right" if column in ("measured", "goal") else "left", overflow="fold")
    before = Figure("", "")
    for f in figures:
        if f.row != before.row and before.row:
            table.add_section()
        value = f.value if isinstance(f.value, str) else f"{f.value:,.3f}"
        goal = "" if f.goal is None else f"{'≥' if f.at_least else '≤'} {f.goal:.3f}"
        size = "" if (f.row, f.samples) == (before.row, before.samples) else f.samples
        table.add_row(f.row, f.quantity, value, goal, {True: "yes", False: "no", None: ""}[f.met], size)
        before = f
    Console(width=160).print(table)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=ROWS, help=", ".join(ROWS))
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--clips", type=int, default=37, help="trials of the mouse")
    parser.add_argument("--rat-frames", type=int, default=1000, help="frames of the rat, from the first")
    parser.add_argument(
        "--noise-mm", type=float, nargs="+", default=[1.0, 0.0], help="recovery: standard deviation of each coordinate"
    )
    parser.add_argument("--axes", default="auto", help="recovery: register.axes; the truth is recorded in 'model'")
    parser.add_argument("--seed", type=int, default=0, help="recovery: of noise and gaps")
    parser.add_argument("--frames", type=int, default=100, help="peer: frames of the rat, from the first")
    parser.add_argument("--peer-python", type=Path, help="a python that has STAC-MJX's requirements")
    parser.add_argument("--peer-repo", type=Path, help="checkout of talmolab/stac-mjx")
    parser.add_argument("--peer-commit", default="", help="of that checkout, noted in the table")
    args = parser.parse_args()
    if not args.data.is_dir():
        parser.error(f"--data {args.data}: no such folder")
    if bool(args.peer_python) != bool(args.peer_repo):
        parser.error("--peer-python and --peer-repo go together")
    if args.only and "peer" in args.only and not args.peer_python:
        parser.error("row peer needs --peer-python and --peer-repo")
    return args


def main() -> None:
    """Run the benchmark."""
    args = parse()
    default = [r for r in ROWS if r != "rodent-first" and (r != "peer" or args.peer_python)]
    plugins = installed()
    found = {"python": platform.python_version(), **versions(plugins)}
    heading = f"{machine()}; {', '.join(f'{p} {found[p]}' for p in PACKAGES)}"
    with tempfile.TemporaryDirectory() as out:
        bench = Bench(plugins, args, Path(out))
        figures = [attrs.evolve(figure, row=row) for row in args.only or default for figure in ROWS[row](bench)]
    if args.json:
        rows = [{**attrs.asdict(f), "met": f.met} for f in figures]
        print(json.dumps({"machine": heading, "load": os.getloadavg()[0], "figures": rows}, default=float))
    else:
        show(figures, f"{heading}; load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
