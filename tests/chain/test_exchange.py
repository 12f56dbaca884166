"""Files of other programs: STAC-MJX fits written and read, and one line for what cannot be."""

from __future__ import annotations

import json
from types import SimpleNamespace

import attrs
import h5py
import mujoco
import numpy as np
import pytest
import yaml
from fake_plugins import mimic
from toys import clips_of, make_clips

import mimic_mouse_forelimb
import mimic_stages
from mimic_core import Body, BodyModel, ConfigError, DataError, FormatSpec, PluginError, hookimpl
from mimic_core.chain import HOOKS, do
from mimic_core.chain.loading import LoadedPlugins
from mimic_core.records.clips import ReferenceClips
from mimic_core.testing import synthetic_rollouts, toy_body
from mimic_kinematics.rates import velocity

RUNNER = Body(
    name="runner",
    keypoints={"nose": "nose", "tail": "tail"},
    mjcf="""
    <mujoco><worldbody><body name="trunk"><freejoint name="root"/><geom size="0.1"/><site name="nose" pos="0.1 0 0"/>
    <body name="neck"><joint name="stretch" type="slide" axis="1 0 0"/><geom size="0.01"/>
    <body name="back"><joint name="bend" axis="0 1 0"/><geom size="0.1"/><site name="tail" pos="-0.2 0 0.01"/></body>
    </body></body></worldbody></mujoco>""",
)


@pytest.fixture(scope="module")
def stac_mjx(plugins):
    """``stac_mjx(**settings)`` builds the format."""
    spec = plugins.get("format", "stac_mjx")
    return lambda **settings: spec.build(spec.config(**settings))


@pytest.fixture(scope="module")
def running():
    """Two clips of a body with a free root, a slide and a hinge, at 100 Hz."""
    model = BodyModel.compile(RUNNER)
    rng = np.random.default_rng(3)
    time = np.arange(12)[:, None] / 100
    clips = []
    for _ in range(2):
        q = 0.1 * np.sin(2 * np.pi * time * rng.uniform(1, 3, (1, model.mj_model.nq)) + rng.uniform(0, 6, (1, 9)))
        q[:, 3:7] += rng.normal(size=4)
        q[:, 3:7] /= np.linalg.norm(q[:, 3:7], axis=1, keepdims=True)
        clips.append(q)
    made = clips_of(model, clips, rate_hz=100.0, names=("run", "turn"))
    tracked = made.site_pos + rng.normal(0, 0.002, made.site_pos.shape)
    qvel = np.stack([velocity(q, model, 100.0) for q in clips])
    return attrs.evolve(made, qvel=qvel, tracked_pos=tracked, error_mm=distance_mm(tracked, made.site_pos))


@pytest.fixture
def trials(shared_data):
    return sorted((shared_data / "mouse_reach").glob("*_ik.h5"))


def distance_mm(a, b):
    return 1000 * np.linalg.norm(a - b, axis=-1)


def published(path):
    with h5py.File(path) as f:
        return {key: f[key][()] for key in f}


def rewritten(source, target, **changes):
    """A copy of a file with some of its datasets changed, or left out where the change is None."""
    with h5py.File(target, "w") as f:
        for key, a in {**published(source), **changes}.items():
            if a is not None:
                f[key] = a
    return target


# -- there and back -------------------------------------------------------------------------------------------


def test_a_body_with_a_free_root_comes_back(tmp_path, stac_mjx, running):
    stac_mjx().write(running, tmp_path / "fit.h5")
    again = stac_mjx().read([tmp_path / "fit.h5"], RUNNER)
    for name in ("qpos", "qvel", "site_pos", "tracked_pos", "error_mm"):
        np.testing.assert_allclose(getattr(again, name), getattr(running, name), rtol=0, atol=1e-9, err_msg=name)
    for name in ("rate_hz", "clip_names", "joint_names", "keypoint_names"):
        assert getattr(again, name) == getattr(running, name), name
    np.testing.assert_array_equal(again.alignment, np.tile(np.eye(4), (2, 1, 1)))
    assert again.body.keypoint_pos["tail"] == pytest.approx((-0.2, 0, 0.01), abs=1e-9)


