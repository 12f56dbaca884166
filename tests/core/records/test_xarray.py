"""Records as xarray Datasets: what is along each axis has its names or times, values have their units."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from mimic_core import Emg, Keypoints, Rollouts
from mimic_core.testing import synthetic_rollouts, toy_clips, toy_keypoints

xarray = pytest.importorskip("xarray")
pytest.importorskip("h5netcdf")


@pytest.fixture(scope="module")
def rollouts() -> Rollouts:
    made = synthetic_rollouts((20, 15), rate_hz=200.0)
    layers = {"layer/decoder/layer_1": np.ones((2, 20, 7)), "intention": np.zeros((2, 20, 3))}
    return attrs.evolve(made, record=layers)


def test_a_file_opens_as_it_is(rollouts, tmp_path):
    with xarray.open_dataset(rollouts.save(tmp_path / "rollouts.h5")) as found:
        assert found.joint_pos.dims == ("clip", "step", "joint") and found.joint_pos.attrs["units"] == "rad"
        elbow = found.joint_pos.sel(clip="synthetic_01", joint="elbow")
        np.testing.assert_array_equal(elbow, rollouts.joint_pos[1, :, rollouts.joint_names.index("elbow")])
        np.testing.assert_allclose(found.step, np.arange(20) / 200.0)
        assert found.step.attrs["units"] == "s" and found.xyz.values.tolist() == ["x", "y", "z"]
        assert float(found.attrs["rate_hz"]) == 200.0
        assert found.muscle.values.tolist() == list(rollouts.muscle_names)


def test_the_record_itself(rollouts):
    found = rollouts.to_xarray()
    assert set(found.data_vars) == {
        f.name
        for f in attrs.fields(Rollouts)
        if f.metadata["storage"] == "array" and getattr(rollouts, f.name) is not None
    }
    for name, v in found.data_vars.items():
        np.testing.assert_array_equal(v, getattr(rollouts, name))
    assert found.qpos.dims == ("clip", "step", "qpos_index")


def test_groups_have_names_too(rollouts):
    terms = rollouts.to_xarray("reward_terms")
    np.testing.assert_array_equal(terms.joint.sel(clip="synthetic_00"), rollouts.reward_terms["joint"][0])
    assert terms.joint.attrs["units"] == "reward_units" and terms.step.values[1] == 0.005
    layer = rollouts.to_xarray("record/layer/decoder").layer_1
    assert layer.shape == (2, 20, 7) and layer.dims == ("clip", "step", "unit_7")
    assert rollouts.to_xarray("record").intention.sizes["unit"] == 3


def test_what_is_loaded_has_no_axes_in_it(rollouts, tmp_path):
    again = Rollouts.load(rollouts.save(tmp_path / "rollouts.h5"))
    assert set(again.record) == set(rollouts.record) and set(again.reward_terms) == {"joint"}


def test_clips_and_keypoints():
    clips = toy_clips(frames=(8, 5))
    found, seen = clips.to_xarray(), toy_keypoints(clips).to_xarray()
    hand = found.site_pos.sel(keypoint="hand", xyz="z")
    np.testing.assert_array_equal(hand, clips.site_pos[:, :, clips.keypoint_names.index("hand"), 2])
    np.testing.assert_array_equal(seen.positions.sel(keypoint="hand", xyz="z"), hand)
    np.testing.assert_allclose(found.frame, np.arange(8) / 200.0)


def test_as_many_keypoints_as_clips():
    """Names of one axis are not taken for another of the same length."""
    found = Keypoints.from_array(np.zeros((2, 2, 2, 3)), ("a", "b"), 100.0, clip_names=("one", "two")).to_xarray()
    assert found["clip"].values.tolist() == ["one", "two"] and found.keypoint.values.tolist() == ["a", "b"]
    np.testing.assert_allclose(found.frame, [0.0, 0.01])


def test_emg_begins_when_it_says():
    emg = Emg(rate_hz=100.0, first_s=0.005, trial_names=["t"], muscle_names=["biceps"], envelope=np.ones((1, 3, 1)))
    found = emg.to_xarray()
    np.testing.assert_allclose(found["sample"], emg.time)
    assert found.envelope.sel(trial="t", muscle="biceps").shape == (3,)
