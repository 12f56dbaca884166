"""SLEAP files of several cameras: which files belong together, and points triangulated from a scene that is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mimic_core import ConfigError, DataError
from mimic_recordings import read_keypoints

sleap_io = pytest.importorskip("sleap_io")
pytest.importorskip("aniposelib")

NODES = ("wrist", "elbow", "shoulder")
POINTS = np.random.default_rng(0).uniform(-25, 25, (8, len(NODES), 3))  # mm
RATE = {"rate_hz": 200}
DISTORTION = np.array([-0.28, 0.1, 1e-3, -2e-3, 0.02])  # k1 k2 p1 p2 k3
FOCAL_PX, CENTRE_PX = 1400.0, np.array([640.0, 512.0])


class Camera:
    """A camera 200 mm from the origin, looking at it."""

    def __init__(self, name: str, azimuth_deg: float):
        azimuth = np.deg2rad(azimuth_deg)
        place = 200 * np.array([np.cos(azimuth), np.sin(azimuth), 0.6])
        z = -place / np.linalg.norm(place)
        x = np.cross([0, 0, 1.0], z)
        x /= np.linalg.norm(x)
        self.name, self.rotation = name, np.array([x, np.cross(z, x), z])
        self.translation = -self.rotation @ place

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels by the Brown–Conrady model, as OpenCV documents it for calib3d."""
        seen = points @ self.rotation.T + self.translation
        x, y = seen[..., 0] / seen[..., 2], seen[..., 1] / seen[..., 2]
        k1, k2, p1, p2, k3 = DISTORTION
        r2 = x**2 + y**2
        radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
        bent = np.stack(
            [
                x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2),
                y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y,
            ],
            -1,
        )
        return FOCAL_PX * bent + CENTRE_PX

    def in_sleap(self):
        """The same camera as sleap-io keeps it."""
        matrix = np.array([[FOCAL_PX, 0.0, CENTRE_PX[0]], [0.0, FOCAL_PX, CENTRE_PX[1]], [0.0, 0.0, 1.0]])
        turn = Rotation.from_matrix(self.rotation).as_rotvec()
        given = {"matrix": matrix, "dist": DISTORTION, "rvec": turn, "tvec": self.translation}
        return sleap_io.Camera(name=self.name, size=(1280, 1024), **given)

    def toml(self) -> str:
        """Its table in a calibration of Anipose."""
        matrix = [[FOCAL_PX, 0.0, CENTRE_PX[0]], [0.0, FOCAL_PX, CENTRE_PX[1]], [0.0, 0.0, 1.0]]
        return (
            f'[cam_{self.name}]\nname = "{self.name}"\nsize = [1280, 1024]\nmatrix = {np.array(matrix).tolist()}\n'
            f"distortions = {DISTORTION.tolist()}\n"
            f"rotation = {Rotation.from_matrix(self.rotation).as_rotvec().tolist()}\n"
            f"translation = {self.translation.tolist()}\n\n"
        )


CAMERAS = [Camera(name, azimuth) for name, azimuth in (("A", 0), ("B", 70), ("C", 150), ("D", 260))]


def write_calibration(folder, cameras=CAMERAS):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "calibration.toml"
    path.write_text("".join(c.toml() for c in cameras) + "[metadata]\n")
    return path


