"""The `stac` registration: what comes out of known and real movements."""

from __future__ import annotations

import attrs
import hypothesis
import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from stac_cases import WALKER, quiet, toy

from mimic_core import BodyModel, Calibration, ConfigError, DataError, Keypoints
from mimic_core.chain.choose import make_body
from mimic_core.records.clips import ReferenceClips
from mimic_core.registration.method import match_keypoints
from mimic_recordings import read_keypoints
from mimic_stac import build, build_calibrated, pieces, start
from mimic_stac.calibrate import Data, Fit
from mimic_stac.jumps import runs, trust_in_time
from mimic_stac.kinematics import KinematicTree
from mimic_stac.settings import Settings, axes_matrix
from mimic_stac.start import dof_lengths, poses_between, sample_poses


def test_recovers_segments(mouse, truth, plugins):
    """An animal with a longer upper arm and a shorter forearm than the model's."""
    grown = attrs.evolve(mouse, segment_scale={"humerus": 1.2, "ulna": 0.85})
    spec = plugins.get("generator", "reaches")
    make = spec.build(spec.config(clips=8, noise_mm=0.0, gap_share=0.0), BodyModel.compile(grown), 3)
    keypoints, made = make.make()
    clips = build(Settings(alignment="none", scale="segments"), mouse)(keypoints, quiet)
    found = {n: f * clips.body.scale for n, f in clips.body.segment_scale.items()}
    assert found["humerus"] == pytest.approx(1.2, rel=0.03) and found["ulna"] == pytest.approx(0.85, rel=0.03)
    assert clips.error_mm.max() < 0.1
    assert np.rad2deg(np.abs(clips.qpos - made.qpos)).mean() < 1
    model = BodyModel.compile(clips.body)  # what training uses
    assert model.mj_model.body("ulna").pos == pytest.approx(
        clips.body.segment_scale["humerus"] * np.array([-0.0005, 0.0003, -0.0068])
    )
    plain = build(Settings(alignment="none"), mouse)(keypoints, quiet)
    assert clips.error_mm.mean() < 0.7 * plain.error_mm.mean()


def test_a_calibration_is_kept(mouse, truth):
    """Half of the clips calibrate the animal; the others are fitted to that body, and it does not change."""
    keypoints, made = truth
    half = [attrs.evolve(keypoints, positions=keypoints.positions[i::2], n_frames=keypoints.n_frames[i::2],
                         clip_names=keypoints.clip_names[i::2], files=()) for i in range(2)]  # fmt: skip
    animal = (
        attrs.evolve(half[0], positions=1.1 * half[0].positions),
        attrs.evolve(half[1], positions=1.1 * half[1].positions),
    )
    first = build(Settings(alignment="none", scale="segments"), mouse)(animal[0], quiet)
    again = build_calibrated(Settings(alignment="none"), Calibration.of(first))(animal[1], quiet)
    assert again.body == first.body
    assert again.error_mm.mean() < first.error_mm.mean() + 0.02
    assert np.rad2deg(np.abs(again.qpos - made.qpos[1::2])).max() < 1.5


@pytest.mark.slow
def test_a_long_recording_is_fitted_in_pieces(mouse, truth, monkeypatch):
    """A sample calibrates, chunks that overlap follow: nearly the same as all at once, without seams."""
    keypoints, made = truth
    at_once = build(Settings(alignment="none"), mouse)(keypoints, quiet)
    monkeypatch.setattr(pieces, "frames_at_once", lambda kin, work=0.0: 40)
    told = []
    clips = build(Settings(alignment="none"), mouse)(keypoints, lambda *a: told.append(a))
    assert 0 < clips.provenance["frames_calibrated"] < keypoints.n_frames.sum()
    assert np.isfinite(clips.qpos).all() and told[-1][0] == told[-1][1]
    assert np.rad2deg(np.abs(clips.qpos - made.qpos)).max() < 1
    assert clips.error_mm.mean() < at_once.error_mm.mean() + 0.02
    kin = KinematicTree(BodyModel.compile(mouse))
    one = np.zeros(130, int)
    data = Data(np.zeros((130, 4, 3)), np.ones((130, 4)), one, one)
    kept = np.concatenate([frames[keep] for frames, keep in pieces.chunks(data, kin)])
    np.testing.assert_array_equal(kept, np.arange(130))


