"""The registration analysis on clips whose faults are known."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest
from analysis_cases import analyse
from fake_plugins import mimic
from toys import clips_of

from mimic_core import Body, BodyModel, ConfigError, DataError
from mimic_core.chain import do
from mimic_core.records.clips import ReferenceClips
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_quality.measures import Measures, over_samples, runs, windows
from mimic_quality.overlay import chosen, scene, sides
from mimic_quality.settings import Settings

FREE = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <body name="trunk">
      <freejoint name="root"/>
      <geom type="box" size="0.02 0.01 0.01" mass="0.1"/>
      <site name="nose" pos="0.03 0 0"/>
      <body name="neck" pos="-0.02 0 0">
        <joint name="reach" type="slide" axis="0 0 1" limited="true" range="-0.01 0.02"/>
        <geom type="sphere" size="0.005" mass="0.01"/>
        <site name="tip" pos="0 0 0.01"/>
        <body name="bare" pos="-0.1 0 0">
          <joint name="swing" type="hinge" axis="0 1 0"/>
          <geom type="sphere" size="0.005" mass="0.01"/>
        </body>
      </body>
    </body>
  </worldbody>
</mujoco>
"""


def rows(table) -> list[dict]:
    return [dict(zip(table.columns, r, strict=True)) for r in table.rows]


def row(table, **where) -> dict:
    (found,) = (r for r in rows(table) if all(r[k] == v for k, v in where.items()))
    return found


def with_errors(clips: ReferenceClips, error_mm: np.ndarray, **changes) -> ReferenceClips:
    """The clips with tracked positions off along y by ``error_mm`` (clip, frame, keypoint); NaN is missing."""
    offset = np.stack([0 * error_mm, error_mm, 0 * error_mm], axis=-1) / (1e3 * clips.body.scale)
    return attrs.evolve(clips, tracked_pos=clips.site_pos + offset, error_mm=error_mm, **changes)


@pytest.fixture(scope="module")
def faulty(toy_clips):
    """Clip c is off by c + 1 mm. Of clip 1 the hand is missing in frames 5 to 9 and 20; in clip 2 it jumps by 30 mm in
    frames 8 and 9; in clip 3 the elbow is worst in frame 7."""
    names, inside = toy_clips.keypoint_names, np.isfinite(toy_clips.error_mm)
    error = np.where(inside, np.arange(1.0, 7.0)[:, None, None], np.nan)
    trust, hand = inside.astype(float), names.index("hand")
    for frames in (slice(5, 10), 20):
        error[1, frames, hand], trust[1, frames, hand] = np.nan, 0.0
    error[2, 8:10, hand], trust[2, 8:10, hand] = 30.0, 0.05
    error[3, 7, names.index("elbow")] = 9.0
    body = attrs.evolve(toy_clips.body, scale=2.0)
    return with_errors(attrs.evolve(toy_clips, body=body), error, trust=trust)


@pytest.fixture(scope="module")
def result(faulty):
    return analyse("registration", clips=faulty)


@pytest.fixture(scope="module")
def free_clips():
    """A body with a free root that turns and moves, and a slide that reaches its upper limit; scale 2."""
    body = Body(name="free", mjcf=FREE, keypoints={"nose": "nose", "tip": "tip"}, scale=2.0)
    model, n = BodyModel.compile(body), 20
    moves = []
    for heading in (0.0, 1.2):
        q = np.tile(model.mj_model.qpos0, (n, 1))
        root, turn = q[:, :3], q[:, 3:7]
        root[:, 0] = np.linspace(0, 0.1, n)
        turn[:, 0], turn[:, 3] = np.cos(heading / 2), np.sin(heading / 2)
        q[:, model.joint_qposadr[model.joint("reach")]] = np.minimum(np.linspace(0, 0.04, n), 0.02)
        moves.append(q)
    clips = clips_of(model, moves, rate_hz=50.0)
    speed = np.zeros_like(clips.qvel)
    speed[..., model.joint_dofadr[model.joint("reach")]] = 0.1
    return attrs.evolve(clips, qvel=speed)


