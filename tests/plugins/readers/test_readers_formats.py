"""Files of other programs: what is read from them, which reader takes them, and one line for what is missing."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io

from mimic_core import ConfigError, DataError
from mimic_recordings import read_keypoints

NAMES = ("Wrist", "Elbow")
POSITIONS = np.random.default_rng(0).normal(size=(6, 2, 3)).round(4)
POSITIONS[3, 1] = np.nan
RATE = {"rate_hz": 120.0}


def anipose_csv(path: Path) -> Path:
    """The columns in Anipose's order, its rotation, origin and frame number at the end."""
    table = {}
    for k, name in enumerate(NAMES):
        table |= {f"{name}_{axis}": POSITIONS[:, k, i] for i, axis in enumerate("xyz")}
        gap = np.isnan(POSITIONS[:, k, 0])
        table[f"{name}_error"] = np.where(gap, np.nan, 5.0 * k)
        table[f"{name}_ncams"] = np.where(gap, np.nan, 3)
        table[f"{name}_score"] = np.where(gap, np.nan, 0.8)
    table |= {f"M_{i}{j}": float(i == j) for i in range(3) for j in range(3)}
    table |= {f"center_{i}": 0.0 for i in range(3)}
    pd.DataFrame({**table, "fnum": range(len(POSITIONS))}).to_csv(path, index=False)
    return path


def dlc_csv(path: Path, coords=("x", "y", "z"), individuals=()) -> Path:
    """As DeepLabCut writes it: a data frame with named column levels."""
    levels = ["scorer", *(["individuals"] if individuals else []), "bodyparts", "coords"]
    values = np.concatenate([POSITIONS, np.full((*POSITIONS.shape[:2], 1), 0.9)], -1)
    table = {
        ("DLC_3D", *who, name, c): values[:, k, "xyz?".index(c if c in "xyz" else "?")] + 10 * i
        for i, who in enumerate([(w,) for w in individuals] or [()])
        for k, name in enumerate(NAMES)
        for c in coords
    }
    pd.DataFrame(table).rename_axis(columns=levels).to_csv(path)
    return path


def trc(path: Path, units="mm", blank=True, rate="120.00") -> Path:
    n = len(POSITIONS)
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate}\t120.00\t{n}\t{len(NAMES)}\t{units}\t120.00\t1\t{n}",
        "Frame#\tTime\t" + "".join(f"{name}\t\t\t" for name in NAMES),
        "\t\t" + "".join(f"X{k}\tY{k}\tZ{k}\t" for k in (1, 2)),
        *([""] if blank else []),
    ]
    for i, frame in enumerate(POSITIONS):
        cells = ["" if np.isnan(v) else f"{v:.4f}" for v in frame.ravel()]
        lines.append("\t".join([str(i + 1), f"{i / 120:.3f}", *cells]) + ("\t" if blank else ""))
    path.write_text("\r\n".join(lines) + "\r\n")
    return path


def mat(path: Path, **variables) -> Path:
    scipy.io.savemat(path, variables or {"pred": POSITIONS.swapaxes(1, 2)})
    return path