def test_the_animals_size_comes_back(tmp_path, stac_mjx, toy_clips):
    """Positions stay at the model's size, errors are of the animal."""
    body = attrs.evolve(toy_clips.body, scale=1.5, keypoint_pos={"hand": (0.011, 0.001, 0.0)})
    model = BodyModel.compile(body)
    clips = make_clips(model)
    clips = attrs.evolve(clips, tracked_pos=clips.site_pos + np.array([0.0, 0.002, 0.0]))
    stac_mjx().write(clips, tmp_path / "fit.h5")
    again = stac_mjx().read([tmp_path / "fit.h5"], toy_body())
    assert again.body.scale == 1.5
    assert again.body.keypoint_pos["hand"] == pytest.approx((0.011, 0.001, 0.0), abs=1e-12)
    np.testing.assert_allclose(again.site_pos, clips.site_pos, atol=1e-12)
    np.testing.assert_allclose(again.error_mm, 1.5 * 2.0, atol=1e-9)


def test_real_reaches_come_back(tmp_path, stac_mjx, plugins, trials):
    body = plugins.get("body", "mouse_forelimb").make("paper")
    first = stac_mjx().read(trials, body)
    stac_mjx().write(first, tmp_path / "fit.h5")
    again = stac_mjx().read([tmp_path / "fit.h5"], body)
    for name in ("qpos", "qvel", "site_pos", "tracked_pos", "error_mm"):
        np.testing.assert_allclose(getattr(again, name), getattr(first, name), rtol=0, atol=1e-9, err_msg=name)
    assert again.clip_names == first.clip_names == tuple(t.stem for t in trials)


def test_shorter_clips_are_padded_only_on_demand(tmp_path, stac_mjx, toy_clips):
    with pytest.raises(DataError, match=r"40 to 50 frames.*--set lengths=pad"):
        stac_mjx().write(toy_clips, tmp_path / "fit.h5")
    stac_mjx(lengths="pad").write(toy_clips, tmp_path / "fit.h5")
    file = published(tmp_path / "fit.h5")
    qpos, qvel = (file[key].reshape(6, 50, -1) for key in ("qpos", "qvel"))
    np.testing.assert_array_equal(qpos[0, 40:], np.tile(toy_clips.qpos[0, 39], (10, 1)))
    assert not qvel[0, 40:].any() and qvel[0, 39].any()
    again = stac_mjx().read([tmp_path / "fit.h5"], toy_body())
    assert again.n_frames.tolist() == [40, 40, 40, 40, 40, 50]
    np.testing.assert_allclose(again.qpos, toy_clips.qpos, atol=1e-12)  # NaN past the end
    assert np.isnan(again.qvel[0, 40:]).all()


# -- what is written ------------------------------------------------------------------------------------------


def test_written_file_is_laid_out_as_the_published_ones(tmp_path, stac_mjx, plugins, trials):
    """Every dataset of STAC-MJX's own file, of the same kind and, but for the names, the same shape."""
    body = plugins.get("body", "mouse_forelimb").make("paper")
    stac_mjx().write(stac_mjx().read(trials[:3], body), tmp_path / "fit.h5")
    ours, theirs = published(tmp_path / "fit.h5"), published(trials[0])
    bodies = len(ours["names_xpos"])
    assert set(theirs) <= set(ours)
    for key, a in theirs.items():
        assert ours[key].dtype.kind == a.dtype.kind, key
    rows = {key: (300, *theirs[key].shape[1:]) for key in ("qpos", "qvel", "kp_data", "marker_sites")}
    rows |= {"xpos": (300, bodies, 3), "xquat": (300, bodies, 4), "offsets": (3, 3), "kp_names": (3,)}
    assert {key: ours[key].shape for key in rows} == rows
    config = yaml.safe_load(ours["config"])
    assert config["stac"]["n_frames_per_clip"] == 100 and config["stac"]["num_clips"] == 3
    assert config["model"]["KEYPOINT_MODEL_PAIRS"]["wrist"] == "wrist_body"
    assert ours["rate_hz"] == 200.0