# -- tables ---------------------------------------------------------------------------------------------------


def test_keypoint_errors_leave_jumps_out(faulty, result):
    table = result.tables["keypoint_error"]
    # 40 frames a clip (50 the last), off by 1 to 6 mm; hand misses 6 frames of clip 1 and jumps in 2 of clip 2
    hand = row(table, keypoint="hand")
    count = np.array([40, 34, 38, 40, 40, 50])
    assert hand["mean (mm)"] == pytest.approx((count * np.arange(1, 7)).sum() / count.sum())
    assert hand["max (mm)"] == 6
    assert (hand["missing (%)"], hand["jumps (%)"]) == pytest.approx((100 * 6 / 250, 100 * 2 / 250))
    assert row(table, keypoint="elbow")["max (mm)"] == 9
    assert row(table, keypoint="all")["max (mm)"] == 9
    assert row(table, keypoint="all, with jumps")["max (mm)"] == 30
    assert result.metrics["error_mm"] == faulty.error_summary()  # what `mimic register` says
    assert result.metrics["error_without_jumps_mm"]["max"] == 9
    assert result.metrics["jump_share"]["hand"] == pytest.approx(2 / 250)


def test_null_model_and_what_was_fitted_stand_beside_the_error(faulty, result):
    free = {"joint angles": 500, "offsets of keypoints": 9, "shift of each clip": 18}
    mean_pose = {"mean": 2.5, "per_keypoint": {"shoulder": 1.0, "elbow": 2.0, "hand": 4.5}}
    told = attrs.evolve(faulty, provenance={"free_parameters": free, "mean_pose_error_mm": mean_pose})
    found = analyse("registration", clips=told)
    assert rows(found.tables["free_parameters"]) == [{"fitted": k, "numbers": n} for k, n in free.items()]
    (headline,) = found.headlines
    assert headline.value == found.metrics["error_without_jumps_mm"]["mean"]
    assert headline.nulls == {"body held in its mean pose": 2.5} and headline.unbeaten == tuple(headline.nulls)
    assert headline.note.endswith("each clip has numbers of its own (shift of each clip 18)")
    table = found.tables["keypoint_error"]
    assert (row(table, keypoint="hand")["mean pose (mm)"], row(table, keypoint="all")["mean pose (mm)"]) == (4.5, 2.5)
    assert "free_parameters" not in result.tables  # clips whose registration says nothing of it
    assert result.headlines[0].nulls == {"body held in its mean pose": None}


def test_registrations_without_trust_have_no_jumps(faulty):
    result = analyse("registration", clips=attrs.evolve(faulty, trust=None, provenance={}))
    assert "jumps" not in result.tables
    assert row(result.tables["keypoint_error"], keypoint="all")["max (mm)"] == 30
    assert result.metrics["registration"] == {}


def test_jumps_are_listed_by_frames(result):
    assert rows(result.tables["jumps"]) == [
        {
            "clip": "clip_2",
            "keypoint": "hand",
            "first frame": 8,
            "last frame": 9,
            "time (ms)": 40.0,
            "largest error (mm)": 30.0,
        }
    ]


def test_clips_have_gaps_and_jumps(result):
    table = result.tables["clips"]
    clip = row(table, clip="clip_1")
    assert (clip["gaps"], clip["max gap (ms)"], clip["jumps"]) == (2, 25.0, 0)
    assert row(table, clip="clip_2")["jumps"] == 1
    assert [r["clip"] for r in rows(table)] == [f"clip_{c}" for c in (5, 4, 3, 2, 1, 0)]
    assert row(table, clip="clip_3")["mean (mm)"] == pytest.approx(4 + 5 / 120)


def test_shift_is_the_distance_to_the_median_alignment(toy_clips):
    alignment = toy_clips.alignment.copy()
    alignment[2, :3, 3] = (0.003, 0.004, 0.0)
    clips = attrs.evolve(toy_clips, alignment=alignment, body=attrs.evolve(toy_clips.body, scale=2.0))
    assert Measures(clips, Settings()).shift_mm() == pytest.approx([0, 0, 10, 0, 0, 0])


