"""What every recording goes through, and layouts that users have; the same on the shared cases where they are."""

from __future__ import annotations

import pickle

import attrs
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from where import SHARED_DATA

from mimic_core import ConfigError, DataError, Keypoints
from mimic_core.chain import do
from mimic_readers.common import placed
from mimic_readers.dlc_h5 import texts
from mimic_recordings import checked, gathered, join, read_keypoints, read_recordings
from mimic_stages import selection

NAMES = ["Shoulder", "Elbow", "Wrist"]
CASES = SHARED_DATA / "cases"
RATE = {"rate_hz": 200.0}


def movement(frames=30, seed=0):
    """(frame, keypoint, xyz) mm."""
    steps = np.random.default_rng(seed).normal(size=(frames, len(NAMES), 3)).cumsum(0)
    return np.round(steps + 10 * np.arange(1, 4)[:, None], 4)


def keypoints(positions=None, **more):
    positions = movement() if positions is None else positions
    return attrs.evolve(Keypoints.from_array(positions, NAMES, 200.0, unit="mm"), **more)


def wide(path, positions, heads=None, **how):
    heads = heads or [f"{n}_{a}" for n in NAMES for a in "xyz"]
    frames = pd.DataFrame(positions.reshape(len(positions), -1), columns=heads)
    frames.insert(0, "time", np.arange(len(positions)) / 200)
    frames.to_csv(path, index=False, **how)
    return path


def trc(path, positions, *, rate=200, unit="mm", frame=None, time=None, names=None, word="Frame#", decimal="."):
    frame = np.arange(1, len(positions) + 1) if frame is None else frame
    time = (np.asarray(frame) - frame[0]) / 200 if time is None else time
    names = "\t\t\t".join(NAMES) if names is None else names
    rows = [[str(n), f"{t:.5f}", *map(str, p.ravel())] for n, t, p in zip(frame, time, positions, strict=True)]
    heads = ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"]
    axes = "\t\t" + "\t".join(f"{a}{i}" for i in range(1, positions.shape[1] + 1) for a in "XYZ")
    said = [f"{rate}", f"{rate}", f"{len(rows)}", f"{positions.shape[1]}", unit]
    lines = ["PathFileType\t4\t(X/Y/Z)\tx.trc", "\t".join(heads), "\t".join(said), f"{word}\tTime\t{names}", axes, ""]
    text = "\n".join([*lines, *("\t".join(r).replace(".", decimal) for r in rows)])
    path.write_text(text + "\n")
    return path


# -- one place for all readers ---------------------------------------------------------------------------------


def test_exact_zeros_are_missing_and_counted(tmp_path):
    positions = movement()
    positions[5:9, 2] = 0
    found, said = checked(keypoints(positions), tmp_path / "a.trc")
    assert np.isnan(found.positions[0, 5:9, 2]).all() and np.isnan(found.positions).sum() == 12
    assert said == ["a.trc: 0 0 0 taken as missing: Wrist in 4 frames"]
    positions[:, 0] = 0  # a recording about its shoulder
    found, said = checked(keypoints(positions), tmp_path / "a.trc")
    assert (found.positions[0, :, 0] == 0).all() and np.isnan(found.positions[0, 5:9, 2]).all()


def test_what_is_said_of_several_files_stands_once():
    said = [["a.trc: zeros", "a.trc: a rate: odd"], ["b.trc: zeros"], ["c.trc: zeros", "c.trc: a rate: odd"], []]
    assert gathered(said) == ["a.trc, b.trc, c.trc: zeros", "a.trc, c.trc: a rate: odd"]
    assert gathered(said[:3]) == ["all 3 files: zeros", "a.trc, c.trc: a rate: odd"]
    assert gathered(said[1:2]) == ["b.trc: zeros"] and gathered([]) == []


@pytest.mark.parametrize("names", [["a", "A", "b"], ["a", "", "b"], ["a", " a", "b"]])
def test_names_that_are_not_different_are_refused(tmp_path, names):
    with pytest.raises(DataError, match=r"two keypoints are called|has no name"):
        checked(keypoints(names=names), tmp_path / "a")