def write_view(path, points, scores=None, nodes=NODES, tracks=()):
    """Predictions (frame, animal, keypoint, xy) px of one camera, written by sleap-io."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scores = np.ones(points.shape[:-1]) if scores is None else scores
    skeleton, video = sleap_io.Skeleton(list(nodes)), sleap_io.Video(filename=f"{path.stem}.mp4", open_backend=False)
    tracks = [sleap_io.Track(t) for t in tracks]
    frames = []
    for i, (frame, frame_scores) in enumerate(zip(points, scores, strict=True)):
        instances = [
            sleap_io.PredictedInstance.from_numpy(
                xy, skeleton=skeleton, point_scores=s, score=1.0, track=tracks[k] if tracks else None
            )
            for k, (xy, s) in enumerate(zip(frame, frame_scores, strict=True))
        ]
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=i, instances=instances))
    labels = sleap_io.Labels(frames, videos=[video], skeletons=[skeleton], tracks=tracks)
    sleap_io.save_slp(labels, str(path), verbose=False)
    return path


def write_session(folder, cameras=CAMERAS, points=POINTS):
    for camera in cameras:
        write_view(folder / f"reach1_{camera.name}.slp", camera.project(points)[:, None])
    write_calibration(folder, cameras)
    return folder / f"reach1_{cameras[0].name}.slp"


def write_videos(path, seen, session=None):
    """Predictions of several videos in one file: name of the video → (frame, keypoint, xy) px."""
    path.parent.mkdir(parents=True, exist_ok=True)
    skeleton = sleap_io.Skeleton(list(NODES))
    videos = {name: sleap_io.Video(filename=f"{name}.mp4", open_backend=False) for name in seen}
    frames = []
    for name, points in seen.items():
        for i, xy in enumerate(points):
            made = sleap_io.PredictedInstance.from_numpy(
                xy, skeleton=skeleton, point_scores=np.ones(len(xy)), score=1.0
            )
            frames.append(sleap_io.LabeledFrame(video=videos[name], frame_idx=i, instances=[made]))
    labels = sleap_io.Labels(frames, videos=list(videos.values()), skeletons=[skeleton])
    if session:
        group = sleap_io.CameraGroup(cameras=[c.in_sleap() for c in CAMERAS])
        labels.sessions.append(sleap_io.RecordingSession(camera_group=group))
        for camera, name in zip(group.cameras, seen, strict=True):
            labels.sessions[0].add_video(videos[name], camera)
    sleap_io.save_slp(labels, str(path), verbose=False)
    return path


@pytest.mark.parametrize("session", [False, True])
def test_one_file_with_the_videos_of_all_cameras(tmp_path, plugins, session):
    """Cameras by the names of videos and a calibration beside it, or by the file's own session alone."""
    names = [f"film{i}" if session else f"reach1_{c.name}" for i, c in enumerate(CAMERAS)]
    seen = {n: c.project(POINTS) for n, c in zip(names, CAMERAS, strict=True)}
    if not session:
        write_calibration(tmp_path)
    found = read_keypoints([write_videos(tmp_path / "all.slp", seen, session)], plugins, settings=RATE)
    assert np.abs(found.positions[0] - POINTS).max() < 1e-4 and found.clip_names == ("all",)


def test_several_recordings(tmp_path, plugins):
    """In one file with all cameras, or in a file for each camera; each recording becomes a clip."""
    of = {"reach1": POINTS, "reach2": POINTS[:5] + 3}
    write_calibration(tmp_path)
    seen = {c.name: {f"{r}-{c.name}": c.project(p) for r, p in of.items()} for c in CAMERAS}
    together = write_videos(tmp_path / "all.slp", {k: v for s in seen.values() for k, v in s.items()})
    apart = [write_videos(tmp_path / f"day_{c}.slp", s) for c, s in seen.items()]
    for file in (together, apart[0]):
        found = read_keypoints([file], plugins, settings=RATE)
        assert found.clip_names == ("reach1", "reach2") and found.n_frames.tolist() == [8, 5]
        for clip, expected in zip(found.clips(), of.values(), strict=True):
            assert np.abs(clip - expected).max() < 1e-4
        one = read_keypoints([file], plugins, settings={**RATE, "video": "reach2"})
        assert one.n_frames.tolist() == [5]
        with pytest.raises(DataError, match="no video 'reach3'; did you mean reach"):
            read_keypoints([file], plugins, settings={**RATE, "video": "reach3"})
    write_videos(apart[1], {"reach1-B": seen["B"]["reach1-B"], "other-B": seen["B"]["reach2-B"]})
    with pytest.raises(DataError, match=r"day_B\.slp: its videos differ from those of .*day_A\.slp in other, reach2"):
        read_keypoints([apart[0]], plugins, settings=RATE)


def test_known_points_through_lens_distortion(tmp_path, plugins):
    import jax

    before = jax.config.jax_enable_x64
    found = read_keypoints([write_session(tmp_path)], plugins, settings=RATE)
    assert found.names == NODES and found.rate_hz == 200 and found.unit == "" and found.clip_names == ("reach1_A",)
    assert np.abs(found.positions[0] - POINTS).max() < 1e-4  # mm
    assert found.confidence.min() > 0.999
    assert len(found.files) == 4
    assert jax.config.jax_enable_x64 == before


