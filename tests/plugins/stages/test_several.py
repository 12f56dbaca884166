"""Recordings of several animals: sorted by names, registered one by one, on one body."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from run_cases import TOY
from toys import clips_of, make_clips, sites

from mimic_core import BodyModel, ConfigError, DataError, Keypoints, ReferenceClips, Rollouts
from mimic_core.chain import discover, do
from mimic_stages.several import animals_of, by_animal, common_keypoints, on_one_body

ANIMALS = {"one_*": "Ada", "two_*": "Bo"}


def recording(*names: str, keypoints: tuple[str, ...] = ("A", "B"), files: bool = True) -> Keypoints:
    return Keypoints.from_clips(
        [np.zeros((5, len(keypoints), 3))] * len(names),
        names=keypoints,
        rate_hz=100.0,
        clip_names=names,
        files=[f"folder/{n}.csv" for n in names] if files else (),
    )


def test_patterns_fit_clips_or_files():
    assert animals_of(recording("one_1", "two_1"), ANIMALS) == ("Ada", "Bo")
    assert animals_of(recording("two_1"), {"*.csv": "Cy"}) == ("Cy",)
    assert animals_of(recording("one_1", files=False), ANIMALS) == ("Ada",)
    assert animals_of(recording("x", "y"), {}) == ("", "")
    with pytest.raises(ConfigError, match=r"register\.animals: clip 'three' fits none of one_\*, two_\*; add its"):
        animals_of(recording("three"), ANIMALS)


def test_files_are_sorted_by_animal():
    parts = [recording("two_1"), recording("one_1"), recording("two_2")]
    found = by_animal(parts, ANIMALS)
    assert list(found) == ["Ada", "Bo"] and [p.clip_names[0] for p in found["Bo"]] == ["two_1", "two_2"]
    with pytest.raises(DataError, match=r"folder/one_1\.csv: holds clips of Ada and Bo; give each animal files"):
        by_animal([recording("one_1", "two_1")], ANIMALS)
    with pytest.raises(ConfigError, match=r"register\.animals: no file is of 'Bo' \(two_\*\); correct the pattern"):
        by_animal([recording("one_1")], ANIMALS)


def test_keypoints_that_all_have():
    a, b = common_keypoints(
        [recording("a", keypoints=("Paw", "Elbow", "Tip")), recording("b", keypoints=("tip", "PAW"))]
    )
    assert (a.names, b.names) == (("Paw", "Tip"), ("PAW", "tip"))
    assert a.positions.shape == b.positions.shape == (1, 5, 2, 3)


@pytest.fixture(scope="module")
def registered(toy_model):
    """Ada at 200 Hz; Bo at 100 Hz, with clips of other lengths and a body 1.5 times the size."""
    rng = np.random.default_rng(0)

    def movements(frames, rate_hz):
        t = np.arange(frames)[:, None] / rate_hz
        return [0.4 * np.sin(2 * np.pi * rng.uniform(1, 3, 2) * t) for _ in range(2)]

    bo = BodyModel.compile(attrs.evolve(toy_model.body, scale=1.5))
    return {
        "Ada": clips_of(toy_model, movements(40, 200.0), 200.0, ["a0", "a1"]),
        "Bo": clips_of(bo, movements(30, 100.0), 100.0, ["b0", "b1"]),
    }


def test_joint_angles_come_onto_the_first_body(registered, toy_model):
    both = on_one_body(registered)
    ada, bo = registered.values()
    assert both.animals == ("Ada", "Ada", "Bo", "Bo") and both.clip_names == ("a0", "a1", "b0", "b1")
    assert both.body == ada.body and both.rate_hz == 200.0
    assert both.n_frames.tolist() == [40, 40, 59, 59]
    np.testing.assert_array_equal(both.qpos[:2, :40], ada.qpos)
    assert np.isnan(both.qpos[:2, 40:]).all()
    np.testing.assert_allclose(both.qpos[2:, :59:2], bo.qpos, atol=1e-9)  # every second frame is one that was there
    np.testing.assert_allclose(both.site_pos[2:, :59], sites(toy_model, both.qpos[2:, :59]), atol=1e-9)
    np.testing.assert_allclose(both.error_mm[2:, :59:2], 0, atol=1e-6)  # keypoints sit alike on both bodies
    assert both.provenance["animals"]["Bo"]["scale"] == 1.5
    assert any(r.startswith("Bo: 2 clips, 0.000 mm on a body of its own, 1.500 times the model") for r in both.remarks)


def test_trust_goes_with_the_nearest_frame(registered):
    ada, bo = (attrs.evolve(c, trust=np.ones(c.error_mm.shape)) for c in registered.values())
    bo.trust[0, 10] = 0.0
    both = on_one_body({"Ada": ada, "Bo": bo})
    assert np.flatnonzero(both.trust[2, :59, 0] == 0).tolist() in ([20], [20, 21], [19, 20], [19, 20, 21])


def test_names_are_unique(registered):
    ada = registered["Ada"]
    with pytest.raises(DataError, match="two are called 'a0'"):
        on_one_body({"Ada": ada, "Bo": ada})


@pytest.fixture(scope="module")
def with_toy(tmp_path_factory):
    """The installed plugins and the toy body."""
    file = tmp_path_factory.mktemp("plugin") / "toy_plugin.py"
    file.write_text(TOY)
    plugins = discover()
    plugins.load_file(file)
    return plugins


@pytest.mark.slow
def test_one_of_two_animals_is_left_out_of_training(toy_model, with_toy, tmp_path):
    """Recordings of different size and rate, from files to the rollouts of a controller that one animal never met."""
    for name, rate_hz, size, seed in (("one_a", 200.0, 1.0, 1), ("one_b", 200.0, 1.0, 2), ("two_a", 100.0, 1.3, 3)):
        clips = make_clips(toy_model, (40,), rate_hz, seed)
        k = Keypoints.from_array(size * clips.site_pos[0], clips.keypoint_names, rate_hz, clip_names=[name])
        k.save(tmp_path / f"{name}.h5")
    asked = {"files": sorted(tmp_path.glob("*.h5")), "animals": ANIMALS, "body": "toy", "axes": "model"}
    said = do(with_toy, "register", out=tmp_path / "clips.h5", **asked)
    assert said["animals"] == ["Ada", "Bo"] and ReferenceClips.load(tmp_path / "clips.h5").animals[2] == "Bo"
    assert said["details"]["animals"]["Bo"]["scale"] == pytest.approx(1.3, rel=0.05)
    assert said["free_parameters"]["joint angles"] == 2 * (40 + 40 + 40)
    with pytest.raises(ConfigError, match=r"register\.save_calibration: is of one animal"):
        do(with_toy, "register", out=tmp_path / "c.h5", save_calibration=tmp_path / "d.h5", **asked)

    small = {"steps": 80, "environments": 8, "batch_size": 8, "minibatches": 1, "unroll": 5, "evaluations": 1}
    small |= {f"{part}_layers": [8] for part in ("encoder", "decoder", "critic")}
    policy = {"name": "bottleneck_ppo", **small}
    how = {"clips": tmp_path / "clips.h5", "policy": policy, "holdout": "animal"}
    summary = do(with_toy, "train", out=tmp_path / "run", **how)
    assert summary["held_out_animals"] == ["Bo"] and summary["held_out_clips"] == 1
    assert summary["mean_movement_mm"] > 0 and summary["passive_mm"] > 0
    rolled = do(with_toy, "rollout", run=tmp_path / "run", out=tmp_path / "rollouts.h5", reach_ms=50)
    assert rolled["tracking"]["held_out"] == "held out: another animal (Bo)"
    rollouts = Rollouts.load(tmp_path / "rollouts.h5")
    assert rollouts.animals == ("Ada", "Ada", "Bo") and rollouts.training.held_out_animals == ("Bo",)
    whole = rolled["tracking"]["by_window"]["reference"]["held_out"]["whole"]
    assert whole["mean"] == pytest.approx(summary["tracking_mm"], rel=1e-3)
    assert whole["nulls"]["limp body"] == pytest.approx(summary["passive_mm"], rel=1e-3)
    assert whole["nulls"]["mean training movement"] == pytest.approx(summary["mean_movement_mm"], rel=1e-3)
    assert np.isfinite(rollouts.limp_site_pos).all(axis=(2, 3)).sum(1).tolist() == rollouts.n_steps.tolist()
    assert rolled["headlines"][0]["label"] == "tracking error, held-out clips"