def test_segments_are_where_the_published_fit_has_them(tmp_path, stac_mjx, plugins, trials):
    """STAC-MJX's own forward kinematics (float32) of the segments that both skeletons have."""
    body = plugins.get("body", "mouse_forelimb").make("paper")
    stac_mjx().write(stac_mjx().read(trials[:1], body), tmp_path / "fit.h5")
    ours, theirs = published(tmp_path / "fit.h5"), published(trials[0])
    for segment in (b"scapula", b"humerus", b"ulna", b"radius"):
        a, b = (list(file["names_xpos"]).index(segment) for file in (ours, theirs))
        np.testing.assert_allclose(ours["xpos"][:, a], theirs["xpos"][:, b], atol=2e-8)
        np.testing.assert_allclose(ours["xquat"][:, a], theirs["xquat"][:, b], atol=2e-6)


# -- what is read ---------------------------------------------------------------------------------------------


def test_published_error_of_fits_with_offsets_of_their_own(stac_mjx, plugins, trials):
    """Published: mean 0.561, median 0.431, 95th percentile 1.555 mm; keypoints 0.832, 0.542, 0.309 mm."""
    body = plugins.get("body", "mouse_forelimb").make("paper")
    own = np.concatenate([stac_mjx().read([t], body).error_mm for t in trials])
    assert own.mean() == pytest.approx(0.561, abs=5e-4)
    assert np.median(own) == pytest.approx(0.431, abs=5e-4)
    assert np.percentile(own, 95) == pytest.approx(1.555, abs=5e-4)
    assert own.mean((0, 1)) == pytest.approx([0.832, 0.542, 0.309], abs=5e-4)
    together = stac_mjx().read(trials, body)
    assert together.provenance["fitted_error_mm"]["mean"] == pytest.approx(own.mean(), abs=1e-6)
    assert own.mean() < together.error_summary()["mean"] < 0.75  # one set of positions for all of them
    assert together.provenance["renamed_joints"] == {"elbow_joint": "elbow"}
    assert together.provenance["offset_spread_mm"]["wrist"] > 1.0


def test_velocities_are_of_the_cameras_rate(stac_mjx, plugins, trials):
    """The published ones are differences over the model's time step, cut off at 20 rad/s."""
    body = plugins.get("body", "mouse_forelimb").make("paper")
    clips = stac_mjx().read(trials[:1], body)
    assert np.abs(published(trials[0])["qvel"]).max() == 20
    elbow = clips.joint_names.index("elbow")
    steps = np.gradient(clips.qpos[0, :, elbow], 1 / 200)
    assert np.corrcoef(clips.qvel[0, :, elbow], steps)[0, 1] > 0.98
    assert np.std(clips.qvel[0, :, elbow]) == pytest.approx(np.std(steps), rel=0.1)
    slower = stac_mjx(rate_hz=100).read(trials[:1], body)
    np.testing.assert_allclose(slower.qvel, clips.qvel / 2, atol=1e-12)


def test_joints_in_another_order_and_at_another_scale(tmp_path, stac_mjx, running):
    """A skeleton that STAC-MJX made twice as large, its joints listed the other way round."""
    stac_mjx().write(running, tmp_path / "one.h5")
    one = published(tmp_path / "one.h5")
    root, stretch, bend = slice(0, 7), slice(7, 8), slice(8, 9)
    metres = np.array([2.0, 2, 2, 1, 1, 1, 1, 2, 1])
    order = np.r_[bend, root, stretch]
    config = yaml.safe_load(one["config"])
    config["model"]["SCALE_FACTOR"] = 2.0
    rewritten(
        tmp_path / "one.h5",
        tmp_path / "two.h5",
        qpos=(one["qpos"] * metres)[:, order],
        names_qpos=one["names_qpos"][order],
        kp_data=2 * one["kp_data"],
        marker_sites=2 * one["marker_sites"],
        config=np.bytes_(yaml.safe_dump(config)),
    )
    again = stac_mjx().read([tmp_path / "two.h5"], RUNNER)
    np.testing.assert_allclose(again.qpos, running.qpos, atol=1e-9)
    np.testing.assert_allclose(again.site_pos, running.site_pos, atol=1e-9)
    np.testing.assert_allclose(again.error_mm, 2 * running.error_mm, atol=1e-9)
    assert again.body.scale == 2.0
    np.testing.assert_array_equal(again.alignment[0], np.diag([0.5, 0.5, 0.5, 1]))
    with pytest.raises(DataError, match=r"two\.h5: was fitted to a skeleton of another size than one\.h5"):
        stac_mjx().read([tmp_path / "one.h5", tmp_path / "two.h5"], RUNNER)