@pytest.mark.parametrize("rate_hz", [0.0, -200.0, np.nan, np.inf, 1e9])
def test_rates_of_no_camera_are_refused(tmp_path, rate_hz):
    with pytest.raises(DataError, match="a camera has 1 to 100000 Hz"):
        checked(keypoints(rate_hz=rate_hz), tmp_path / "a")


@pytest.mark.parametrize("far", [1e30, -1e30, np.inf, -np.inf, 1e7])
def test_absurd_positions_are_refused(tmp_path, far):
    positions = movement()
    positions[7, 1, 0] = far
    with pytest.raises(DataError, match=r"Elbow is at .* mm in frame 7"):
        checked(keypoints(positions), tmp_path / "a")


@settings(deadline=None)
@given(st.sampled_from([np.nan, 0.0]), st.sets(st.integers(0, 2)), st.integers(0, 29))
def test_a_confidence_that_tells_nothing_is_not_used(tmp_path_factory, value, nothing, single):
    confidence = np.full((1, 30, 3), 0.5)
    confidence[0, single, 0] = np.nan
    confidence[..., sorted(nothing)] = value
    found, said = checked(keypoints(confidence=confidence), tmp_path_factory.getbasetemp() / "a")
    if len(nothing) == 3:
        assert found.confidence is None and "missing or 0 throughout" in said[0]
        return
    assert np.isfinite(found.confidence).all() and (found.confidence > 0).all()
    assert (found.confidence[..., sorted(nothing)] == 1).all()
    assert all(NAMES[i] in said[0] for i in nothing)
    assert (0 in nothing) or found.confidence[0, single, 0] == 1


def test_lengths_are_checked(tmp_path):
    with pytest.raises(DataError, match="have the lengths"):
        checked(keypoints(n_frames=np.array([31])), tmp_path / "a")


# -- frames that were left out ---------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.sets(st.integers(0, 60), min_size=2, max_size=40), st.integers(-5, 5))
def test_rows_lie_where_their_numbers_say(tmp_path_factory, numbers, first):
    numbers = np.array(sorted(numbers)) + first
    rows = numbers[:, None, None] + np.zeros((1, 2, 3))
    out = placed(rows, numbers, tmp_path_factory.getbasetemp(), "fnum")
    there = ~np.isnan(out[:, 0, 0])
    assert len(out) == numbers[-1] - numbers[0] + 1 and there.sum() == len(numbers)
    np.testing.assert_array_equal(out[there, 0, 0], numbers)
    np.testing.assert_array_equal(np.flatnonzero(there), numbers - numbers[0])


@pytest.mark.parametrize(
    ("numbers", "said"),
    [([0, 1, 1], "does not rise"), ([2, 1, 0], "does not rise"), ([0, 1.5, 2], "no whole"),
     ([0, 1, np.nan], "no whole"), ([0, 1, 1e9], "leaves out nearly all")],
)  # fmt: skip
def test_numbers_that_tell_no_frames_are_refused(tmp_path, numbers, said):
    with pytest.raises(DataError, match=said):
        placed(np.zeros((3, 2, 3)), numbers, tmp_path, "column fnum")


@pytest.mark.parametrize("by", ["frame", "time"])
def test_trc_frames_that_were_cut_out_are_missing(plugins, tmp_path, by):
    keep = np.r_[0:10, 16:30]
    frame = keep + 1 if by == "frame" else np.arange(1, 25)
    file = trc(tmp_path / "a.trc", movement()[keep], frame=frame, time=keep / 200)
    found = read_keypoints([file], plugins)
    assert found.n_frames.tolist() == [30] and np.isnan(found.positions[0, 10:16]).all()
    np.testing.assert_allclose(found.positions[0, keep], movement()[keep])


@pytest.mark.parametrize("tidy", [False, True])
def test_times_tell_gaps_where_frames_were_counted_anew(plugins, tmp_path, tidy):
    keep = np.r_[0:10, 16:30]
    rows = [(i, t / 200, n, *movement()[t, k]) for i, t in enumerate(keep) for k, n in enumerate(NAMES)]
    table = pd.DataFrame(rows, columns=["frame", "time", "keypoint", "x", "y", "z"])
    if not tidy:
        table = pd.read_csv(wide(tmp_path / "w.csv", movement())).iloc[keep]
        table.insert(0, "frame", np.arange(len(keep)))
    table.to_csv(tmp_path / "a.csv", index=False)
    found = read_keypoints([tmp_path / "a.csv"], plugins, settings=RATE)
    assert found.n_frames.tolist() == [30] and np.isnan(found.positions[0, 10:16]).all()
    np.testing.assert_allclose(found.positions[0, keep], movement()[keep])