@pytest.mark.usefixtures("without_shape_checks")
@pytest.mark.parametrize("alignment", ["clip", pytest.param("clip_rigid", marks=pytest.mark.slow)])
def test_many_clips_are_followed_in_chunks(mouse, truth, monkeypatch, alignment):
    """Each chunk has some of the clips, and holds the shift and turn of those alone."""
    keypoints, made = truth
    monkeypatch.setattr(pieces, "frames_at_once", lambda kin, work=0.0: 2 * int(keypoints.n_frames.max()))
    clips = build(Settings(alignment=alignment), mouse)(keypoints, quiet)
    assert clips.provenance["frames_calibrated"] < keypoints.n_frames.sum() and len(keypoints.n_frames) > 3
    assert np.isfinite(clips.qpos).all()
    assert np.rad2deg(np.abs(clips.qpos - made.qpos)).mean() < 2
    assert clips.error_mm.mean() < 0.3


def test_poses_between_others_stay_in_their_clip(mouse, truth):
    """Few frames are fitted, and those between lie near the truth, up to the first and last of each clip."""
    keypoints, made = truth
    kin = KinematicTree(BodyModel.compile(mouse))
    pos, n = np.concatenate(keypoints.clips()), keypoints.n_frames
    clip = np.repeat(np.arange(len(n)), n)
    seen = np.isfinite(pos).all(-1)
    data = Data(np.where(seen[..., None], pos, 0.0), seen.astype(float), clip, clip)
    fit = Fit.start(kin, 1.0, np.eye(3), np.zeros((len(n), 3)))
    poses = sample_poses(kin, 20)
    q = poses_between(kin, data, fit, dof_lengths(kin, 1.0, poses), poses, keypoints.rate_hz)
    off = np.rad2deg(np.abs(q - np.concatenate([made.qpos[c, :count] for c, count in enumerate(n)])))
    ends = np.r_[0, np.cumsum(n)[:-1], np.cumsum(n) - 1]
    assert np.median(off) < 2 and np.median(off[ends]) < 2 and np.isfinite(q).all()


def test_an_orientation_is_sought_on_some_of_many_clips():
    """Each of them is numbered anew, and none is left without frames."""
    clip = np.repeat(np.arange(1000), 300)
    data = Data(np.zeros((len(clip), 2, 3)), np.ones((len(clip), 2)), clip, clip)
    part = start._sample(data)
    assert len(part.pos) < 200 and np.array_equal(np.unique(part.clip), np.arange(start._SEARCH_CLIPS))
    few = data.pick(np.flatnonzero(clip < 37))
    assert np.array_equal(np.unique(start._sample(few).clip), np.arange(37))


def test_one_snippet_of_each_of_many_clips_shows_every_part_of_the_movement(mouse):
    clip = np.repeat(np.arange(1000), 300)
    data = Data(np.zeros((len(clip), 4, 3)), np.ones((len(clip), 4)), clip, clip)
    part, frames = pieces.sample(data, KinematicTree(BodyModel.compile(mouse)))
    assert len(frames) <= pieces.MOST_FRAMES and len(np.unique(part.clip)) == 1000
    assert np.histogram(frames % 300, 5, (0, 300))[0].min() > 0.1 * len(frames)


def test_jumps_are_flagged_and_not_followed(mouse, truth):
    keypoints, made = truth
    pos = keypoints.positions.copy()
    wrist, elbow = keypoints.names.index("wrist"), keypoints.names.index("elbow")
    pos[0, 20, wrist] += (0.002, -0.001, 0.001)
    pos[3, 41:43, elbow] += (0.0, 0.004, 0.0)
    jumpy = attrs.evolve(keypoints, positions=pos)
    clips = build(Settings(alignment="none"), mouse)(jumpy, quiet)
    names = keypoints.clip_names
    assert clips.provenance["jumps"] == [
        {"clip": names[0], "keypoint": "wrist", "first": 20, "last": 20},
        {"clip": names[3], "keypoint": "elbow", "first": 41, "last": 42},
    ]
    assert clips.trust[0, 20, wrist] < 0.05 and (clips.trust[1] > 0.5).all()
    off_deg = np.rad2deg(np.abs(clips.qpos - made.qpos)).max((1, 2))
    assert off_deg.max() < 1.5
    followed = build(Settings(alignment="none", outlier_ratio=0.0), mouse)(jumpy, quiet)
    assert np.rad2deg(np.abs(followed.qpos - made.qpos)).max() > 5 and not followed.provenance["jumps"]