def test_clips_of_a_file_without_names(tmp_path, stac_mjx, running):
    """As STAC-MJX writes it: lengths of clips in the settings, or one piece if the recording was continuous."""
    stac_mjx().write(running, tmp_path / "own.h5")
    bare = dict.fromkeys(("rate_hz", "clip_names", "clip_frames", "body"))
    fit = rewritten(tmp_path / "own.h5", tmp_path / "fit.h5", **bare)
    clips = stac_mjx(rate_hz=100).read([fit], RUNNER)
    assert clips.clip_names == ("fit_0", "fit_1") and clips.n_frames.tolist() == [12, 12]
    with pytest.raises(DataError, match=r"does not hold the camera's rate; give it with --set rate_hz=RATE"):
        stac_mjx().read([fit], RUNNER)
    assert stac_mjx(rate_hz=100, clip_frames=8).read([fit], RUNNER).n_frames.tolist() == [8, 8, 8]
    config = yaml.safe_load(published(fit)["config"])
    config["stac"]["continuous"] = True
    whole = rewritten(fit, tmp_path / "whole.h5", config=np.bytes_(yaml.safe_dump(config)))
    assert stac_mjx(rate_hz=100).read([whole], RUNNER).n_frames.tolist() == [24]


def test_velocity_of_known_movements():
    """A hinge and a slide as sines; a root that flies straight and turns evenly about its own z axis."""
    model = BodyModel.compile(RUNNER)
    time = np.arange(50) / 200
    q = np.zeros((50, 9))
    q[:, 0] = 0.3 * time
    q[:, 3], q[:, 6] = np.cos(2 * time), np.sin(2 * time)  # a half angle of 2 rad/s
    q[:, 7], q[:, 8] = 0.01 * np.sin(10 * time), np.cos(10 * time)
    v = velocity(q, model, 200.0)
    np.testing.assert_allclose(v[:, :6], np.tile([0.3, 0, 0, 0, 0, 4.0], (50, 1)), atol=1e-9)
    np.testing.assert_allclose(v[:, 6], 0.1 * np.cos(10 * time), atol=1e-5)
    np.testing.assert_allclose(v[:, 7], -10 * np.sin(10 * time), atol=1e-3)
    np.testing.assert_array_equal(velocity(q[:1], model, 200.0), np.zeros((1, 8)))


def test_angular_velocity_is_as_mujoco_has_it(running):
    """In the root's own frame: close to MuJoCo's own difference between the frames before and after."""
    model = BodyModel.compile(RUNNER)
    q, v = running.qpos[0], running.qvel[0]
    between = np.empty(model.mj_model.nv)
    for i in range(1, len(q) - 1):
        mujoco.mj_differentiatePos(model.mj_model, between, 0.02, q[i - 1], q[i + 1])
        np.testing.assert_allclose(v[i], between, atol=0.05)