def test_worst_frames_are_one_for_each_clip_and_keypoint(result):
    first, second, *_ = rows(result.tables["worst_frames"])
    assert first == {"clip": "clip_3", "frame": 7, "time (ms)": 35.0, "keypoint": "elbow", "error (mm)": 9.0}
    assert (second["clip"], second["error (mm)"]) == ("clip_5", 6.0)
    assert len(result.tables["worst_frames"].rows) == 10
    assert result.metrics["worst_frames"][0]["time_ms"] == 35.0


def test_joints_at_their_limits(toy_clips, toy_model):
    at = toy_model.joint_qposadr[toy_model.joint("elbow")]
    low, high = toy_model.joint_range[toy_model.joint("elbow")]
    qpos = toy_clips.qpos.copy()
    qpos[..., at] = np.where(np.isfinite(qpos[..., at]), 0.5 * (low + high), np.nan)
    qpos[0, :10, at], qpos[1, :30, at] = low, high
    result = analyse("registration", clips=attrs.evolve(toy_clips, qpos=qpos))
    elbow = rows(result.tables["joints"])[0]  # the most limited first
    assert (elbow["joint"], elbow["unit"]) == ("elbow", "deg")
    assert [elbow[k] for k in ("min", "max", "lower limit", "upper limit")] == pytest.approx([-80, 10, -80, 10])
    assert [elbow[k] for k in ("at lower (%)", "at upper (%)")] == pytest.approx([4.0, 12.0])
    assert elbow["top speed (/s)"] == pytest.approx(
        np.rad2deg(np.nanmax(np.abs(toy_clips.qvel[..., toy_model.joint_dofadr[toy_model.joint("elbow")]])))
    )
    assert result.metrics["share_at_upper_limit"] == pytest.approx({"shoulder": 0, "elbow": 0.12})


def test_slides_are_millimetres_of_the_animal(free_clips):
    result = analyse("registration", clips=free_clips)
    slide = row(result.tables["joints"], joint="reach")
    assert slide["unit"] == "mm"
    assert [slide[k] for k in ("min", "max", "lower limit", "upper limit")] == pytest.approx([0, 40, -20, 40])
    assert slide["top speed (/s)"] == pytest.approx(200)
    assert slide["at upper (%)"] == pytest.approx(50)
    swing = row(result.tables["joints"], joint="swing")
    assert (swing["lower limit"], swing["upper limit"], swing["at lower (%)"]) == (None, None, 0)


def test_offsets_are_measured_from_the_skeletons_own_place(toy_clips):
    body = attrs.evolve(toy_clips.body, scale=2.0, keypoint_spread=0.002, keypoint_pos={"hand": (0.01, 0.003, 0.0)})
    result = analyse("registration", clips=attrs.evolve(toy_clips, body=body))
    table = result.tables["offsets"]
    hand = row(table, keypoint="hand")
    assert (hand["moved (mm)"], hand["expected (mm)"], hand["beyond"]) == (pytest.approx(6.0), 4.0, "yes")
    assert row(table, keypoint="elbow")["moved (mm)"] == 0 and row(table, keypoint="elbow")["beyond"] == "no"
    assert result.metrics["offset_beyond_spread"] == ["hand"]


def test_segments_other_than_the_scale(toy_clips):
    body = attrs.evolve(toy_clips.body, scale=1.5, segment_scale={"upper": 1.0, "lower": 1.2})
    result = analyse("registration", clips=attrs.evolve(toy_clips, body=body))
    assert result.tables["segments"].rows == (("lower", 1.2, pytest.approx(1.8)),)
    # the keypoint is carried along by the longer segment: that is no offset
    assert row(result.tables["offsets"], keypoint="hand")["moved (mm)"] == 0


# -- figures --------------------------------------------------------------------------------------------------


