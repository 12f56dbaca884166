"""Readers of keypoint files: what they read, and one line for everything they cannot."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from mimic_core import ConfigError, DataError
from mimic_recordings import read_keypoints, read_recordings

RATE = {"rate_hz": 200.0}
HEADER = "time,wrist_x,wrist_y,wrist_z,elbow_z,elbow_y,elbow_x\n"
ROWS = [
    "0.0000,1,2,3,6,5,4",
    "0.0067,1.5,2,3,6,5,4",
    "0.0133,2,2,3,6,5,4",
    "0.0200,2.5,2,3,6,5,4",
    "0.0267,3,2,3,6,5,4",
]


def write_csv(path, header=HEADER, rows=ROWS):
    path.write_text(header + "".join(r + "\n" for r in rows))
    return path


def write_h5(path, data=None, names=(b"Wrist", b"Elbow")):
    with h5py.File(path, "w") as f:
        if data is not None:
            f["kp_data"] = data
        if names is not None:
            f["kp_names"] = np.array(names)
    return path


def test_stac_mjx_layout(tmp_path, plugins):
    data = np.arange(5 * 6, dtype=np.float32).reshape(5, 6)
    data[2, 4] = np.nan
    keypoints = read_keypoints([write_h5(tmp_path / "a.h5", data)], plugins, settings={"rate_hz": 100})
    assert keypoints.names == ("Wrist", "Elbow")
    assert keypoints.rate_hz == 100
    assert keypoints.clip_names == ("a",)
    np.testing.assert_array_equal(keypoints.positions[0, 1], [[6, 7, 8], [9, 10, 11]])
    assert np.isnan(keypoints.positions[0, 2, 1, 1]) and np.isnan(keypoints.positions).sum() == 1


def of_model(path, model):
    """With STAC-MJX's settings, as it writes them."""
    write_h5(path, np.ones((5, 6)))
    with h5py.File(path, "a") as f:
        f["config"] = np.bytes_(f"model:\n  RENDER_FPS: 30\nstac:\n  model: {model}\n")
    return path


@pytest.mark.parametrize("make", [lambda p: write_h5(p, np.ones((5, 6))), lambda p: of_model(p, "rodent")])
def test_stac_mjx_rate_of_another_animal_must_be_given(tmp_path, plugins, make):
    with pytest.raises(DataError, match=r"a\.h5: does not hold the camera's rate; give it with --set register\.reader"):
        read_keypoints([make(tmp_path / "a.h5")], plugins)


def test_stac_mjx_rates_that_are_known(tmp_path, plugins):
    ((found, said),) = read_recordings([of_model(tmp_path / "a.h5", "mouse_arm")], plugins)
    assert found.rate_hz == 200 and "taken as 200 Hz, that of the published recordings of mouse_arm" in said[0]
    with h5py.File(tmp_path / "a.h5", "a") as f:
        f["rate_hz"] = 120.0
    ((found, said),) = read_recordings([tmp_path / "a.h5"], plugins)
    assert found.rate_hz == 120 and not said
    ((found, said),) = read_recordings([tmp_path / "a.h5"], plugins, settings={"rate_hz": 60})
    assert found.rate_hz == 60 and "taken as 60 Hz as rate_hz says; the file itself says 120 Hz" in said[0]


def test_stac_mjx_bad_rate(tmp_path, plugins):
    with pytest.raises(ConfigError, match=r"rate_hz.*> 0"):
        read_keypoints([write_h5(tmp_path / "a.h5", np.zeros((5, 6)))], plugins, settings={"rate_hz": -1.0})


@pytest.mark.parametrize(
    ("data", "names", "message"),
    [
        (np.zeros((5, 7)), (b"Wrist", b"Elbow"), r"a\.h5: kp_data has shape \(5, 7\), expected \(frames, 6\)"),
        (np.zeros((5, 2, 3)), (b"Wrist", b"Elbow"), "kp_data has shape"),
        (np.zeros((5, 6)), None, "has no dataset 'kp_names'"),
        (np.zeros((0, 6)), (b"Wrist", b"Elbow"), "no frames"),
        (np.zeros((5, 6)), (b"Wrist", b"wrist"), "different names"),
        (np.array([[b"x"] * 6] * 5), (b"Wrist", b"Elbow"), "expected numbers"),
        (None, (b"Wrist",), "none of the readers .* recognises it.*kp_data"),
    ],
)
def test_stac_mjx_bad_file(tmp_path, plugins, data, names, message):
    with pytest.raises(DataError, match=message) as e:
        read_keypoints([write_h5(tmp_path / "a.h5", data, names)], plugins, settings=None if data is None else RATE)
    assert "\n" not in str(e.value)