def test_trc_rates_must_agree(plugins, tmp_path):
    file = trc(tmp_path / "a.trc", movement(), rate=120)
    with pytest.raises(DataError, match="DataRate is 120 Hz, but the column Time rises as at 200 Hz"):
        read_keypoints([file], plugins)
    assert read_keypoints([file], plugins, "trc", RATE).rate_hz == 200


@pytest.mark.parametrize("rate", [119.88, 300, 1000 / 3])
def test_trc_times_may_be_rounded(plugins, tmp_path, rate):
    time = np.round(np.arange(300) / rate, 3)
    file = trc(tmp_path / "a.trc", movement(300), rate=rate, frame=np.arange(1, 301), time=time)
    found = read_keypoints([file], plugins)
    assert found.n_frames.tolist() == [300] and found.rate_hz == pytest.approx(rate)


@pytest.mark.parametrize(
    "how",
    [{"unit": "millimeters"}, {"word": "Frame"}, {"names": "\t".join(NAMES)}, {"decimal": ","}, {}],
)
def test_trc_is_read_as_programs_write_it(plugins, tmp_path, how):
    found = read_keypoints([trc(tmp_path / "a.trc", movement(), **how)], plugins)
    assert found.names == tuple(NAMES) and found.unit == "mm"
    np.testing.assert_allclose(found.positions[0], movement())


def test_trc_markers_without_a_name_are_left_out(plugins, tmp_path):
    five = np.concatenate([movement(), movement(seed=1)[:, :2]], 1)
    for names in ("\t\t\t".join([*NAMES, "*60", "*60"]), "\t\t\t".join(NAMES)):
        found = read_keypoints([trc(tmp_path / "a.trc", five, names=names)], plugins)
        assert found.names == tuple(NAMES)
        np.testing.assert_allclose(found.positions[0], movement())


# -- tables of other programs and countries --------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [{"sep": ";", "decimal": ","}, {"sep": "\t"}, {"sep": "\t", "decimal": ","}, {"encoding": "utf-16"},
     {"encoding": "latin-1"}],
)  # fmt: skip
@pytest.mark.parametrize("dot", ["_", ".", " "])
def test_tables_as_spreadsheets_write_them(plugins, tmp_path, how, dot):
    names = ["Épaule", "Elbow", "Wrist"]
    heads = [f"{n}{dot}{a}" for n in names for a in ("X", "Y", "Z")]
    found = read_keypoints([wide(tmp_path / "a.csv", movement() / 1e3, heads, **how)], plugins)
    assert found.names == tuple(names) and found.rate_hz == 200
    np.testing.assert_allclose(found.positions[0], movement() / 1e3)


@pytest.mark.parametrize("second", ["Elbow", "elbow"])
def test_two_columns_of_one_name_are_refused(plugins, tmp_path, second):
    heads = [f"{n}_{a}" for n in ("Shoulder", "Elbow", second) for a in "xyz"]
    with pytest.raises(DataError, match=f"two columns are called {second}_x"):
        read_keypoints([wide(tmp_path / "a.csv", movement(), heads)], plugins)


def dlc(positions, names=NAMES):
    heads = pd.MultiIndex.from_tuples(
        [("s", n, a) for n in names for a in "xyz"], names=["scorer", "bodyparts", "coords"]
    )
    return pd.DataFrame(positions.reshape(len(positions), -1), columns=heads)