def test_movement_is_no_jump():
    """A limb that swings 5 Hz wide through 30 mm is on its course; one frame 2 mm beside it is not."""
    time = np.arange(120) / 150
    pos = 0.015 * np.stack([np.sin(2 * np.pi * 5 * time), np.cos(2 * np.pi * 5 * time), 0 * time], -1)[:, None]
    one, seen = np.zeros(120, int), np.ones((120, 1))
    trust, noise_mm = trust_in_time(pos, seen, one, 150.0, 0.8)
    assert (trust == 1).all() and noise_mm[0] < 0.1
    pos[60, 0, 2] += 0.002
    trust, _ = trust_in_time(pos, seen, one, 150.0, 0.8)
    assert runs(trust[:, 0] < 0.25) == [(60, 60)] and (trust[[58, 62]] == 1).all()


def test_weights_and_confidence(mouse, truth):
    """A keypoint with weight 0, or tracked without confidence, has no pull; its distance is still told."""
    keypoints, made = truth
    paw = keypoints.names.index("paw")
    pos = keypoints.positions.copy()
    pos[:, :, paw] += (0.003, 0.0, 0.0)
    moved = attrs.evolve(keypoints, positions=pos)
    confidence = np.ones(pos.shape[:3])
    confidence[:, :, paw] = 0.0
    for chosen, recording in (
        (Settings(alignment="none", weights={"Paw": 0.0}), moved),
        (Settings(alignment="none"), attrs.evolve(moved, confidence=confidence)),
    ):
        clips = build(chosen, mouse)(recording, quiet)
        assert np.rad2deg(np.abs(clips.qpos - made.qpos)).max() < 1
        assert clips.error_mm[:, :, paw].mean() > 2 and np.delete(clips.error_mm, paw, 2).max() < 0.1
    with pytest.raises(ConfigError, match=r"register\.weights: no keypoint 'pow' is registered; did you mean paw"):
        build(Settings(weights={"pow": 1.0}), mouse)(moved, quiet)
    with pytest.raises(ValueError, match="paw must be >= 0"):
        Settings(weights={"paw": -1.0})


def test_recovers_known_joint_angles(mouse, truth):
    keypoints, made = truth
    clips = build(Settings(alignment="none"), mouse)(keypoints, quiet)
    assert np.rad2deg(np.abs(clips.qpos - made.qpos)).max() < 0.5
    assert clips.error_mm.max() < 0.05 and clips.body.scale == pytest.approx(1, abs=2e-3)
    assert clips.provenance["converged"]


def test_recovers_size_and_offset_under_noise(mouse, truth):
    """An animal 0.8 times the model, its shoulder marker 1 mm off, tracked with 0.1 mm noise."""
    keypoints, made = truth
    rng = np.random.default_rng(0)
    pos = made.site_pos.copy()
    off = np.array([0.6e-3, -0.5e-3, 0.6e-3])
    scapula = BodyModel.compile(mouse)
    data = mujoco.MjData(scapula.mj_model)
    mujoco.mj_kinematics(scapula.mj_model, data)
    site = scapula.keypoint_site_ids[scapula.keypoint("shoulder")]
    turn = data.xmat[scapula.mj_model.site_bodyid[site]].reshape(3, 3)
    pos[:, :, scapula.keypoint("shoulder")] += turn @ off
    exact = 0.8 * pos
    pos = exact + rng.normal(0, 1e-4, pos.shape)
    clips = build(Settings(alignment="none"), mouse)(attrs.evolve(keypoints, positions=pos), quiet)
    assert clips.body.scale == pytest.approx(0.8, abs=0.01)
    moved = np.array(clips.body.keypoint_pos["shoulder"]) - scapula.mj_model.site_pos[site]
    np.testing.assert_allclose(moved, off, atol=0.1e-3)
    # Noise of 0.1 mm on 0.8 times 6.8 mm bones is about 1° in each frame; what is common to all frames is less.
    assert np.rad2deg(np.abs((clips.qpos - made.qpos).mean((0, 1)))).max() < 0.5
    # The registered keypoints lie nearer to the true ones than the tracked ones do.
    registered_mm = np.linalg.norm(clips.site_pos * clips.body.scale - exact, axis=-1) * 1e3
    tracked_mm = np.linalg.norm(pos - exact, axis=-1) * 1e3
    assert registered_mm.mean() < 0.75 * tracked_mm.mean()


