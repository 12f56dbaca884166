"""Small whole files of every format that mimic reads, from which `fuzzing.py` makes broken ones."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import h5py
import numpy as np
import scipy.io

from mimic_core.chain import do, installed
from mimic_core.testing import toy_records

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("shoulder", "elbow", "wrist", "hand")
FRAMES, RATE_HZ = 20, 200.0
POSITIONS = np.random.default_rng(0).uniform(-20, 20, (FRAMES, len(NAMES), 3))
SETTINGS: dict[str, Any] = {"rate_hz": RATE_HZ, "names": list(NAMES)}
RATE = {"rate_hz": RATE_HZ}


@attrs.frozen
class Seed:
    """A whole file.

    Attributes:
        what: format, for the table.
        path: of the file; others that it needs lie beside it.
        read: what mimic does with it.
        sealed: it ends in a digest, which is made anew after a change.
    """

    what: str
    path: Path
    read: Callable[[Path], Any]
    sealed: bool = False

    @property
    def kind(self) -> str:
        """``hdf5``, ``text`` or ``binary``."""
        if h5py.is_hdf5(self.path):
            return "hdf5"
        try:
            self.path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return "binary"
        return "text"


def seeds(folder: Path) -> list[Seed]:
    """Write every seed into a folder of its own and return all."""
    plugins, out = installed(), []

    def place(name: str) -> Path:
        path = folder / f"{len(out)}" / name
        path.parent.mkdir(parents=True)
        return path

    def add(what: str, path: Path, read: Callable[[Path], Any], sealed: bool = False) -> None:
        out.append(Seed(what, path, read, sealed))

    from mimic_recordings import read_keypoints

    def reading(settings: dict[str, Any]) -> Callable[[Path], Any]:
        return lambda path: read_keypoints([path], plugins, settings=settings)

    for spec in plugins.all("reader"):
        if spec.example is not None:
            made = spec.example(place("x").parent)
            add(f"keypoints: {spec.name}", made, reading({}), sealed=spec.name == "mimic")
    for what, write, name, settings in _KEYPOINTS:
        path = place(name)
        write(path)
        add(f"keypoints: {what}", path, reading(settings))
    for kind, record in toy_records(plugins).items():
        from mimic_core.chain import kind_of, load

        path = record.save(place(f"{kind}.h5"))

        def read(path: Path, kind: str = kind) -> Any:
            kind_of(path, plugins)
            return load(path, kind, plugins)

        add(f"record: {kind}", path, read, sealed=True)
    made = _raw_emg(place("x").parent, toy_records(plugins)["rollouts"])
    for path in made:
        what = "trials" if "trials" in path.name else "raw"
        add(
            f"emg: {what}",
            path,
            _emg(plugins.get("emg_reader", "emg"), [p.name for p in made], recorded_rate_hz=3000.0),
        )
    path = place("mean.csv")
    _write(path, [["time", "flexor", "extensor"], *([i / 100, i % 7 / 7, i % 5 / 5] for i in range(50))])
    add("emg: mean", path, _emg(plugins.get("emg_reader", "mean_emg"), ["mean.csv"], averaged_trials=10))
    _neural(add, place, plugins)
    _configs(add, place, plugins)
    return out


def _emg(spec: Any, names: list[str], **settings: Any) -> Callable[[Path], Any]:
    from mimic_core import blaming

    def read(path: Path) -> Any:
        files = [path.parent / name for name in names]
        with blaming("cannot be read", *files):  # as the stage does
            return spec.build(spec.config(**settings))(files)

    return read


def _neural(add: Callable[..., None], place: Callable[[str], Path], plugins: Any) -> None:
    """Sessions of spikes and of signals, as the stage `neural` reads them."""

    def reading(*names: str) -> Callable[[Path], Any]:
        return lambda path: do(
            plugins, "neural", files=[path.parent / n for n in names or (path.name,)], out=path.parent / "out.h5"
        )

    for what in ("units", "series"):
        path = place(f"{what}.nwb")
        _session(path, units=what == "units")
        add(f"neural: nwb {what}", path, reading())
    rng = np.random.default_rng(0)
    trials = [["clip", "start_s", "end_s"], *([f"reach_{i}", i + 0.5, i + 0.8] for i in range(4))]
    spikes = [["unit", "time_s"], *([k % 3, round(t, 4)] for k, t in enumerate(np.sort(rng.uniform(0, 5, 120))))]
    signals = [["time_s", "a", "b"], *([i / 40, *rng.normal(size=2).round(3)] for i in range(200))]
    for what, rows in (("spikes", spikes), ("signals", signals), ("trials", trials)):
        path = place(f"{what}.csv")
        other = "spikes" if what == "trials" else what
        _write(path.parent / "trials.csv", trials)
        _write(path.parent / f"{other}.csv", spikes if what == "trials" else rows)
        add(f"neural: {what} csv", path, reading("trials.csv", f"{other}.csv"))


def _session(path: Path, units: bool) -> None:
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries

    rng = np.random.default_rng(0)
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    file = NWBFile(session_description="reaching", identifier="a", session_start_time=start)
    file.add_trial_column("clip", "of the reach")
    for i in range(4):
        file.add_trial(start_time=i + 0.5, stop_time=i + 0.8, clip=f"reach_{i}")
    for _ in range(3 * units):
        file.add_unit(spike_times=np.sort(rng.uniform(0, 5, 40)), obs_intervals=[[0.0, 4.5]])
    if not units:
        file.add_acquisition(TimeSeries(name="dff", data=rng.normal(size=(200, 2)), unit="1", rate=40.0))
        times = np.arange(200) / 40
        file.add_acquisition(TimeSeries(name="z", data=rng.normal(size=200), unit="1", timestamps=times))
    with NWBHDF5IO(str(path), "w") as io:
        io.write(file)


def _raw_emg(folder: Path, rollouts: Any) -> list[Path]:
    from mimic_emg.settings import SyntheticEmg
    from mimic_emg.synthetic import record, write_raw

    made = record(rollouts, SyntheticEmg(muscles=rollouts.muscle_names[:1], recorded_rate_hz=3000.0))
    return write_raw(folder, made, rollouts.clip_names)


def _configs(add: Callable[..., None], place: Callable[[str], Path], plugins: Any) -> None:
    from mimic_core.chain import make_body
    from mimic_core.cli import parse_assignments
    from mimic_report.finished_run import read_run
    from mimic_run.plan import plan_stages
    from mimic_runs import load_run_file

    def plan(path: Path) -> Any:
        return plan_stages(plugins, load_run_file(path, None, plugins), path.parent / "out")

    for example in ("demo",):
        path = place(f"{example}.toml")
        shutil.copy(ROOT / "examples" / f"{example}.toml", path)
        toy_records(plugins)["clips"].save(path.parent / "clips.h5")
        add("config: run file", path, plan)

    path = place("animal.toml")
    (path.parent / "arm.xml").write_text(_MODEL)
    path.write_text(_ANIMAL)
    add("config: body", path, lambda p: make_body(plugins, str(p)))
    path = place("arm.xml")
    (path.parent / "animal.toml").write_text(_ANIMAL)
    path.write_text(_MODEL)
    add("model: MJCF", path, lambda p: make_body(plugins, str(p.parent / "animal.toml")))

    path = place("set.txt")
    path.write_text("train.policy.steps=30_000\nrewards.joint.weight=0.5\nregister.names=['a', 'b']\nbody.name=x")
    add("config: --set", path, lambda p: parse_assignments(p.read_text(errors="replace").splitlines()))

    path = place("manifest.json")
    path.write_text(json.dumps(_MANIFEST))
    add("run folder: manifest", path, lambda p: read_run(p.parent))

    path = place("skeleton.yaml")
    path.write_text("KP_NAMES:\n" + "".join(f"  - {n}\n" for n in NAMES))
    _sleap_anipose(path.parent / "a.h5")
    from mimic_recordings import read_keypoints

    add(
        "config: names .yaml",
        path,
        lambda p: read_keypoints([p.parent / "a.h5"], plugins, settings={**RATE, "names": str(p)}),
    )


# -- keypoint files -----------------------------------------------------------------------------------------------


def _stac(path: Path) -> None:
    with h5py.File(path, "w") as f:
        f["kp_data"] = POSITIONS.reshape(FRAMES, -1)
        f["kp_names"] = list(NAMES)


def _sleap_anipose(path: Path) -> None:
    with h5py.File(path, "w") as f:
        f["tracks"] = POSITIONS[:, None]
        f["node_names"] = list(NAMES)
        f["point_scores"] = np.ones((FRAMES, 1, len(NAMES)))


def _mat(path: Path) -> None:
    scipy.io.savemat(path, {"pred": POSITIONS.transpose(0, 2, 1)})


def _mat73(path: Path) -> None:
    with h5py.File(path, "w", userblock_size=512) as f:
        f["pred"] = POSITIONS.transpose(0, 2, 1).T
    with path.open("r+b") as f:
        f.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")


def _nwb(path: Path) -> None:
    import ndx_pose
    from pynwb import NWBHDF5IO, NWBFile

    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    file = NWBFile(session_description="reaching", identifier="a", session_start_time=start)
    series = [
        ndx_pose.PoseEstimationSeries(
            name=n, data=POSITIONS[:, k], unit="mm", reference_frame="0 0 0", rate=RATE_HZ, confidence=np.ones(FRAMES)
        )
        for k, n in enumerate(NAMES)
    ]
    module = file.create_processing_module("behavior", "poses")
    module.add(ndx_pose.PoseEstimation(name="pose", pose_estimation_series=series, description="3D"))
    with NWBHDF5IO(str(path), "w") as io:
        io.write(file)


def _slp(path: Path) -> None:
    import sleap_io

    cameras = []
    for i, name in enumerate(("A", "B")):
        cameras.append(
            f'[cam_{i}]\nname = "{name}"\nsize = [1280, 1024]\nmatrix = [[1400.0, 0.0, 640.0], [0.0, 1400.0, 512.0], '
            f"[0.0, 0.0, 1.0]]\ndistortions = [0.0, 0.0, 0.0, 0.0, 0.0]\nrotation = [0.0, {0.5 * i}, 0.0]\n"
            "translation = [0.0, 0.0, 200.0]\n"
        )
        skeleton = sleap_io.Skeleton(list(NAMES))
        video = sleap_io.Video(filename=f"{name}.mp4", open_backend=False)
        frames = [
            sleap_io.LabeledFrame(
                video=video,
                frame_idx=k,
                instances=[
                    sleap_io.PredictedInstance.from_numpy(
                        500 + xyz[:, :2], skeleton=skeleton, point_scores=np.ones(len(NAMES)), score=1.0
                    )
                ],
            )
            for k, xyz in enumerate(POSITIONS)
        ]
        labels = sleap_io.Labels(frames, videos=[video], skeletons=[skeleton])
        sleap_io.save_slp(labels, str(path.parent / f"reach_{name}.slp"), verbose=False)
    (path.parent / "calibration.toml").write_text("\n".join(cameras) + "\n[metadata]\n")


def _calibration(path: Path) -> None:
    _slp(path)


def _dlc_h5(path: Path) -> None:
    """As pandas writes a table of fixed format with columns of several levels."""
    levels = {"scorer": ["DLC"], "bodyparts": list(NAMES), "coords": ["x", "y", "z"]}
    codes = [np.zeros(12, int), np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)]
    with h5py.File(path, "w") as f:
        g = f.create_group("df_with_missing")
        for axis in ("axis0", "block0_items"):
            g.attrs[f"{axis}_nlevels"] = 3
            for i, (name, values) in enumerate(levels.items()):
                level = g.create_dataset(f"{axis}_level{i}", data=[v.encode() for v in values])
                level.attrs["name"] = name
                g[f"{axis}_label{i}"] = codes[i]
        g["axis1"] = np.arange(FRAMES)
        g["block0_values"] = POSITIONS.reshape(FRAMES, -1)


def _dlc_csv(path: Path) -> None:
    rows = [["scorer", *["DLC"] * 12], ["bodyparts", *np.repeat(NAMES, 3)], ["coords", *"xyz" * 4]]
    _write(path, [*rows, *([i, *x] for i, x in enumerate(POSITIONS.reshape(FRAMES, -1).tolist()))])


def _anipose(path: Path) -> None:
    heads = [f"{n}_{c}" for n in NAMES for c in ("x", "y", "z", "error", "ncams", "score")] + ["fnum"]
    rows = np.concatenate([POSITIONS, np.ones((FRAMES, 4, 1)), np.full((FRAMES, 4, 1), 3), np.ones((FRAMES, 4, 1))], -1)
    _write(path, [heads, *([*x, i] for i, x in enumerate(rows.reshape(FRAMES, -1).tolist()))])


def _jarvis(path: Path) -> None:
    rows = np.concatenate([POSITIONS, np.ones((FRAMES, 4, 1))], -1).reshape(FRAMES, -1).tolist()
    _write(path, [np.repeat(NAMES, 4).tolist(), ["x", "y", "z", "confidence"] * 4, *rows])


def _long(path: Path) -> None:
    rows = [[i, n, *POSITIONS[i, k].tolist()] for i in range(FRAMES) for k, n in enumerate(NAMES)]
    _write(path, [["frame", "keypoint", "x", "y", "z"], *rows])


def _write(path: Path, rows: list[list[Any]]) -> None:
    path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")


_KEYPOINTS = [
    ("stac_mjx", _stac, "a.h5", RATE),
    ("sleap_anipose", _sleap_anipose, "a.h5", RATE),
    ("mat", _mat, "a.mat", {**SETTINGS}),
    ("mat 7.3", _mat73, "a.mat", {**SETTINGS}),
    ("nwb", _nwb, "a.nwb", {}),
    ("slp", _slp, "reach_A.slp", RATE),
    ("dlc_h5", _dlc_h5, "a.h5", RATE),
    ("dlc_csv", _dlc_csv, "a.csv", RATE),
    ("anipose_csv", _anipose, "a.csv", RATE),
    ("jarvis_csv", _jarvis, "a.csv", RATE),
    ("long_csv", _long, "a.csv", RATE),
]

# -- bodies and runs ----------------------------------------------------------------------------------------------

_MODEL = """<mujoco model="arm">
  <option timestep="0.002"/>
  <default><geom type="capsule" size="0.01"/></default>
  <worldbody>
    <body name="upper" pos="0 0 0.5">
      <joint name="shoulder" type="hinge" axis="0 1 0" range="-90 90" limited="true"/>
      <geom fromto="0 0 0 0.3 0 0"/>
      <site name="s0" pos="0 0 0"/>
      <body name="lower" pos="0.3 0 0">
        <joint name="elbow" type="hinge" axis="0 1 0" range="0 140" limited="true"/>
        <geom fromto="0 0 0 0.25 0 0"/>
        <site name="s1" pos="0.25 0 0"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor name="m0" joint="shoulder"/><motor name="m1" joint="elbow"/></actuator>
</mujoco>
"""
_ANIMAL = """name = "arm"
model = "arm.xml"
keypoint_spread_mm = 10.0
[keypoints]
elbow = {body = "lower", pos = [0.0, 0.0, 0.0]}
hand = {body = "lower", pos = [0.25, 0.0, 0.0]}
"""
_MANIFEST = {
    "mimic": "0.1.0",
    "title": "x",
    "config": {},
    "plugins": {},
    "stages": [
        {
            "name": "register",
            "stage": "register",
            "status": "done",
            "outputs": {"out": "clips.h5"},
            "summary": {"headlines": [{"label": "error", "value": 1.0, "unit": "mm"}]},
        },
        {"name": "analyze.a", "stage": "analyze", "label": "a", "outputs": {"out": "analysis/a"}, "summary": {}},
    ],
}