def test_deeplabcut_tables(plugins, tmp_path):
    whole, keep = dlc(movement()), np.r_[0:10, 16:30]
    whole.iloc[keep].to_csv(tmp_path / "a.csv")
    found = read_keypoints([tmp_path / "a.csv"], plugins, "dlc_csv", RATE)
    assert np.isnan(found.positions[0, 10:16]).all()
    np.testing.assert_allclose(found.positions[0, keep], movement()[keep])
    dlc(movement(), ["Shoulder", "Elbow", "Elbow"]).to_csv(tmp_path / "twice.csv")
    with pytest.raises(DataError, match="two columns are called Elbow x"):
        read_keypoints([tmp_path / "twice.csv"], plugins, "dlc_csv", RATE)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_deeplabcut_h5_in_the_format_table(plugins, tmp_path, protocol):
    """As pandas writes it: rows of an index and a block, columns pickled in an attribute."""
    table = dlc(movement())
    dtype = [("index", "i8"), ("values_block_0", "f8", (table.shape[1],))]
    rows = np.array(list(zip(table.index, table.to_numpy(), strict=True)), dtype)
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("df_with_missing/table", data=rows[[0, 1, 2, 5, 6, 7, 8]])
        kind = np.void(pickle.dumps(list(table.columns), protocol))
        f["df_with_missing/table"].attrs["values_block_0_kind"] = kind
        f["df_with_missing"].attrs["TITLE"] = h5py.Empty("S1")
    found = read_keypoints([tmp_path / "a.h5"], plugins, settings=RATE)
    np.testing.assert_allclose(found.positions[0][[0, 1, 2, 5, 6, 7, 8]], movement()[[0, 1, 2, 5, 6, 7, 8]])
    assert found.names == tuple(NAMES) and np.isnan(found.positions[0, 3:5]).all()


def test_pickled_names_are_not_unpickled(tmp_path):
    assert texts(pickle.dumps([("a", "b"), "c"]), tmp_path) == [("a", "b"), "c"]
    for given_ in (pickle.dumps([tmp_path.exists]), b"cos\nsystem\n(S'true'\ntR.", b"(lp0", b""):
        with pytest.raises(DataError, match="names of its columns cannot be read"):
            texts(given_, tmp_path)


def test_jarvis_freemocap_and_tidy_tables(plugins, tmp_path):
    p = movement()
    lines = [",".join(n for n in NAMES for _ in range(4)), ",".join(["x", "y", "z", "confidence"] * 3)]
    lines += [",".join(f"{v:.4f}" for v in np.c_[row, np.full(3, 0.9)].ravel()) for row in p]
    (tmp_path / "data3D.csv").write_text("\n".join(lines))
    frames = pd.DataFrame(p.reshape(len(p), -1), columns=[f"body_{n}_{a}" for n in NAMES for a in "xyz"])
    frames.to_csv(tmp_path / "body_3d_xyz.csv", index=False)
    rows = [(i, i / 200, n, *p[i, k]) for i in range(len(p)) for k, n in enumerate(NAMES) if i not in (4, 5)]
    tidy = pd.DataFrame(rows, columns=["frame", "timestamp", "keypoint", "x", "y", "z"])
    tidy.sample(frac=1, random_state=0).to_csv(tmp_path / "tidy.csv", index=False)
    for name, unit in (("data3D", "mm"), ("body_3d_xyz", "mm"), ("tidy", "")):
        found = read_keypoints([tmp_path / f"{name}.csv"], plugins, None, RATE)
        assert found.unit == unit and found.rate_hz == 200 and sorted(found.names) == sorted(NAMES)
        order = [found.names.index(n) for n in NAMES]
        there = [i for i in range(len(p)) if name != "tidy" or i not in (4, 5)]
        np.testing.assert_allclose(found.positions[0][there][:, order], p[there])
        assert name != "tidy" or np.isnan(found.positions[0, 4:6]).all()
    assert read_keypoints([tmp_path / "tidy.csv"], plugins).rate_hz == 200  # of its own times
    pd.concat([tidy, tidy.iloc[:1]]).to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(DataError, match="Shoulder has two rows in frame 0"):
        read_keypoints([tmp_path / "twice.csv"], plugins)


# -- what is used of a recording -------------------------------------------------------------------------------


def test_keypoints_are_renamed_and_left_out():
    both = selection.renamed(keypoints(), {"shoulder": "L_Shoulder"})
    assert both.names == ("L_Shoulder", "Elbow", "Wrist")
    less = selection.without(keypoints(), ["el*", "wrist"])
    assert less.names == ("Shoulder",) and less.positions.shape == (1, 30, 1, 3)
    with pytest.raises(DataError, match="two keypoints are called elbow"):
        selection.renamed(keypoints(), {"Wrist": "Elbow"})
    with pytest.raises(DataError, match="leaves none"):
        selection.without(keypoints(), ["*"])
    with pytest.raises(ConfigError, match=r"register\.rename: no file has a keypoint 'Wrst'; did you mean Wrist"):
        selection.check_named([keypoints()], {"Wrst": "wrist"}, [])