def mat73(path: Path) -> Path:
    """MATLAB 7.3 is HDF5 behind a 512-byte preamble, arrays with their axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as f:
        f["pred"] = POSITIONS.swapaxes(1, 2).T
    preamble = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
    with path.open("r+b") as f:
        f.write(preamble)
    return path


def sleap_anipose(path: Path, n_animals=1, **datasets) -> Path:
    with h5py.File(path, "w") as f:
        f["tracks"] = np.stack([POSITIONS + 10 * i for i in range(n_animals)], 1)
        for name, data in datasets.items():
            f[name] = data
    return path


def pose_series(name: str, data: np.ndarray, **changes):
    ndx_pose = pytest.importorskip("ndx_pose")
    given = {"unit": "millimeters", "reference_frame": "the table", "rate": 120.0, "starting_time": 0.0, **changes}
    return ndx_pose.PoseEstimationSeries(name=name, data=data, **given)


def nwb(path: Path, names=NAMES, poses=("PoseEstimation",), **changes) -> Path:
    """Written by pynwb and ndx-pose."""
    ndx_pose = pytest.importorskip("ndx_pose")
    import datetime

    from pynwb import NWBHDF5IO, NWBFile

    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    file = NWBFile(session_description="reaching", identifier=path.stem, session_start_time=start)
    module = file.create_processing_module("behavior", "poses")
    for pose in poses:
        series = [pose_series(n, POSITIONS[:, k], **changes) for k, n in enumerate(names)]
        module.add(ndx_pose.PoseEstimation(name=pose, pose_estimation_series=series, description="3D"))
    with NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return path


def in_order(found) -> np.ndarray:
    """Positions of the only clip, keypoints as in NAMES: NWB files keep series by name."""
    return found.positions[0][:, [found.names.index(n) for n in NAMES]]


# -- what is read ---------------------------------------------------------------------------------------------

FORMATS = {
    "anipose_csv": (anipose_csv, "a.csv", RATE, ""),
    "dlc_csv": (dlc_csv, "a.csv", RATE, ""),
    "trc": (trc, "a.trc", {}, "mm"),
    "mat": (mat, "a.mat", {**RATE, "names": list(NAMES)}, ""),
    "mat 7.3": (mat73, "a.mat", {**RATE, "names": list(NAMES)}, ""),
    "sleap_anipose": (sleap_anipose, "a.h5", {**RATE, "names": list(NAMES)}, ""),
    "nwb": (nwb, "a.nwb", {}, "mm"),
}


@pytest.mark.parametrize(("write", "name", "settings", "unit"), FORMATS.values(), ids=FORMATS)
def test_positions_names_rate_and_unit(tmp_path, plugins, write, name, settings, unit):
    found = read_keypoints([write(tmp_path / name)], plugins, settings=settings)
    np.testing.assert_allclose(in_order(found), POSITIONS, atol=1e-12)
    assert (set(found.names), found.rate_hz, found.unit, found.clip_names) == (set(NAMES), 120, unit, ("a",))


@pytest.mark.parametrize(("write", "name", "settings", "unit"), FORMATS.values(), ids=FORMATS)
def test_exactly_one_reader_takes_a_file(tmp_path, plugins, write, name, settings, unit):
    path = write(tmp_path / name)
    taking = [r.name for r in plugins.all("reader") if path.suffix in r.suffixes and r.accepts(path)]
    assert len(taking) == 1, taking


@pytest.mark.parametrize("name", ["anipose_csv", "dlc_csv", "mat", "sleap_anipose"])
def test_rate_must_be_said(tmp_path, plugins, name):
    write, file, settings, _ = FORMATS[name]
    rest = {k: v for k, v in settings.items() if k != "rate_hz"}
    with pytest.raises(
        DataError, match=r"a\.\w+: does not hold the camera's rate; .*--set register\.reader\.rate_hz=RATE"
    ):
        read_keypoints([write(tmp_path / file)], plugins, settings=rest)


def test_settings_of_another_format_are_refused(tmp_path, plugins):
    with pytest.raises(ConfigError, match=r"reader\.trc\.variable: unknown setting"):
        read_keypoints([trc(tmp_path / "a.trc")], plugins, settings={"variable": "pred"})


# -- each format ----------------------------------------------------------------------------------------------


def test_anipose_confidence_falls_with_reprojection_error(tmp_path, plugins):
    path = anipose_csv(tmp_path / "a.csv")
    found = read_keypoints([path], plugins, settings=RATE).confidence[0]
    # score 0.8; errors of 0 and of one scale (5 px); 0 where there is no position
    np.testing.assert_allclose(found, np.where(np.isnan(POSITIONS[..., 0]), 0, [[0.8, 0.4]]))
    wider = read_keypoints([path], plugins, settings={**RATE, "error_scale_px": 10.0}).confidence[0]
    np.testing.assert_allclose(wider[0], [0.8, 0.8 / 1.25])


def test_anipose_column_missing(tmp_path, plugins):
    path = anipose_csv(tmp_path / "a.csv")
    pd.read_csv(path).drop(columns="Elbow_score").to_csv(path, index=False)
    with pytest.raises(DataError, match=r"a\.csv: has no column Elbow_score"):
        read_keypoints([path], plugins, settings=RATE)


def test_dlc_likelihood_is_confidence(tmp_path, plugins):
    path = dlc_csv(tmp_path / "a.csv", coords=("x", "y", "z", "likelihood"))
    found = read_keypoints([path], plugins, settings=RATE)
    np.testing.assert_allclose(found.positions[0], POSITIONS)
    assert (found.confidence == 0.9).all()


def test_dlc_one_of_several_animals(tmp_path, plugins):
    path = dlc_csv(tmp_path / "a.csv", individuals=("Alice", "Bob"))
    with pytest.raises(DataError, match=r"holds several \(Alice, Bob\); choose one with .*individual=NAME"):
        read_keypoints([path], plugins, settings=RATE)
    with pytest.raises(DataError, match=r"no individual 'Bobby'; did you mean Bob"):
        read_keypoints([path], plugins, settings={**RATE, "individual": "Bobby"})
    found = read_keypoints([path], plugins, settings={**RATE, "individual": "Bob"})
    np.testing.assert_allclose(found.positions[0], POSITIONS + 10)


def test_dlc_of_one_camera(tmp_path, plugins):
    path = dlc_csv(tmp_path / "a.csv", coords=("x", "y", "likelihood"))
    with pytest.raises(DataError, match=r"coordinates likelihood, x, y, expected x, y, z; triangulate"):
        read_keypoints([path], plugins, settings=RATE)


def test_dlc_text_in_a_cell(tmp_path, plugins):
    path = dlc_csv(tmp_path / "a.csv")
    path.write_text(path.read_text().replace(str(POSITIONS[1, 0, 2]), "oops"))
    with pytest.raises(DataError, match=r"'oops' in row 5, column Wrist z, is no number"):
        read_keypoints([path], plugins, settings=RATE)


@pytest.mark.parametrize("name", ["anipose_csv", "dlc_csv"])
def test_csv_as_movement_reads_it(tmp_path, plugins, name):
    load_poses = pytest.importorskip("movement.io.load_poses")
    path = FORMATS[name][0](tmp_path / "a.csv")
    load = {"anipose_csv": load_poses.from_anipose_file, "dlc_csv": load_poses.from_dlc_file}[name]
    theirs = load(path, fps=120).position.squeeze()
    keypoints = "keypoint" if "keypoint" in theirs.dims else "keypoints"
    ours = read_keypoints([path], plugins, settings=RATE)
    theirs = theirs.sel({keypoints: list(ours.names)}).transpose("time", keypoints, "space")
    np.testing.assert_allclose(ours.positions[0], theirs.values)


def test_trc_without_blank_line_in_metres(tmp_path, plugins):
    found = read_keypoints([trc(tmp_path / "a.trc", units="m", blank=False)], plugins)
    np.testing.assert_allclose(found.positions[0], POSITIONS)
    assert found.unit == "m"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.replace("\tmm\t", "\tinch\t"), "Units is inch, expected m, cm, mm, um"),
        (lambda t: t.replace("120.00\t120.00", "?\t120.00", 1), r"DataRate is \?, expected Hz"),
        (lambda t: t.replace("Elbow", "wrist"), "markers must be different names, got Wrist, wrist"),
        (
            lambda t: t.replace("\t2\t", "\t1\t", 1).replace("\tElbow", "", 1),
            "do not fit the 1 markers of the fourth line",
        ),
        (lambda t: t.replace("\t", " "), "lacks the header of a .trc file"),
        (lambda t: t[: t.index("\r\n\r\n")], "has no frames"),
        (lambda t: t.replace(f"{POSITIONS[1, 1, 1]:.4f}", "oops"), "something that is no number"),
    ],
)
def test_trc_bad_file(tmp_path, plugins, damage, message):
    path = trc(tmp_path / "a.trc")
    path.write_bytes(damage(path.read_bytes().decode()).encode())
    with pytest.raises(DataError, match=message) as e:
        read_keypoints([path], plugins)
    assert "\n" not in str(e.value)


def test_names_from_a_file_beside_the_keypoints(tmp_path, plugins):
    path = mat(tmp_path / "a.mat")
    (tmp_path / "model.yaml").write_text("N_ITERS: 6\nKP_NAMES:\n  - 'Wrist'\n  - Elbow\n")
    (tmp_path / "names.txt").write_text("Wrist\nElbow\n\n")
    for names in ("model.yaml", "names.txt", str(tmp_path / "names.txt")):
        assert read_keypoints([path], plugins, settings={**RATE, "names": names}).names == NAMES


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (
            [],
            DataError,
            r"does not hold the names of its 2 keypoints; give them with --set register\.reader\.names=FILE",
        ),
        (["Wrist"], DataError, "has 2 keypoints, but 1 names are given"),
        (["Wrist", "wrist"], DataError, "must be different names"),
        ("absent.txt", DataError, r"absent\.txt: .* cannot be read"),
        ("bad.yaml", DataError, r"bad\.yaml: not valid YAML"),
        ("other.yaml", DataError, r"other\.yaml: has no list KP_NAMES"),
        ([1, 2], ConfigError, r"reader\.mat\.names: must be a list of names"),
    ],
)
def test_bad_names(tmp_path, plugins, names, error, message):
    (tmp_path / "bad.yaml").write_text("KP_NAMES: [a\nb: :")
    (tmp_path / "other.yaml").write_text("N_ITERS: 6\n")
    with pytest.raises(error, match=message) as e:
        read_keypoints([mat(tmp_path / "a.mat")], plugins, settings={**RATE, "names": names})
    assert "\n" not in str(e.value)


def test_mat_bad_file(tmp_path, plugins):
    settings = {**RATE, "names": list(NAMES)}
    with pytest.raises(DataError, match=r"no variable 'pred'; did you mean preds.*variable=NAME"):
        read_keypoints([mat(tmp_path / "a.mat", preds=POSITIONS)], plugins, settings=settings)
    with pytest.raises(DataError, match=r"shape \(6, 2, 2\), expected numbers \(frames, 3, keypoints\); permute"):
        read_keypoints([mat(tmp_path / "b.mat", pred=POSITIONS[..., :2])], plugins, settings=settings)
    (tmp_path / "c.mat").write_text("no matrix")
    with pytest.raises(DataError, match=r"c\.mat: not a readable MATLAB file"):
        read_keypoints([tmp_path / "c.mat"], plugins, settings=settings)


def test_mat_of_two_animals(tmp_path, plugins):
    path = mat(tmp_path / "a.mat", com=np.stack([POSITIONS, POSITIONS + 1], 1).swapaxes(2, 3))
    settings = {**RATE, "names": list(NAMES), "variable": "com"}
    with pytest.raises(DataError, match=r"holds 2 animals; choose one with .*track=0 \(to 1\)"):
        read_keypoints([path], plugins, settings=settings)
    found = read_keypoints([path], plugins, settings={**settings, "track": 1})
    np.testing.assert_allclose(found.positions[0], POSITIONS + 1)
    with pytest.raises(DataError, match="there is no track 2"):
        read_keypoints([path], plugins, settings={**settings, "track": 2})


def test_sleap_anipose_with_names_scores_and_two_animals(tmp_path, plugins):
    scores = np.linspace(0, 1.1, 24).reshape(6, 2, 2)
    path = sleap_anipose(tmp_path / "a.h5", 2, node_names=[b"Wrist", b"Elbow"], point_scores=scores)
    with pytest.raises(DataError, match="holds 2 animals"):
        read_keypoints([path], plugins, settings=RATE)
    found = read_keypoints([path], plugins, settings={**RATE, "track": 1})
    assert found.names == NAMES
    np.testing.assert_allclose(found.positions[0], POSITIONS + 10)
    np.testing.assert_allclose(found.confidence[0], scores[:, 1].clip(0, 1))


def test_sleap_analysis_file_of_one_camera(tmp_path, plugins):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as f:
        f["tracks"], f["node_names"] = np.zeros((1, 2, 15, 120)), [b"a"] * 15
    with pytest.raises(DataError, match="2D tracks of one camera; triangulate"):
        read_keypoints([path], plugins, settings=RATE)


def test_nwb_confidence_timestamps_and_conversion(tmp_path, plugins):
    path = nwb(
        tmp_path / "a.nwb",
        unit="meters",
        conversion=1e-3,
        rate=None,
        starting_time=None,
        timestamps=np.arange(6) / 119.88,
        confidence=np.full(6, 0.7),
    )
    found = read_keypoints([path], plugins)
    np.testing.assert_allclose(in_order(found), POSITIONS * 1e-3)
    assert found.rate_hz == pytest.approx(119.88) and found.unit == "m"
    assert (found.confidence == 0.7).all()


def test_nwb_unit_that_is_no_length_is_not_told(tmp_path, plugins):
    assert read_keypoints([nwb(tmp_path / "a.nwb", unit="pixels")], plugins).unit == ""


def test_nwb_one_of_several_poses(tmp_path, plugins):
    path = nwb(tmp_path / "a.nwb", poses=("Alice", "Bob"))
    with pytest.raises(DataError, match=r"holds several \(Alice, Bob\); choose one with .*pose=NAME"):
        read_keypoints([path], plugins)
    assert read_keypoints([path], plugins, settings={"pose": "Bob"}).rate_hz == 120


def test_nwb_bad_file(tmp_path, plugins):
    with pytest.raises(DataError, match="has no PoseEstimation"):
        read_keypoints([nwb(tmp_path / "a.nwb", poses=())], plugins)
    (tmp_path / "b.nwb").write_text("text")
    with pytest.raises(DataError, match="not an HDF5 file"):
        read_keypoints([tmp_path / "b.nwb"], plugins)


def old_nwb(path: Path, container="PoseEstimation", series="PoseEstimationSeries", **datasets) -> Path:
    """Of ndx-pose 0.1, as STAC-MJX's own file is (names in ``nodes``), or of the core alone."""
    with h5py.File(path, "w") as f:
        f.attrs["nwb_version"] = "2.0.1"
        pose = f.create_group("processing/behavior/pose")
        pose.attrs["neurodata_type"] = container
        pose["nodes"] = np.array([n.encode() for n in NAMES])
        for k, name in enumerate(NAMES):
            s = pose.create_group(name)
            s.attrs["neurodata_type"] = series
            s["data"] = POSITIONS[:, k]
            s["data"].attrs.update({"unit": "pixels", "conversion": 1.0})
            s["timestamps"] = datasets.get("timestamps", np.arange(len(POSITIONS)) / 30)
            if series == "PoseEstimationSeries":
                s["confidence"] = np.full(len(POSITIONS), 0.5)
    return path


