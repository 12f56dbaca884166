"""Synthetic reaches: minimum jerk, inside the joint limits, the same for the same seed."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import Body, BodyModel, ConfigError
from mimic_recordings import read_keypoints
from mimic_synthetic import build
from mimic_synthetic.reaches import minimum_jerk, to_csv
from mimic_synthetic.settings import Settings


@pytest.fixture(scope="module")
def model(plugins):
    return BodyModel.compile(plugins.get("body", "mouse_forelimb").make("paper"))


def test_minimum_jerk():
    # Flash & Hogan 1985: half way at half time, peak speed 1.875 of the mean, still at both ends.
    assert minimum_jerk(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == [0, 0, 0.5, 1, 1]
    s = np.linspace(0, 1, 100_001)
    speed = np.gradient(minimum_jerk(s), s)
    assert speed.max() == pytest.approx(1.875, abs=1e-6) and s[speed.argmax()] == pytest.approx(0.5, abs=1e-3)
    assert speed[0] == pytest.approx(0, abs=1e-8) and speed[-1] == pytest.approx(0, abs=1e-8)


def test_same_seed_same_data(model):
    config = Settings(clips=3)
    a, b, c = build(config, model, 1)(), build(config, model, 1)(), build(config, model, 2)()
    np.testing.assert_array_equal(a.positions, b.positions)
    assert not np.array_equal(a.positions, c.positions, equal_nan=True)
    assert a.origin == "synthetic" and a.rate_hz == 200 and a.positions.shape == (3, 60, 4, 3)


def test_truth_is_what_mujoco_says(model):
    keypoints, truth = build(Settings(clips=2, noise_mm=0.0, gap_share=0.0), model, 0).make()
    data = mujoco.MjData(model.mj_model)
    data.qpos[:] = truth.qpos[1, 30]
    mujoco.mj_kinematics(model.mj_model, data)
    np.testing.assert_allclose(keypoints.positions[1, 30], data.site_xpos[model.keypoint_site_ids], atol=1e-15)


def test_noise_and_gaps_as_asked(model):
    config = Settings(clips=30, noise_mm=0.2, gap_share=0.03, gap_ms=25.0)
    keypoints, truth = build(config, model, 0).make()
    error = keypoints.positions - truth.site_pos
    assert np.nanstd(error) == pytest.approx(0.2e-3, rel=0.05)
    missing = np.isnan(keypoints.positions).any(-1)
    assert missing.mean() == pytest.approx(0.03, abs=0.001)
    edges = np.diff(np.pad(missing.astype(int), ((0, 0), (1, 1), (0, 0))), axis=1)
    runs = np.argwhere(edges.transpose(0, 2, 1) == -1)[:, 2] - np.argwhere(edges.transpose(0, 2, 1) == 1)[:, 2]
    assert runs.max() == 5 and runs.min() >= 1


def test_reaches_go_to_several_targets(model):
    _, truth = build(Settings(clips=12, targets=3, variation=0.0), model, 0).make()
    ends = truth.site_pos[:, -1, model.keypoint("paw")]
    for t in range(3):
        np.testing.assert_allclose(ends[truth.target == t] - ends[truth.target == t][:1], 0, atol=1e-12)
    apart = [np.linalg.norm(ends[i] - ends[j]) for i in range(3) for j in range(i)]
    assert min(apart) > 0.5e-3


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), amplitude=st.floats(0, 1), rest=st.floats(0, 1), variation=st.floats(0, 0.5))
def test_always_inside_the_limits(model, seed, amplitude, rest, variation):
    config = Settings(clips=4, frames=20, amplitude=amplitude, rest_share=rest, variation=variation)
    _, truth = build(config, model, seed).make()
    joints = truth.qpos[..., model.joint_qposadr]
    low, high = model.joint_range.T
    assert (joints > low).all() and (joints < high).all()


def test_csv_round_trip(model, tmp_path, plugins):
    keypoints = build(Settings(clips=3), model, 0)()
    paths = to_csv(keypoints, tmp_path)
    assert [p.name for p in paths] == [f"synthetic_{i:03d}.csv" for i in (1, 2, 3)]
    back = read_keypoints(paths, plugins)
    np.testing.assert_allclose(back.positions, keypoints.positions, atol=1e-11)
    assert back.rate_hz == 200 and back.names == keypoints.names


@pytest.mark.parametrize("bad", [{"clips": 0}, {"frames": 3}, {"rate_hz": 0.0}, {"amplitude": 1.5}, {"gap_share": 0.7}])
def test_bad_settings(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        attrs.evolve(Settings(), **bad)


@pytest.mark.parametrize(
    ("joint", "message"), [("<freejoint name='root'/>", "free root 'root'"), ("<joint name='j'/>", "'j'.*no limits")]
)
def test_bodies_that_do_not_suit(joint, message):
    mjcf = f"<mujoco><worldbody><body>{joint}<geom size='.1'/><site name='s'/></body></worldbody></mujoco>"
    with pytest.raises(ConfigError, match=message):
        build(Settings(), BodyModel.compile(Body(name="b", mjcf=mjcf, keypoints={"s": "s"})), 0)