@settings(deadline=None)
@given(st.sets(st.integers(0, 29), max_size=20), st.integers(0, 6))
def test_recordings_are_cut_at_long_gaps_alone(missing, longest):
    positions = movement()
    positions[sorted(missing), 1] = np.nan
    given_ = keypoints(positions)
    try:
        found, said = selection.split(given_, NAMES, longest * 5.0)
    except DataError as e:
        assert "nothing is left" in str(e)
        return
    for clip in found.clips():
        assert len(clip) >= 4
        run = max((end - first for first, end in selection._runs(np.isnan(clip[:, 1]).any(-1))), default=0)
        assert run <= longest
    assert sum(found.n_frames) <= 30 and bool(said) == (sum(found.n_frames) < 30)
    assert len(set(found.clip_names)) == len(found.clip_names)


def test_a_range_of_frames():
    assert selection.frame_range(keypoints(), (10,)).n_frames.tolist() == [20]
    part = selection.frame_range(keypoints(), (10, 15))
    np.testing.assert_array_equal(part.positions[0], movement()[10:15])
    with pytest.raises(DataError, match="none from 30"):
        selection.frame_range(keypoints(), (30,))


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a/x.csv", "b/y.csv"], ["x", "y"]),
        (["day1/x.csv", "day2/x.csv", "day2/y.csv"], ["day1_x", "day2_x", "y"]),
        (["m1/day1/x.csv", "m2/day1/x.csv"], ["m1_day1_x", "m2_day1_x"]),
        (["d/x.csv", "d/x.h5"], ["x.csv", "x.h5"]),
    ],
)
def test_clips_of_files_of_one_name_bear_their_folder(files, names):
    parts = [keypoints(clip_names=[f.split("/")[-1].split(".")[0]], files=[f"/data/{f}"]) for f in files]
    found, said = selection.by_folder(parts)
    assert list(join(found).clip_names) == names and len(said) == ("x" not in names)
    assert selection.files_of(found) == dict(zip(names, [f"/data/{f}" for f in files], strict=True))


# -- the shared cases ------------------------------------------------------------------------------------------

needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"no files that users have at {CASES}")
GAP = r"missing in frames \d+ to \d+ \(counted from 0\), (75|150) ms"
THREE = "trial01 trial04 trial10".split()
REGISTERED = {
    "01-trc-zeros/trial01_labzero8.trc": {},
    **{f"05-trc-units-and-names/{n}.trc": {} for n in
       ("Frame", "decimal_comma", "dup_unlabelled", "empty_names", "hdr_spaces", "names_one_tab", "unit_word")},
    "07-nwb-confidence-nan/conf_nan.nwb": {},
    "09-anipose-score-missing/ani_noscore.csv": {"reader": RATE, "unit": "mm"},
    "13-mat-3-by-3/fkx3.mat": {"reader": {**RATE, "names": NAMES, "axes": "keypoint, xyz"}, "unit": "mm"},
    "15-misspelt-keypoint/partial.csv": {"rename": {"R_Shoulder": "Shoulder"}},
    "16-dlc-h5/trial01_DLC_3D.h5": {"reader": RATE},
    "16-dlc-h5/x.csv": {"reader": RATE},
    **{f"17-jarvis-freemocap-long/{n}.csv": {"reader": RATE} for n in
       ("body_3d_xyz", "data3D", "long", "w_dot", "w_upper")},
    **{f"19-excel-csv/{n}.csv": {} for n in ("w_semi", "w_tab")},
}  # fmt: skip
REFUSED = {
    "01-trc-zeros/trial01_zero.trc": ({}, GAP),
    "01-trc-zeros/trial01_labzero.trc": ({}, GAP),
    "02-trc-cut-frames/trial01.trc": ({}, GAP),
    "03-trc-datarate-120/trial01.trc": ({}, "DataRate is 120 Hz, but the column Time rises as at 200 Hz"),
    "06-nwb-same-name/same_name.nwb": ({}, "behavior_video1/PoseEstimation, behavior_video2/PoseEstimation"),
    "10-duplicate-names/dlc_dup.csv": ({"reader": RATE}, "two columns are called Elbow x"),
    "10-duplicate-names/w_dup.csv": ({}, "two columns are called Elbow_x"),
    "10-duplicate-names/w_case.csv": ({}, "two columns are called elbow_x"),
    "12-frames-left-out/ani_cut.csv": ({"reader": RATE, "unit": "mm"}, GAP),
    "12-frames-left-out/dlc_dropna.csv": ({"reader": RATE, "unit": "mm"}, GAP),
    "13-mat-3-by-3/fkx3.mat": ({"reader": {**RATE, "names": NAMES}, "unit": "mm"}, "which axis is xyz"),
    "18-keypoint-never-seen/late.csv": ({"reader": RATE, "unit": "mm"}, GAP),
}