def test_a_keypoint_fitted_on_another_segment_is_put_there(tmp_path, stac_mjx):
    """The fit has the elbow on the lower arm, a millimetre off the axis; the body has it on the upper arm."""
    fitted = attrs.evolve(
        toy_body(),
        mjcf=toy_body().mjcf.replace(
            '<site name="hand"', '<site name="elbow_below" pos="0.001 0 0.0005"/><site name="hand"'
        ),
    )
    fitted = attrs.evolve(fitted, keypoints={**fitted.keypoints, "elbow": "elbow_below"})
    clips = make_clips(BodyModel.compile(fitted))
    stac_mjx().write(clips, tmp_path / "fit.h5")
    again = stac_mjx().read([tmp_path / "fit.h5"], toy_body())
    assert again.provenance["keypoints_on_other_segments"] == {"elbow": "lower"}
    assert again.body.keypoint_pos["elbow"] == pytest.approx((0.001, 0, 0.0005), abs=1e-9)
    model = BodyModel.compile(again.body)
    np.testing.assert_allclose(clips_of(model, list(again.qpos)).site_pos, clips.site_pos, atol=1e-9)
    assert again.body.muscles == toy_body().muscles


# -- what cannot be read --------------------------------------------------------------------------------------


BAD = {
    "no joints": ({"names_qpos": None}, r"has no dataset 'names_qpos'.*_ik\.h5"),
    "text": ({"qpos": np.array([[b"x"] * 9] * 24)}, "qpos holds .S1, expected numbers"),
    "names and columns": ({"kp_names": np.array([b"nose"])}, r"kp_data has shape \(24, 6\), expected \(24, 3\)"),
    "rows": ({"marker_sites": np.zeros((23, 2, 3))}, r"marker_sites has shape \(23, 2, 3\), expected \(24, 2, 3\)"),
    "gaps": ({"qpos": np.full((24, 9), np.nan)}, "has gaps; fit it again"),
    "lengths": ({"clip_frames": np.array([12, 12, 12])}, r"24 frames are not a whole number of clips of 12.*--set"),
    "settings": ({"config": np.bytes_("a: [")}, "its dataset 'config': not valid YAML"),
    "joints": (
        {"names_qpos": np.array([b"root"] * 7 + [b"stretch", b"twist"])},
        "its joints are not those of body runner: it has twist besides, and lacks bend; .*--set joints.FILE=BODY",
    ),
    "keypoints": ({"kp_names": np.array([b"ear", b"eye"])}, "has keypoints ear, eye, but body runner needs"),
    "skeleton": (
        {"marker_sites": np.random.default_rng(0).normal(size=(24, 2, 3))},
        r"moves by .* mm on \w+ of body runner, expected at most 0\.1: .*another skeleton",
    ),
}


@pytest.mark.parametrize(("changes", "said"), BAD.values(), ids=BAD)
def test_bad_file(tmp_path, stac_mjx, running, changes, said):
    stac_mjx().write(running, tmp_path / "good.h5")
    bad = rewritten(tmp_path / "good.h5", tmp_path / "bad.h5", **changes)
    with pytest.raises(DataError, match=said) as e:
        stac_mjx().read([bad], RUNNER)
    assert str(e.value).startswith(str(bad)) and "\n" not in str(e.value)


def test_a_joint_may_be_named(tmp_path, stac_mjx, running):
    stac_mjx().write(running, tmp_path / "good.h5")
    names = np.array([b"root"] * 7 + [b"stretch", b"twist"])
    other = rewritten(tmp_path / "good.h5", tmp_path / "other.h5", names_qpos=names)
    again = stac_mjx(joints={"twist": "bend"}).read([other], RUNNER)
    np.testing.assert_allclose(again.qpos, running.qpos, atol=1e-9)
    assert again.provenance["renamed_joints"] == {"twist": "bend"}


# -- the commands ---------------------------------------------------------------------------------------------


