"""Keypoints from arrays and from datasets of movement, and how sets of them are joined."""

from __future__ import annotations

import re

import attrs
import numpy as np
import pytest
from where import ROOT

from mimic_core import DataError, Keypoints
from mimic_readers.movement import from_movement
from mimic_recordings import join, read_keypoints

NAMES = ("Wrist", "Elbow")
POSITIONS = np.random.default_rng(0).normal(size=(3, 5, 2, 3))


def test_one_clip_from_an_array():
    found = Keypoints.from_array(POSITIONS[0], NAMES, 200, unit="mm", confidence=np.full((5, 2), 0.5))
    np.testing.assert_array_equal(found.positions, POSITIONS[:1])
    assert (found.names, found.rate_hz, found.unit, found.clip_names) == (NAMES, 200, "mm", ("clip1",))
    assert found.confidence.shape == (1, 5, 2) and (found.confidence == 0.5).all()


def test_clips_from_an_array():
    found = Keypoints.from_array(POSITIONS, NAMES, 200, clip_names=["a", "b", "b"])
    np.testing.assert_array_equal(found.positions, POSITIONS)
    assert found.clip_names == ("a", "b", "b#2") and found.unit == "m" and found.confidence is None


@pytest.mark.parametrize(
    ("positions", "options", "message"),
    [
        (POSITIONS[0, 0], {}, r"array of shape \(2, 3\): expected \(frames, 2, 3\) or \(clips, frames, 2, 3\)"),
        (POSITIONS.swapaxes(2, 3), {}, r"shape \(3, 5, 3, 2\): expected .* transpose it"),
        (POSITIONS[:, :0], {}, "array of shape"),
        (POSITIONS, {"confidence": np.ones((3, 5))}, r"confidence of shape \(3, 5\): expected \(3, 5, 2\)"),
        (POSITIONS, {"unit": "inch"}, "'inch' is no unit; give one of m, cm, mm, um"),
    ],
)
def test_bad_array(positions, options, message):
    with pytest.raises(DataError, match=message):
        Keypoints.from_array(positions, NAMES, 200, **options)


def poses(
    animal="individuals", keypoint="keypoints", individuals=("Alice",), space="zxy", confidence=0.5, **attributes
):
    """A dataset as movement makes it, its axes in another order than usual."""
    xarray = pytest.importorskip("xarray")
    axes = ["xyz".index(s) for s in space]
    position = np.stack([POSITIONS[0][..., axes] + i for i in range(len(individuals))], -1)
    return xarray.Dataset(
        {
            "position": (("time", keypoint, "space", animal), position),
            "confidence": (("time", animal, keypoint), np.full((5, len(individuals), 2), confidence)),
        },
        coords={"space": list(space), keypoint: list(NAMES), animal: list(individuals)},
        attrs={"fps": 120.0, **attributes},
    )


@pytest.mark.parametrize("dims", [{}, {"animal": "individual", "keypoint": "keypoint"}], ids=["plural", "singular"])
def test_from_movement(dims):
    found = from_movement(poses(**dims, source_file="data/trial7.csv"), unit="mm")
    np.testing.assert_array_equal(found.positions[0], POSITIONS[0])
    assert (found.names, found.rate_hz, found.unit, found.clip_names) == (NAMES, 120, "mm", ("trial7",))
    assert (found.confidence == 0.5).all()


@pytest.mark.parametrize("dims", [{}, {"animal": "individual", "keypoint": "keypoint"}], ids=["plural", "singular"])
@pytest.mark.parametrize("left_out", [[], [2]])
def test_files_that_movement_saved(tmp_path, plugins, dims, left_out):
    """As netCDF; frames that were taken out of the dataset are missing."""
    there = [i for i in range(5) if i not in left_out]
    dataset = poses(**dims).assign_coords(time=np.arange(5) / 120).isel(time=there)
    dataset.to_netcdf(tmp_path / "a.nc", engine="scipy")
    found = read_keypoints([tmp_path / "a.nc"], plugins)
    np.testing.assert_array_equal(found.positions[0][there], POSITIONS[0][there])
    assert np.isnan(found.positions[0][left_out]).all() and found.n_frames.tolist() == [5]
    assert (found.names, found.rate_hz, found.unit, found.clip_names) == (NAMES, 120, "", ("a",))
    assert (found.confidence[0][there] == 0.5).all()