def test_curve_is_mean_and_band_over_clips(faulty, result):
    hand = result.figures["error_over_time"].axes[faulty.keypoint_names.index("hand")]
    assert hand.get_title(loc="left") == "hand"
    line = hand.lines[0]
    assert len(line.get_xdata()) == 40 and line.get_xdata()[1] == pytest.approx(5.0)
    assert line.get_ydata()[0] == pytest.approx(3.5)
    assert line.get_ydata()[5] == pytest.approx(np.mean([1, 3, 4, 5, 6]))  # clip 1 misses it
    assert line.get_ydata()[8] == pytest.approx(np.mean([1, 4, 5, 6]))  # clip 2 jumps as well
    band = hand.collections[0].get_paths()[0].vertices
    at_start = band[np.isclose(band[:, 0], 0), 1]
    assert (at_start.min(), at_start.max()) == pytest.approx(tuple(np.percentile(np.arange(1, 7), (5, 95))))


def test_joint_figure_draws_chosen_clips_and_limits(toy_clips, toy_model):
    qpos = toy_clips.qpos.copy()
    angles = {"elbow": np.linspace(-60, 0, 40), "shoulder": np.linspace(40, 50, 40)}
    for joint, deg in angles.items():
        qpos[4, :40, toy_model.joint_qposadr[toy_model.joint(joint)]] = np.deg2rad(deg)
    result = analyse("registration", Settings(show=("clip_4",)), clips=attrs.evolve(toy_clips, qpos=qpos))
    axes = {ax.get_title(loc="left"): ax for ax in result.figures["joint_angles"].axes}
    curve, low, high = (line.get_ydata() for line in axes["elbow (deg)"].lines)
    np.testing.assert_allclose(curve, angles["elbow"])
    assert (low[0], high[0]) == pytest.approx((-80, 10))
    _, high = (line.get_ydata() for line in axes["shoulder (deg)"].lines)  # the lower limit is 100 deg away
    assert high[0] == pytest.approx(60)


def test_median_and_worst_clip_are_shown(faulty):
    m = Measures(faulty, Settings())
    assert m.shown() == {"median clip": 2, "worst clip": 5}
    titles = [title for title, *_ in chosen(m, m.shown())]
    assert len(titles) == 8 and titles[-2].startswith("worst: elbow 9.00 mm\nclip_3, 35 ms")


def test_frames_show_body_and_keypoints_in_millimetres(faulty):
    s = scene(Measures(faulty, Settings()), "", 2, 8)
    np.testing.assert_allclose(s.stalks[:, 1], 2e3 * faulty.site_pos[2, 8], atol=1e-9)
    np.testing.assert_allclose(s.tracked, 2e3 * faulty.tracked_pos[2, 8])
    assert dict(zip(faulty.keypoint_names, s.jumped, strict=True)) == {"shoulder": False, "elbow": False, "hand": True}
    # the jump does not decide what is in view: 30 mm to the side of a planar arm
    assert np.abs(s.points()[:, 1]).max() < 10
    assert sides(np.array([1.0, 3.0, 2.0])) == [(1, 2), (0, 1)]


def test_a_free_body_is_drawn_with_one_heading_and_without_bare_segments(free_clips):
    m = Measures(free_clips, Settings())
    one, other = scene(m, "", 0, 5), scene(m, "", 1, 5)
    np.testing.assert_allclose(one.stalks, other.stalks, atol=1e-9)
    np.testing.assert_allclose(one.stalks[0], [[0, 0, 0], [60, 0, 0]], atol=1e-9)
    assert len(one.links) == 1
    x, _, _, yaw, pitch, roll = analyse("registration", clips=free_clips).figures["root"].axes
    assert (x.get_title(loc="left"), yaw.get_title(loc="left")) == ("x (mm)", "yaw (deg)")
    assert x.lines[0].get_ydata()[-1] == pytest.approx(200)
    np.testing.assert_allclose(yaw.lines[1].get_ydata(), np.rad2deg(1.2))
    np.testing.assert_allclose([pitch.lines[1].get_ydata(), roll.lines[1].get_ydata()], 0, atol=1e-9)