@pytest.mark.parametrize("kind", [("PoseEstimation", "PoseEstimationSeries"), ("Position", "SpatialSeries"),
                                  ("BehavioralTimeSeries", "TimeSeries")])  # fmt: skip
def test_nwb_of_older_versions(tmp_path, plugins, kind):
    found = read_keypoints([old_nwb(tmp_path / "a.nwb", *kind)], plugins)
    np.testing.assert_array_equal(found.positions[0], POSITIONS)
    assert (found.names, found.rate_hz, found.unit) == (NAMES, 30, "")
    assert (found.confidence is None) == (kind[0] != "PoseEstimation")


def test_nwb_frames_that_were_left_out(tmp_path, plugins):
    path = old_nwb(tmp_path / "a.nwb", timestamps=np.array([0, 1, 2, 5, 6, 7]) / 30)
    with pytest.raises(DataError, match=r"timestamps of Wrist is irregular"):
        read_keypoints([path], plugins)
    found = read_keypoints([path], plugins, settings={"rate_hz": 30.0})
    assert found.n_frames.tolist() == [8] and np.isnan(found.positions[0, 3:5]).all()
    with pytest.raises(DataError, match="Wrist has 5 timestamps for 6 samples"):
        read_keypoints([old_nwb(tmp_path / "b.nwb", timestamps=np.arange(5) / 30)], plugins)