def test_movement_files_that_are_none(tmp_path, plugins):
    several = poses(individuals=("Alice", "Bob"))
    several.to_netcdf(tmp_path / "a.nc", engine="scipy")
    with pytest.raises(DataError, match=r"a\.nc: movement dataset: there are several \(Alice, Bob\)"):
        read_keypoints([tmp_path / "a.nc"], plugins)
    found = read_keypoints([tmp_path / "a.nc"], plugins, settings={"individual": "Bob"})
    np.testing.assert_array_equal(found.positions[0], POSITIONS[0] + 1)
    several.drop_vars("position").to_netcdf(tmp_path / "b.nc", engine="scipy")
    with pytest.raises(DataError, match="has no variable position"):
        read_keypoints([tmp_path / "b.nc"], plugins)
    (tmp_path / "c.nc").write_text("text")
    with pytest.raises(DataError, match=r"c\.nc: movement cannot read it") as e:
        read_keypoints([tmp_path / "c.nc"], plugins)
    assert "\n" not in str(e.value)


def test_from_movement_made_by_movement():
    load_poses = pytest.importorskip("movement.io.load_poses")
    dataset = load_poses.from_numpy(POSITIONS[0].transpose(0, 2, 1)[..., None], keypoint_names=list(NAMES), fps=50)
    found = from_movement(dataset)
    np.testing.assert_array_equal(found.positions[0], POSITIONS[0])
    assert found.rate_hz == 50 and found.unit == "" and found.confidence is None


def test_from_movement_of_several_animals():
    dataset = poses(individuals=("Alice", "Bob"), confidence=np.nan)
    with pytest.raises(DataError, match=r"there are several \(Alice, Bob\); give individual"):
        from_movement(dataset)
    with pytest.raises(DataError, match="'Bobby' is not there; did you mean Bob"):
        from_movement(dataset, individual="Bobby")
    found = from_movement(dataset, individual="Bob", rate_hz=60)
    np.testing.assert_array_equal(found.positions[0], POSITIONS[0] + 1)
    assert found.rate_hz == 60 and found.confidence is None and found.clip_names == ("Bob",)


def test_from_movement_that_is_2d_or_without_rate():
    with pytest.raises(DataError, match="space is x, y, expected x, y, z"):
        from_movement(poses(space="xy"))
    with pytest.raises(DataError, match="has no attribute fps; give rate_hz"):
        from_movement(poses(fps=None))


def test_join_converts_units_and_carries_confidence():
    mm = Keypoints.from_array(POSITIONS[:1] * 1e3, NAMES, 200, unit="mm", confidence=np.full((1, 5, 2), [0.3, 0.6]))
    cm = Keypoints.from_array(POSITIONS[1][:4, ::-1] * 1e2, ("elbow", "wrist"), 200, unit="cm")
    both = join([mm, cm])
    assert both.unit == "m" and both.names == NAMES
    np.testing.assert_allclose(both.clips()[0], POSITIONS[0])
    np.testing.assert_allclose(both.clips()[1], POSITIONS[1][:4])
    np.testing.assert_array_equal(both.confidence[0], np.full((5, 2), [0.3, 0.6]))
    assert (both.confidence[1, :4] == 1).all() and np.isnan(both.confidence[1, 4]).all()
    assert join([mm, mm]).unit == "mm" and join([cm, cm]).confidence is None


def test_join_refuses_known_beside_unknown_units():
    known, unknown = (Keypoints.from_array(POSITIONS, NAMES, 200, unit=u) for u in ("mm", ""))
    with pytest.raises(DataError, match=r"does not tell its unit, but clip1 is in mm; .*--unit"):
        join([known, unknown])
    assert join([unknown, unknown]).unit == ""


def test_confidence_and_unit_are_saved(tmp_path):
    given = Keypoints.from_array(POSITIONS, NAMES, 200, unit="mm", confidence=np.full((3, 5, 2), 0.5))
    assert Keypoints.load(given.save(tmp_path / "a.h5")) == given


def test_what_the_documentation_shows(tmp_path, monkeypatch, plugins):
    guide = (ROOT / "docs" / "keypoint-files.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- save: from_memory.py -->\n```python\n(.*?)```", guide, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(block[1], {})
    found = read_keypoints([tmp_path / "recording.h5"], plugins)
    assert found.positions.shape == (1, 100, 2, 3) and found.unit == "mm"
    table = re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE)
    assert sorted(table) == sorted(r.name for r in plugins.all("reader"))
    for reader in plugins.all("reader"):
        for setting in attrs.fields(reader.config) if reader.config else ():
            assert f"`{setting.name}`" in guide, f"{reader.name}: {setting.name}"