def test_points_hidden_from_some_cameras(tmp_path, plugins):
    path = write_session(tmp_path)
    hidden = [camera.project(POINTS)[:, None] for camera in CAMERAS]
    for view in hidden[:2]:
        view[:5, 0, 0] = np.nan  # still two cameras
    hidden[2][:3, 0, 0] = np.nan  # one camera
    for camera, view in zip(CAMERAS, hidden, strict=True):
        write_view(tmp_path / f"reach1_{camera.name}.slp", view[:7] if camera.name == "B" else view)
    found = read_keypoints([path], plugins, settings=RATE)
    assert np.isnan(found.positions[0, :3, 0]).all() and (found.confidence[0, :3, 0] == 0).all()
    assert np.isnan(found.positions).sum() == 9
    np.testing.assert_allclose(found.positions[0, 3:], POINTS[3:], atol=1e-4)


def test_camera_that_mistakes_a_point_is_left_out(tmp_path, plugins):
    path = write_session(tmp_path)
    wrong = CAMERAS[1].project(POINTS)[:, None]
    wrong[4, 0, 1] += [60, -45]
    write_view(tmp_path / "reach1_B.slp", wrong)
    found = read_keypoints([path], plugins, settings=RATE)
    np.testing.assert_allclose(found.positions[0], POINTS, atol=1e-4)


def test_confidence_where_cameras_disagree(tmp_path, plugins):
    """Two cameras cannot tell which is wrong; the vertical offset shows as a reprojection error in both."""
    path = write_session(tmp_path, CAMERAS[:2])
    wrong = CAMERAS[1].project(POINTS)[:, None]
    wrong[4, 0, 1, 1] += 40
    write_view(tmp_path / "reach1_B.slp", wrong)
    confidence = read_keypoints([path], plugins, settings=RATE).confidence[0]
    assert confidence[4, 1] < 0.2 and np.delete(confidence.ravel(), 4 * 3 + 1).min() > 0.999


def test_scores(tmp_path, plugins):
    path = write_session(tmp_path)
    scores = np.full((len(POINTS), 1, len(NODES)), 0.9)
    scores[2, 0, 0] = 0.3
    write_view(tmp_path / "reach1_B.slp", CAMERAS[1].project(POINTS)[:, None], scores)
    confidence = read_keypoints([path], plugins, settings=RATE).confidence[0]
    np.testing.assert_allclose(confidence, np.where(scores[:, 0] == 0.3, 0.3, 0.9), atol=1e-4)
    unused = read_keypoints([path], plugins, settings={**RATE, "min_score": 0.5}).confidence[0]
    np.testing.assert_allclose(unused, np.where(scores[:, 0] == 0.3, 1.0, 0.9), atol=1e-4)


def test_folder_for_each_camera(tmp_path, plugins):
    """SLEAP-Anipose's session: the camera in the name of the folder and of the file; nodes in another order."""
    for camera in CAMERAS[:3]:
        path = tmp_path / "session" / camera.name / f"{camera.name}-0418.predictions.slp"
        order = [2, 0, 1] if camera.name == "C" else [0, 1, 2]
        write_view(path, camera.project(POINTS)[:, None, order], nodes=[NODES[i] for i in order])
    write_calibration(tmp_path / "calibration", CAMERAS[:3])
    path = tmp_path / "session" / "B" / "B-0418.predictions.slp"
    found = read_keypoints([path], plugins, settings=RATE)
    assert found.names == NODES
    np.testing.assert_allclose(found.positions[0], POINTS, atol=1e-4)


def test_views_cameras_and_calibration_may_be_said(tmp_path, plugins):
    for camera, word in zip(CAMERAS[:2], ("left", "right"), strict=True):
        write_view(tmp_path / f"{word}.slp", camera.project(POINTS)[:, None])
    write_calibration(tmp_path / "elsewhere")
    settings = {
        **RATE,
        "calibration": "elsewhere/calibration.toml",
        "cameras": ["A", "B"],
        "views": {"A": "left", "B": "right"},
    }
    found = read_keypoints([tmp_path / "left.slp"], plugins, settings=settings)
    np.testing.assert_allclose(found.positions[0], POINTS, atol=1e-4)