def test_nwb_that_is_none(tmp_path, plugins):
    for name, version in (("a", None), ("b", "NWB-1.0.6")):
        with h5py.File(tmp_path / f"{name}.nwb", "w") as f:
            if version:
                f["nwb_version"] = version
    with pytest.raises(DataError, match="has no nwb_version"):
        read_keypoints([tmp_path / "a.nwb"], plugins)
    with pytest.raises(DataError, match="NWB of version 1; convert it"):
        read_keypoints([tmp_path / "b.nwb"], plugins)


def test_nwb_written_by_movement(tmp_path, plugins):
    load_poses = pytest.importorskip("movement.io.load_poses")
    from movement.io import save_poses
    from pynwb import NWBHDF5IO

    poses = load_poses.from_numpy(
        POSITIONS.transpose(0, 2, 1)[..., None], np.full((6, 2, 1), 0.5), ["Alice"], list(NAMES), fps=120
    )
    with NWBHDF5IO(str(tmp_path / "a.nwb"), "w") as io:
        io.write(save_poses.to_nwb_file(poses))
    found = read_keypoints([tmp_path / "a.nwb"], plugins)
    np.testing.assert_allclose(in_order(found), POSITIONS)
    assert found.rate_hz == 120 and (found.confidence == 0.5).all()


def test_missing_library_names_the_extra(tmp_path, plugins, monkeypatch):
    import sys

    (tmp_path / "a.c3d").touch()
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    with pytest.raises(DataError, match=r"a\.c3d: .*needs ezc3d, .*pip install 'mimic-neuro\[c3d\]'"):
        read_keypoints([tmp_path / "a.c3d"], plugins)


def test_real_rat(shared_data, plugins):
    settings = {"rate_hz": 50, "names": "stac_model.yaml"}
    found = read_keypoints([shared_data / "rodent" / "mocap_1000_frames.mat"], plugins, settings=settings)
    assert found.positions.shape == (1, 1000, 23, 3) and found.names[0] == "Snout" and found.unit == ""
    apart = np.linalg.norm(found.positions[0, :, found.names.index("EarL")] - found.positions[0, :, 2], axis=-1)
    assert 15 < np.median(apart) < 60  # mm between the ears