def register(plugins, tmp_path, files, **table):
    body = {"name": "mouse_forelimb"}
    return do(plugins, "register", out=tmp_path / "clips.h5", files=tuple(CASES / f for f in files), body=body, **table)


@needs_cases
@pytest.mark.slow
@pytest.mark.parametrize("file", REGISTERED)
def test_cases_that_are_read_as_trial_01(plugins, tmp_path, file):
    found = register(plugins, tmp_path, [file], **REGISTERED[file])
    near = 0.02 if "zero8" in file else 6e-4
    assert found["error_mm"]["mean"] == pytest.approx(0.345, abs=near)
    assert found["scale"] == pytest.approx(0.958, abs=near) and found["frames"] == 100
    assert len(found["keypoints"]) == 3 and "keypoints of the body without data: paw" in " ".join(found["remarks"])


@needs_cases
@pytest.mark.parametrize("file", REFUSED)
def test_cases_that_are_refused_in_a_line(plugins, tmp_path, file):
    table, said = REFUSED[file]
    with pytest.raises(DataError, match=said) as e:
        register(plugins, tmp_path, [file], **table)
    assert str(e.value).startswith(str(CASES / file)) and "\n" not in str(e.value)


@needs_cases
@pytest.mark.slow
def test_cases_of_several_files(plugins, tmp_path):
    of = {kind: [f"01-trc-zeros/{trial}_{kind}.trc" for trial in THREE] for kind in ("labblank", "labzero8")}
    lab = [register(plugins, tmp_path, files) for files in of.values()]
    assert lab[0]["error_mm"]["mean"] == lab[1]["error_mm"]["mean"] and "0 0 0 taken as missing" in lab[1]["remarks"][0]
    either = {"reader": RATE, "unit": "mm"}
    paw = ["14-order-of-files/nopaw.csv", "14-order-of-files/t2.csv"]
    one, other = register(plugins, tmp_path, paw, **either), register(plugins, tmp_path, paw[::-1], **either)
    assert one["error_mm"]["mean"] == pytest.approx(other["error_mm"]["mean"], abs=1e-6)
    assert "Paw is left out of all" in one["remarks"][0]
    never = [f"18-keypoint-never-seen/t{n}.csv" for n in (1, 2)]
    with pytest.raises(DataError, match="paw is missing in frames 0 to 99"):
        register(plugins, tmp_path, never, **either)
    assert register(plugins, tmp_path, never, leave_out=("paw",), **either)["frames"] == 200
    late = [register(plugins, tmp_path, ["18-keypoint-never-seen/late.csv"], **either, **how)
            for how in ({"frames": (15,)}, {"split_gaps_ms": 50.0})]  # fmt: skip
    assert late[0]["frames"] == late[1]["frames"] == 85
    assert late[0]["error_mm"]["mean"] == late[1]["error_mm"]["mean"]


@needs_cases
@pytest.mark.slow
def test_a_misspelt_keypoint_is_named(plugins, tmp_path):
    found = register(plugins, tmp_path, ["15-misspelt-keypoint/partial.csv"])
    said = " ".join(found["remarks"])
    assert "keypoints of the files that are not used: R_Shoulder" in said
    assert "keypoints of the body without data: shoulder, paw" in said


@needs_cases
def test_latin_letters(plugins):
    ((found, _),) = read_recordings([CASES / "19-excel-csv/w_latin.csv"], plugins)
    assert "Épaule" in found.names