def test_not_hdf5(tmp_path, plugins):
    path = tmp_path / "a.h5"
    path.write_text("plain text")
    with pytest.raises(DataError, match=r"a\.h5: not an HDF5 file"):
        read_keypoints([path], plugins)


def test_truncated_hdf5(tmp_path, plugins):
    path = write_h5(tmp_path / "a.h5", np.random.default_rng(0).normal(size=(2000, 6)))
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(DataError, match=r"damaged|cut short"):
        read_keypoints([path], plugins)


def test_csv_in_any_column_order(tmp_path, plugins):
    keypoints = read_keypoints([write_csv(tmp_path / "a.csv")], plugins)
    assert keypoints.names == ("wrist", "elbow")
    np.testing.assert_allclose(keypoints.positions[0, 1], [[1.5, 2, 3], [4, 5, 6]])
    # 4 steps in 0.0267 s are 149.8 Hz; four decimals cannot tell that from 150 Hz.
    assert keypoints.rate_hz == 150


def test_csv_rate_that_is_no_whole_number(tmp_path, plugins):
    rows = [f"{i / 119.88:.9f},1,2,3,4,5,{i}" for i in range(60)]
    keypoints = read_keypoints([write_csv(tmp_path / "a.csv", rows=rows)], plugins)
    assert keypoints.rate_hz == pytest.approx(119.88, abs=1e-4)


def test_csv_missing_cells_and_bom(tmp_path, plugins):
    path = tmp_path / "a.csv"
    rows = [*ROWS[:3], "0.0200,,2,3,6,NaN,4", ROWS[4]]
    path.write_text("\ufeff" + HEADER.replace(",", ", ") + "\n".join(rows), encoding="utf-8")
    positions = read_keypoints([path], plugins).positions
    assert np.isnan(positions[0, 3, 0, 0]) and np.isnan(positions[0, 3, 1, 1]) and np.isnan(positions).sum() == 2


def test_csv_rate_may_be_given(tmp_path, plugins):
    path = write_csv(tmp_path / "a.csv", HEADER.removeprefix("time,"), [r.partition(",")[2] for r in ROWS])
    with pytest.raises(DataError, match=r"has no column 'time'.*rate_hz"):
        read_keypoints([path], plugins)
    assert read_keypoints([path], plugins, settings={"rate_hz": 240}).rate_hz == 240


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (HEADER.replace("elbow_y", "elbow_q"), ROWS, r"a\.csv: has no column elbow_y"),
        ("time,a,b,c,d,e,f\n", ROWS, "has no keypoint columns"),
        (HEADER, [*ROWS[:2], "0.0133,oops,2,3,6,5,4", *ROWS[3:]], "'oops' in row 4, column wrist_x, is no number"),
        (HEADER, ROWS[:3], "3 frames, expected at least 4"),
        (HEADER, [], "0 frames"),
        (HEADER, [*ROWS[:2], "0.0333,2,2,3,6,5,4", "0.0400,2,2,3,6,5,4"], "irregular: a step of 0.0266 s at row 4"),
        (HEADER, [ROWS[1], ROWS[0], *ROWS[2:]], "does not rise at row 3"),
        (HEADER, [*ROWS[:2], ROWS[2].replace("0.0133", ""), *ROWS[3:]], "time is empty in row 4"),
        (HEADER, [f"{i * 6.67},1,2,3,4,5,6" for i in range(6)], "must be in seconds"),
        ("", [], "is empty"),
    ],
)
def test_csv_bad_file(tmp_path, plugins, header, rows, message):
    with pytest.raises(DataError, match=message) as e:
        read_keypoints([write_csv(tmp_path / "a.csv", header, rows)], plugins)
    assert "\n" not in str(e.value)


def test_csv_that_is_no_text(tmp_path, plugins):
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(DataError, match=r"a\.csv"):
        read_keypoints([path], plugins)


def test_csv_of_another_layout(tmp_path, plugins):
    path = tmp_path / "a.csv"
    path.write_text("frame,snout,nose\n0,1,2\n")
    with pytest.raises(DataError, match=r"none of the readers .*wide"):
        read_keypoints([path], plugins)


def test_real_files(shared_data, plugins):
    trials = sorted((shared_data / "mouse_reach").glob("*.h5"))
    keypoints = read_keypoints(trials, plugins)
    assert keypoints.positions.shape == (37, 100, 3, 3) and keypoints.names == ("Shoulder", "Elbow", "Wrist")
    reaches = read_keypoints(sorted((shared_data / "reaches").glob("set*.csv")), plugins)
    assert reaches.positions.shape == (14, 50, 4, 3) and reaches.rate_hz == 150
    assert reaches.names == ("paw", "wrist", "shoulder", "elbow")