@pytest.mark.usefixtures("without_shape_checks")
def test_output_hangs_together(mouse, truth, tmp_path):
    keypoints, _ = truth
    clips = build(Settings(), mouse)(keypoints, quiet)
    model = BodyModel.compile(clips.body)
    data = mujoco.MjData(model.mj_model)
    data.qpos[:] = clips.qpos[2, 20]
    mujoco.mj_kinematics(model.mj_model, data)
    # MuJoCo takes a site within 1 µm of its body's origin as lying on it.
    np.testing.assert_allclose(data.site_xpos[model.keypoint_site_ids], clips.site_pos[2, 20], atol=1e-6)
    homogeneous = np.concatenate([keypoints.positions, np.ones((*keypoints.positions.shape[:3], 1))], -1)
    carried = np.einsum("cij,cfkj->cfki", clips.alignment, homogeneous)[..., :3]
    np.testing.assert_allclose(carried, clips.tracked_pos, atol=1e-12)
    error = np.linalg.norm(clips.tracked_pos - clips.site_pos, axis=-1) * clips.body.scale * 1e3
    np.testing.assert_allclose(error, clips.error_mm)
    back = ReferenceClips.load(clips.save(tmp_path / "clips.h5"))
    np.testing.assert_array_equal(back.qpos, clips.qpos)
    assert back.body == clips.body and back.provenance["converged"]


def test_clips_of_different_lengths(mouse, truth):
    keypoints, made = truth
    parts = [keypoints.positions[0], keypoints.positions[1, :25]]
    short = Keypoints.from_clips(parts, names=keypoints.names, rate_hz=200, clip_names=["a", "b"])
    clips = build(Settings(alignment="none"), mouse)(short, quiet)
    assert np.isnan(clips.qpos[1, 25:]).all() and np.isfinite(clips.qpos[1, :25]).all()
    assert np.isnan(clips.error_mm[1, 25:]).all() and np.isnan(clips.qvel[1, 25:]).all()
    assert np.rad2deg(np.abs(clips.qpos[1, :25] - made.qpos[1, :25])).max() < 0.5


@pytest.mark.parametrize("keypoints_lost", ["one", "all"])
@pytest.mark.parametrize("first", [0, 22, 52])
def test_short_gaps_are_bridged(mouse, truth, first, keypoints_lost):
    keypoints, made = truth
    pos = keypoints.positions.copy()
    lost = [keypoints.names.index("elbow")] if keypoints_lost == "one" else slice(None)
    pos[1, first : first + 8, lost] = np.nan
    clips = build(Settings(alignment="none"), mouse)(attrs.evolve(keypoints, positions=pos), quiet)
    assert np.isfinite(clips.qpos).all() and np.isfinite(clips.site_pos).all()
    assert np.isnan(clips.tracked_pos[1, first, lost]).all() and np.isnan(clips.error_mm[1, first, lost]).all()
    off = np.linalg.norm(clips.site_pos[1] - made.site_pos[1], axis=-1).max() * 1e3
    assert off < (0.3 if keypoints_lost == "one" else 0.6)
    expected = 1 if keypoints_lost == "one" else 4
    assert clips.provenance["gaps_bridged"] == {"gaps": expected, "positions": 8 * expected}