def test_commands_speak_json_and_tell_plugins(tmp_path, running):
    running.save(tmp_path / "clips.h5")
    listener = tmp_path / "listen.py"
    listener.write_text(
        "import sys\nfrom mimic_core import Body, BodySpec, hookimpl\n"
        f"BODY = Body(name='runner', keypoints={dict(RUNNER.keypoints)}, mjcf={RUNNER.mjcf!r})\n"
        "@hookimpl\ndef mimic_bodies():\n    yield BodySpec(name='runner', build=lambda c, v: BODY)\n"
        "@hookimpl\ndef mimic_stage_started(stage):\n    print('began', stage, file=sys.stderr)\n"
        "@hookimpl\ndef mimic_stage_finished(stage):\n    print('ended', stage, file=sys.stderr)\n"
    )
    done = mimic("export", "stac_mjx", "clips.h5", "--out", "fit.h5", "--json", "--set", "lengths=pad", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["out"], said["format"], said["clips"], said["rate_hz"]) == ("fit.h5", "stac_mjx", 2, 100.0)
    command = ("--plugin", listener, "import", "stac_mjx", "fit.h5", "--body", "runner", "--out", "again.h5", "--json")
    done = mimic(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["clips"], said["frames"], said["keypoints"]) == (2, 24, ["nose", "tail"])
    assert "began import" in done.stderr and "ended import" in done.stderr
    again = ReferenceClips.load(tmp_path / "again.h5")
    np.testing.assert_allclose(again.qpos, running.qpos, atol=1e-9)
    assert again.provenance["method"] == "import.stac_mjx"
    assert again.provenance["inputs"]["fit.h5"].startswith("sha256:")


@pytest.mark.parametrize("command", ["export", "import"])
def test_help_shows_an_example(command):
    done = mimic(command, "--help")
    assert done.returncode == 0 and f"Example: mimic {command} stac_mjx" in done.stdout and "--json" in done.stdout


def test_a_failed_export_leaves_the_old_file(tmp_path, plugins, toy_clips):
    toy_clips.save(tmp_path / "clips.h5")
    (tmp_path / "fit.h5").write_text("an older file")
    with pytest.raises(DataError, match="lengths=pad"):
        do(plugins, "export", format="stac_mjx", records=[tmp_path / "clips.h5"], out=tmp_path / "fit.h5")
    assert (tmp_path / "fit.h5").read_text() == "an older file"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clips.h5", "fit.h5"]


def test_what_the_commands_refuse(tmp_path, plugins, running):
    running.save(tmp_path / "clips.h5")
    synthetic_rollouts().save(tmp_path / "rollouts.h5")
    for file, out, settings, error, said in (
        ("clips.h5", "fit.csv", {}, DataError, r"fit\.csv: files of format stac_mjx end in \.h5"),
        ("rollouts.h5", "fit.h5", {}, DataError, r"rollouts\.h5: holds rollouts, but export\.stac_mjx reads clips"),
        ("clips.h5", "fit.h5", {"lengths": "cut"}, ConfigError, r"export\.stac_mjx\.lengths"),
    ):
        with pytest.raises(error, match=said):
            do(plugins, "export", format="stac_mjx", records=[tmp_path / file], out=tmp_path / out, **settings)
    with pytest.raises(DataError, match="no files given"):
        do(plugins, "import", format="stac_mjx", body="mouse_forelimb", out=tmp_path / "again.h5")
    assert not (tmp_path / "fit.h5").exists() and not (tmp_path / "again.h5").exists()


def test_a_format_for_rollouts_is_only_written(tmp_path, plugins):
    class Names:
        def write(self, record, path):
            path.write_text("\n".join(record.clip_names))

    spec = FormatSpec(name="names", kind="rollouts", suffixes=(".txt",), build=lambda config: Names())

    @hookimpl
    def mimic_formats():
        yield spec

    own = LoadedPlugins(HOOKS)
    own.add(SimpleNamespace(mimic_formats=mimic_formats), "lab:names")
    own.add(mimic_stages, "mimic-neuro:stages")
    own.add(mimic_mouse_forelimb, "mimic-neuro:mouse_forelimb")
    assert own.broken == []
    synthetic_rollouts().save(tmp_path / "rollouts.h5")
    said = do(own, "export", format="names", records=[tmp_path / "rollouts.h5"], out=tmp_path / "names.txt")
    assert said["kind"] == "rollouts"
    assert len((tmp_path / "names.txt").read_text().splitlines()) == said["clips"] == 8
    with pytest.raises(PluginError, match="format names is written, not read; formats that are read: none"):
        do(own, "import", format="names", files=[tmp_path / "names.txt"], body="mouse_forelimb", out=tmp_path / "c.h5")
    with pytest.raises(ValueError, match="only clips can be read"):
        attrs.evolve(spec, reads=True)
