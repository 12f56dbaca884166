"""Files of motion capture, OpenSim, DANNCE and Label3D, each written by its own library or as its own program does."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io

from mimic_core import DataError
from mimic_recordings import read_keypoints, read_recordings

NAMES = ("Wrist", "Elbow")
POSITIONS = np.random.default_rng(0).normal(size=(12, 2, 3)).round(4)
POSITIONS[3, 1] = np.nan
RATE = {"rate_hz": 120.0}


def close(found, expected=POSITIONS, **more):
    np.testing.assert_allclose(found.positions[0], expected, **({"atol": 1e-6} | more))


# -- C3D -------------------------------------------------------------------------------------------------------


def c3d(path, names=NAMES, positions=POSITIONS, unit="mm", rate=120.0, **parameters):
    ezc3d = pytest.importorskip("ezc3d")
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["UNITS"]["value"], point["RATE"]["value"], point["LABELS"]["value"] = [unit], [rate], list(names)
    points = np.ones((4, positions.shape[1], len(positions)))
    points[:3] = positions.transpose(2, 1, 0)
    file["data"]["points"] = points
    for key, value in parameters.items():
        file.add_parameter("POINT", key, value)
    file.write(str(path))
    return path


@pytest.mark.parametrize("unit", ["mm", "m", "cm"])
def test_c3d(tmp_path, plugins, unit):
    found = read_keypoints([c3d(tmp_path / "a.c3d", unit=unit)], plugins)
    close(found)
    assert (found.names, found.rate_hz, found.unit, found.clip_names) == (NAMES, 120, unit, ("a",))


def test_c3d_what_is_no_marker_is_left_out_and_said(tmp_path, plugins):
    more = np.concatenate([POSITIONS, 1e7 + np.zeros((12, 2, 3))], 1)
    names = ["mouse:Wrist", "mouse:Elbow", "mouse:ElbowMoment", "*13"]
    file = c3d(tmp_path / "a.c3d", names, more, MOMENTS=["ElbowMoment"])
    ((found, said),) = read_recordings([file], plugins)
    close(found)
    assert found.names == NAMES
    assert said == [
        "a.c3d: 1 markers without a name are left out",
        "a.c3d: mouse: is taken off the names of its markers",
        "a.c3d: 1 points that are no positions (angles, forces) are left out",
    ]


def test_c3d_rates_and_files_that_are_none(tmp_path, plugins):
    ((found, said),) = read_recordings([c3d(tmp_path / "a.c3d")], plugins, settings={"rate_hz": 60.0})
    assert found.rate_hz == 60 and "taken as 60 Hz as rate_hz says; the file itself says 120 Hz" in said[0]
    with pytest.raises(DataError, match="labels must be different names, got Wrist, wrist"):
        read_keypoints([c3d(tmp_path / "b.c3d", ("Wrist", "wrist"))], plugins)
    (tmp_path / "c.c3d").write_bytes(b"\0" * 1024)
    with pytest.raises(DataError, match=r"c\.c3d: is no C3D file"):
        read_keypoints([tmp_path / "c.c3d"], plugins)


# -- OpenSim's tables ------------------------------------------------------------------------------------------


def sto(path, heads, rows, stated="inDegrees=no"):
    lines = ["markers", "version=1", f"nRows={len(rows)}", stated, "endheader", "\t".join(["time", *heads])]
    path.write_text("\n".join([*lines, *("\t".join(map(str, r)) for r in rows)]) + "\n")
    return path


@pytest.mark.parametrize("axis", ["_t{}", "_{}", ".{}"])
def test_opensim_columns(tmp_path, plugins, axis):
    rows = np.column_stack([np.arange(12) / 120, POSITIONS.reshape(12, -1)])
    heads = [n + axis.format(a) for n in NAMES for a in "xyz"]
    for name in ("a.sto", "a.mot"):
        found = read_keypoints([sto(tmp_path / name, heads, rows)], plugins)
        close(found)
        assert (found.names, found.rate_hz, found.unit) == (NAMES, 120, "m")


def test_opensim_triples(tmp_path, plugins):
    rows = [[i / 120, *(",".join(map(str, p)) for p in row)] for i, row in enumerate(POSITIONS)]
    found = read_keypoints([sto(tmp_path / "a.sto", NAMES, rows, "DataType=Vec3")], plugins)
    close(found)
    assert found.names == NAMES and found.rate_hz == 120


@pytest.mark.parametrize(
    ("heads", "said"),
    [
        (
            ["pelvis_tx", "pelvis_ty", "pelvis_tz", "knee_angle_r"],
            "its columns knee_angle_r are no positions of markers",
        ),
        (["Wrist_tx", "Wrist_ty"], "its columns Wrist_tx, Wrist_ty are no positions"),
        (["Wrist_tx", "Wrist_ty", "Wrist_tz", "wrist_tx", "wrist_ty", "wrist_tz"], "markers must be different names"),
    ],
)
def test_opensim_files_that_hold_no_markers(tmp_path, plugins, heads, said):
    file = sto(tmp_path / "a.mot", heads, np.column_stack([np.arange(8) / 120, np.ones((8, len(heads)))]))
    with pytest.raises(DataError, match=said) as e:
        read_keypoints([file], plugins)
    assert str(file) in str(e.value) and "\n" not in str(e.value)


# -- DANNCE and Label3D ----------------------------------------------------------------------------------------


def mat(path, **variables):
    scipy.io.savemat(path, {"pred": POSITIONS.swapaxes(1, 2)} | variables)
    return path


def test_dannce_confidence_and_sample_numbers(tmp_path, plugins):
    trust = np.linspace(0.1, 1.0, 24).reshape(12, 2)
    keep = np.r_[0:5, 8:12]
    for step in (1, 10):
        file = mat(tmp_path / "a.mat", pred=POSITIONS[keep].swapaxes(1, 2), p_max=trust[keep], sampleID=7 + step * keep)
        ((found, said),) = read_recordings([file], plugins, settings={**RATE, "names": list(NAMES)})
        expected = POSITIONS.copy()
        expected[5:8] = np.nan
        close(found, expected)
        np.testing.assert_allclose(found.confidence[0][keep], trust[keep])
        assert said == ([] if step == 1 else ["a.mat: sampleID rises by 10 from frame to frame"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sampleID": np.arange(11)}, "sampleID has 11 numbers for 12 frames"),
        ({"sampleID": np.r_[0:11, 3]}, "sampleID does not rise by one number a frame"),
        ({"p_max": np.ones((12, 3))}, r"p_max has shape \(12, 3\)"),
    ],
)
def test_dannce_files_that_contradict_themselves(tmp_path, plugins, more, said):
    with pytest.raises(DataError, match=said):
        read_keypoints([mat(tmp_path / "a.mat", **more)], plugins, settings={**RATE, "names": list(NAMES)})


def cells(names):
    """A cell array of texts, as scipy writes it."""
    return np.array([[n] for n in names], dtype=object)


@pytest.mark.parametrize("where", ["beside", "inside", "skeleton"])
def test_names_of_label3d(tmp_path, plugins, where):
    scipy.io.savemat(tmp_path / "skeleton.mat", {"joint_names": cells(NAMES), "joints_idx": np.array([[1, 2]])})
    inside = {"joint_names": cells(NAMES)}
    more = {"beside": {}, "inside": inside, "skeleton": {"skeleton": inside}}[where]
    settings = {**RATE, **({"names": "skeleton.mat"} if where == "beside" else {})}
    assert read_keypoints([mat(tmp_path / "a.mat", **more)], plugins, settings=settings).names == NAMES


def test_names_of_label3d_in_matlab_7_3(tmp_path, plugins):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as f:
        f["pred"] = POSITIONS.swapaxes(1, 2).T
        skeleton, kept = f.create_group("skeleton"), f.create_group("#refs#")
        refs = []
        for n in NAMES:
            kept[n] = np.array([[ord(c)] for c in n], np.uint16)
            refs.append(kept[n].ref)
        skeleton["joint_names"] = np.array([refs], h5py.ref_dtype)
    with path.open("r+b") as f:
        f.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")
    found = read_keypoints([path], plugins, settings=RATE)
    assert found.names == NAMES
    close(found)


def test_labels_of_label3d(tmp_path, plugins):
    """x, y, z of a keypoint after the other; labelled frames count from 1 and may be left out."""
    frames = np.r_[1:6, 9:13]
    path = tmp_path / "a.mat"
    labels = {"data_3D": POSITIONS[frames - 1].reshape(len(frames), -1), "framesToLabel": frames}
    scipy.io.savemat(path, {**labels, "skeleton": {"joint_names": cells(NAMES)}})
    found = read_keypoints([path], plugins, settings=RATE)
    expected = POSITIONS.copy()
    expected[5:8] = np.nan
    close(found, expected)
    assert found.names == NAMES