def test_one_of_two_animals(tmp_path, plugins):
    for camera in CAMERAS[:2]:
        both = np.stack([camera.project(POINTS), camera.project(POINTS - 10)], 1)
        write_view(tmp_path / f"reach1_{camera.name}.slp", both, tracks=("mouse", "other"))
    write_calibration(tmp_path, CAMERAS[:2])
    path = tmp_path / "reach1_A.slp"
    with pytest.raises(DataError, match=r"holds several \(mouse, other\); choose one with .*track=NAME"):
        read_keypoints([path], plugins, settings=RATE)
    found = read_keypoints([path], plugins, settings={**RATE, "track": "other"})
    np.testing.assert_allclose(found.positions[0], POINTS - 10, atol=1e-4)


def test_a_recording_named_by_two_of_its_cameras(tmp_path, plugins):
    path = write_session(tmp_path)
    with pytest.raises(DataError, match=r"reach1_\w\.slp: belongs to a recording that is already there"):
        read_keypoints([path, tmp_path / "reach1_B.slp"], plugins, settings=RATE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "does not hold the camera's rate"),
        (
            {**RATE, "calibration": "absent.toml"},
            r"absent\.toml: no such file; check --set register\.reader\.calibration",
        ),
        ({**RATE, "calibration": "bad.toml"}, r"bad\.toml: not a calibration that Anipose wrote"),
        ({**RATE, "cameras": ["A", "E"]}, r"has no camera 'E'; known: A, B, C, D"),
        ({**RATE, "cameras": ["A"]}, "1 camera to use; triangulation needs at least two"),
        (
            {**RATE, "cameras": ["B", "C"]},
            r"its name has no camera of B, C; .*--set register\.reader\.views\.CAMERA=WORD",
        ),
        ({**RATE, "views": {"B": "reach1"}}, "has the cameras A and B of A, B, C, D"),
        ({**RATE, "views": {"D": "last"}}, r"reach1_last\.slp: no such file, but camera D is in the calibration"),
    ],
)
def test_settings_that_do_not_fit_the_files(tmp_path, plugins, settings, message):
    path = write_session(tmp_path)
    (tmp_path / "bad.toml").write_text('[board]\nsize = "A4"\n')
    with pytest.raises(DataError, match=message) as e:
        read_keypoints([path], plugins, settings=settings)
    assert "\n" not in str(e.value)


def test_no_calibration(tmp_path, plugins):
    path = write_session(tmp_path / "a" / "b" / "c")
    (path.parent / "calibration.toml").unlink()
    with pytest.raises(
        DataError, match=r"no calibration\.toml in its folder or the two above, and none in the file; name it"
    ):
        read_keypoints([path], plugins, settings=RATE)


def test_files_that_do_not_fit(tmp_path, plugins):
    path = write_session(tmp_path, CAMERAS[:2])
    other = tmp_path / "reach1_B.slp"
    write_view(other, CAMERAS[1].project(POINTS)[:, None], nodes=("wrist", "elbow", "neck"))
    with pytest.raises(DataError, match=r"reach1_B\.slp: its keypoints differ .* in neck, shoulder; use one skeleton"):
        read_keypoints([path], plugins, settings=RATE)
    write_view(other, np.repeat(CAMERAS[1].project(POINTS)[:, None], 2, axis=1))
    with pytest.raises(DataError, match="up to 2 animals in a frame, without tracks; track them"):
        read_keypoints([path], plugins, settings=RATE)
    other.write_text("text")
    with pytest.raises(DataError, match=r"^\S*reach1_B\.slp: not an HDF5 file"):
        read_keypoints([path], plugins, settings=RATE)


def test_bad_setting(tmp_path, plugins):
    with pytest.raises(ConfigError, match=r"reader\.sleap\.min_score: must be <= 1"):
        read_keypoints([write_session(tmp_path)], plugins, settings={**RATE, "min_score": 2.0})