def broken(keypoints, **change):
    pos = keypoints.positions.copy()
    if "gap" in change:
        clip, first, end, k = change["gap"]
        pos[clip, first:end, k] = np.nan
    if "factor" in change:
        pos *= change["factor"]
    if "inf" in change:
        pos[0, 0, 0, 0] = np.inf
    return attrs.evolve(keypoints, positions=pos)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gap": (2, 10, 21, 1)}, r"synthetic_003: elbow is missing in frames 10 to 20 .*55 ms.*max_gap_ms is 50"),
        ({"gap": (0, 0, 12, 2)}, r"synthetic_001: wrist is missing in frames 0 to 11"),
        ({"gap": (0, 45, 60, 2)}, r"synthetic_001: wrist is missing in frames 45 to 59"),
        ({"gap": (1, 0, 60, 3)}, r"synthetic_002: paw is missing in frames 0 to 59"),
        ({"factor": 1000}, r"times the body's, taken as metres; as mm the animal would be 1.0 times .*--unit mm"),
        ({"factor": 100}, r"times the body's.*--unit cm"),
        ({"factor": 0.001}, r"1/10[0-9][0-9] of the body's.*convert them"),
        ({"factor": 0}, r"no two keypoints lie apart"),
        ({"inf": True}, r"synthetic_001: holds infinite positions"),
    ],
)
def test_bad_keypoints(mouse, truth, change, message):
    with pytest.raises(DataError, match=message) as e:
        build(Settings(), mouse)(broken(truth[0], **change), quiet)
    assert "\n" not in str(e.value)


def test_one_file_in_another_unit_is_named(mouse, truth):
    keypoints = truth[0]
    pos = keypoints.positions.copy()
    pos[2] *= 1000
    with pytest.raises(DataError, match=r"synthetic_003: .*--unit mm"):
        build(Settings(), mouse)(attrs.evolve(keypoints, positions=pos), quiet)


def test_too_few_frames_and_no_clips(mouse, truth):
    keypoints = truth[0]
    short = Keypoints.from_clips([keypoints.positions[0, :3]], names=keypoints.names, rate_hz=200, clip_names=["a"])
    with pytest.raises(DataError, match="clip a: 3 frames; a registration needs at least 4"):
        build(Settings(), mouse)(short, quiet)
    none = attrs.evolve(keypoints, positions=keypoints.positions[:0], n_frames=keypoints.n_frames[:0], clip_names=())
    with pytest.raises(DataError, match="no clips"):
        build(Settings(), mouse)(none, quiet)


@pytest.mark.slow
def test_finds_exchanged_axes_and_own_origins(mouse, truth):
    """Recorded in another lab's axes, each file with an origin of its own: the same angles come out."""
    keypoints, made = truth
    there = axes_matrix("zxy").T
    origins = np.random.default_rng(0).normal(0, 0.05, (len(keypoints.clip_names), 1, 1, 3))
    moved = attrs.evolve(keypoints, positions=keypoints.positions @ there.T + origins)
    clips = build(Settings(), mouse)(moved, quiet)
    assert clips.provenance["orientation"] == "square"
    np.testing.assert_allclose(clips.alignment[0, :3, :3] * clips.body.scale, axes_matrix("zxy"), atol=1e-9)
    assert clips.error_mm.mean() < 0.05
    assert np.rad2deg(np.abs(clips.qpos - made.qpos)).mean() < 1


@pytest.mark.parametrize("axes", ["xxy", "abc", "xzy", "zx"])
def test_bad_axes(axes):
    with pytest.raises(ValueError, match=r"must be auto|mirror image"):
        Settings(axes=axes)


def test_body_with_a_free_root():
    body = toy(WALKER)
    kin = KinematicTree(BodyModel.compile(body))
    time = np.arange(50) / 100
    q = np.tile(kin.qpos0, (50, 1))
    q[:, 0], q[:, 1] = 0.5 * time, 1.0
    heading = 2.5 + time
    q[:, 3:7] = np.stack([np.cos(heading / 2), 0 * time, 0 * time, np.sin(heading / 2)], -1)
    q[:, 7] = 0.8 * np.sin(4 * time)
    pos = 1.3 * kin.pose(q).sites(kin.site_pos)
    keypoints = Keypoints.from_clips([pos], names=tuple(body.keypoints), rate_hz=100, clip_names=["walk"])
    clips = build(Settings(), body)(keypoints, quiet)
    assert clips.body.scale == pytest.approx(1.3, abs=0.01)
    assert clips.error_mm.max() < 0.2
    assert np.rad2deg(np.abs(clips.qpos[0, :, 7] - q[:, 7])).max() < 1
    np.testing.assert_allclose(clips.alignment[0] @ [1.3, 0, 0, 1], [1.3 / clips.body.scale, 0, 0, 1], atol=1e-12)