def test_long_recordings_are_drawn_in_windows():
    values = np.array([[1.0, 3.0, np.nan, np.nan, 7.0], [5.0, 7.0, np.nan, np.nan, np.nan]])
    mean, low, high = over_samples(windows(values, 2), 0, 100)
    np.testing.assert_array_equal(mean, [4, np.nan, 7])
    np.testing.assert_array_equal(low, [1, np.nan, 7])
    np.testing.assert_array_equal(high, [7, np.nan, 7])


def test_runs():
    assert runs(np.array([True, False, True, True])) == [(0, 0), (2, 3)]
    assert runs(np.zeros(3, bool)) == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("missing", [pytest.param(False, marks=pytest.mark.slow), True])
def test_short_clips_and_missing_keypoints_and_clips(toy_model, toy_clips, tmp_path, missing):
    clips = clips_of(toy_model, [toy_clips.qpos[0, :4], toy_clips.qpos[1, :2]] if missing else [toy_clips.qpos[0, :4]])
    error = np.where(np.isfinite(clips.error_mm), 0.0, np.nan)
    if missing:
        error[..., clips.keypoint_names.index("elbow")] = error[1:] = np.nan
    result = analyse("registration", clips=with_errors(clips, error))
    result.save(tmp_path)
    assert {p.stem for p in tmp_path.glob("*.png")} == set(result.figures) == set(result.captions)
    assert {"keypoint_error", "joints", "offsets", "clips"} <= {p.stem for p in tmp_path.glob("*.csv")}
    json.loads((tmp_path / "metrics.json").read_text())


# -- the command ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_reads_clips(faulty, tmp_path):
    file = faulty.save(tmp_path / "clips.h5")
    done = mimic("analyze", "registration", file, "--out", tmp_path / "q", "--set", "worst_frames=2")
    assert done.returncode == 0, done.stderr
    assert "Distance of tracked keypoints" in done.stdout and "clip_3" in done.stdout
    assert len((tmp_path / "q" / "worst_frames.csv").read_text().splitlines()) == 3
    assert json.loads((tmp_path / "q" / "metrics.json").read_text())["clips"] == 6


def test_clips_and_rollouts_are_not_mixed_up(plugins, toy_clips, tmp_path):
    clips = toy_clips.save(tmp_path / "clips.h5")
    rollouts = synthetic_rollouts((30,)).save(tmp_path / "rollouts.h5")
    with pytest.raises(DataError) as e:
        do(plugins, "analyze", analysis="tracking", records=[clips], out=tmp_path / "a")
    said = str(e.value)
    assert said.startswith(f"{clips}: holds clips, but analyze.tracking reads rollouts; for clips there is ")
    assert "'mimic analyze inverse | registration'" in said and said.endswith("rollouts are made by 'mimic rollout'")
    with pytest.raises(DataError, match=r"holds rollouts, but analyze.registration reads clips.*'mimic register'$"):
        do(plugins, "analyze", analysis="registration", records=[rollouts], out=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_unknown_clip(toy_clips):
    with pytest.raises(
        ConfigError, match=r"analyze\.registration\.show: no clip 'clip_9' in these clips; did you mean"
    ):
        analyse("registration", Settings(show=("clip_9",)), clips=toy_clips)


def test_plugin_is_installed(plugins):
    assert [r.kind for r in plugins.get("analysis", "registration").reads] == ["clips"]


@pytest.mark.slow
def test_real_reaches(plugins, shared_data, tmp_path):
    """The numbers are those that the registration itself reports."""
    files = sorted((shared_data / "mouse_reach").glob("*_ik.h5"))[:1]
    said = do(plugins, "register", files=files, body="mouse_forelimb", out=tmp_path / "clips.h5")
    found = analyse("registration", clips=ReferenceClips.load(tmp_path / "clips.h5")).metrics
    assert found["error_mm"] == said["error_mm"] and found["frames"] == 100
    assert found["offset_moved_mm"] == pytest.approx(said["details"]["offset_moved_mm"], rel=1e-6)