def test_cost_only_falls_and_progress_is_told(mouse, truth):
    costs = []
    build(Settings(alignment="none", tolerance=1e-20, max_iterations=15), mouse)(
        truth[0], lambda done, total, metrics: costs.append((done, total, metrics["cost_mm2"]))
    )
    assert [c[0] for c in costs] == list(range(1, len(costs) + 1)) and costs[0][1] == 15
    assert (np.diff([c[2] for c in costs]) <= 0).all()


@pytest.fixture(scope="module")
def trials(shared_data, plugins, mouse):
    keypoints = read_keypoints(sorted((shared_data / "mouse_reach").glob("*.h5")), plugins)
    return match_keypoints(keypoints, mouse)


@pytest.mark.slow
def test_real_trials_beat_the_published_fit(trials):
    """The published fit has an offset set for every trial: mean 0.561, 95th percentile 1.555 mm."""
    keypoints, body = trials
    clips = build(Settings(), body)(keypoints, quiet)
    error = clips.error_summary()
    assert error["mean"] < 0.49 and error["p95"] < 1.45
    assert clips.provenance["orientation"] == "model" and clips.provenance["converged"]
    assert clips.provenance["seconds"] < 60
    assert clips.provenance["clip_shift_mm_max"] < 2
    low, high = BodyModel.compile(body).joint_range.T
    assert (clips.qpos >= low).all() and (clips.qpos <= high).all()


@pytest.mark.slow
def test_a_shoulder_that_moves(trials, plugins):
    keypoints, _ = trials
    keypoints, body = match_keypoints(keypoints, plugins.get("body", "mouse_forelimb").make("mobile_shoulder"))
    clips = build(Settings(), body)(keypoints, quiet)
    assert clips.error_summary()["mean"] < 0.27
    model = BodyModel.compile(body)
    slides = [model.joint_qposadr[model.joint(f"scapula_{a}")] for a in "xyz"]
    assert 0.5e-3 < np.ptp(clips.qpos[..., slides], axis=1).max(-1).mean() < 4.5e-3
    assert max(clips.provenance["share_at_joint_limit"][f"scapula_{a}"] for a in "xyz") < 0.05


@pytest.mark.slow
def test_jumps_of_a_raw_recording(shared_data, plugins, mouse):
    keypoints = read_keypoints([shared_data / "reaches" / "raw_set1_reach02.csv"], plugins)
    keypoints, body = match_keypoints(keypoints, mouse)
    clips, followed = (build(Settings(outlier_ratio=r), body)(keypoints, quiet) for r in (20.0, 0.0))
    found = {(j["keypoint"], j["first"]) for j in clips.provenance["jumps"]}
    assert found and found <= {(k, f) for k in ("wrist", "paw", "elbow") for f in range(40, 98)}
    for name, frame in found:
        at = 0, frame, keypoints.names.index(name)
        assert clips.error_mm[at] > 1.1 * followed.error_mm[at]
    believed = clips.trust > 0.25
    assert clips.error_mm[believed].mean() < followed.error_mm[believed].mean()


@pytest.mark.slow
def test_a_rat_on_its_own_feet(shared_data, plugins):
    """Every 5th quarter second of a free-moving rat: one offset set, and no frame in a wrong posture."""
    pytest.importorskip("yaml")
    folder = shared_data / "rodent"
    keypoints = read_keypoints(
        [folder / "mocap_1000_frames.mat"], plugins, None, {"names": str(folder / "stac_model.yaml"), "rate_hz": 50.0}
    )
    body = make_body(plugins, "rodent", {"mjcf": str(folder / "rodent.xml")})
    keypoints, body = match_keypoints(keypoints, body)
    pos = keypoints.positions[0] * 1e-3
    parts = [pos[i : i + 25] for i in range(0, 1000, 125)]
    keypoints = Keypoints.from_clips(
        parts, names=keypoints.names, rate_hz=50.0, clip_names=[str(i) for i in range(len(parts))]
    )
    clips = build(Settings(), body)(keypoints, quiet)
    assert clips.error_summary()["mean"] < 1.0 and clips.error_mm.max() < 10
    held = build(Settings(tracking_mm=1.0), body)(keypoints, quiet)
    found = held.provenance["ground"]
    assert found["lowest_foot_mm"]["unaligned"]["p5"] > 4 and abs(found["lowest_foot_mm"]["aligned"]["p5"]) < 1e-6
    assert found["lowest_foot_mm"]["aligned"]["p50"] < 3 and len(found["feet_mm"]) == 4
    assert held.error_summary()["mean"] < 1.1 * clips.error_summary()["mean"]


@pytest.mark.slow
def test_another_labs_reaches(shared_data, plugins, mouse):
    """Their y is up and x forward; each file has its own origin, and the bones are half as long again."""
    for name, limit_mm in (("set1", 0.55), ("set4", 0.8)):
        keypoints = read_keypoints(sorted((shared_data / "reaches").glob(f"{name}_*.csv")), plugins)
        clips = build(Settings(), mouse)(match_keypoints(keypoints, mouse)[0], quiet)
        np.testing.assert_allclose(clips.alignment[0, :3, :3] * clips.body.scale, axes_matrix("zxy"), atol=1e-9)
        assert clips.error_summary()["mean"] < limit_mm


def made_reaches(plugins, mouse, seed):
    """Six reaches, tracked to 0.3 mm."""
    spec = plugins.get("generator", "reaches")
    make = spec.build(spec.config(clips=6, noise_mm=0.3, gap_share=0.0), BodyModel.compile(mouse), seed)
    return make.make()[0]


@pytest.mark.slow
@hypothesis.settings(max_examples=4, deadline=None)
@given(which=st.integers(0, 23), seed=st.integers(0, 10_000))
def test_exchanged_axes_are_found_again(plugins, mouse, which, seed):
    keypoints = made_reaches(plugins, mouse, seed)
    there = Rotation.create_group("O").as_matrix()[which]
    moved = attrs.evolve(keypoints, positions=keypoints.positions @ there.T)
    clips = build(Settings(), mouse)(moved, quiet)
    np.testing.assert_allclose(clips.alignment[0, :3, :3] * clips.body.scale, there.T, atol=1e-9)
    assert clips.body.scale == pytest.approx(1.0, abs=0.03) and clips.error_summary()["mean"] < 0.5


@pytest.mark.slow
@hypothesis.settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_axes_at_any_angle_fit_as_well(plugins, mouse, seed):
    """The shoulder turns every way, so that angles and axes are not told apart; distances show no difference."""
    keypoints = made_reaches(plugins, mouse, seed)
    there = Rotation.random(random_state=seed).as_matrix()
    moved = attrs.evolve(keypoints, positions=keypoints.positions @ there.T)
    mean_mm = [build(Settings(), mouse)(k, quiet).error_summary()["mean"] for k in (keypoints, moved)]
    assert mean_mm[1] < mean_mm[0] + 0.05


@pytest.mark.slow
def test_markers_elsewhere_do_not_turn_the_recording(mouse, truth):
    """Markers 1.5 to 2 mm beside the body's own places, without noise: the same axes, the offsets take it up."""
    keypoints, _ = truth
    elsewhere = {"shoulder": (0.001, 0.001, -0.0005), "elbow": (-0.0015, 0.001, 0.0), "wrist": (0.0, 0.0005, 0.0015)}
    names = keypoints.names
    spec = mouse.skeleton()
    for name, by in elsewhere.items():
        spec.site(mouse.keypoints[name]).pos += np.array(by)
    marked = attrs.evolve(mouse, mjcf=spec.to_xml())
    q = truth[1].qpos
    kin = KinematicTree(BodyModel.compile(marked))
    seen = attrs.evolve(
        keypoints, positions=np.stack([kin.pose(clip).sites(kin.site_pos) for clip in q])[:, :, : len(names)]
    )
    clips = build(Settings(), mouse)(seen, quiet)
    assert clips.provenance["orientation"] == "model"
    assert clips.error_mm.mean() < 0.15
