"""Playback: the right instant of the right clip is drawn, in a view that holds it."""

from __future__ import annotations

import contextlib

import attrs
import mujoco
import numpy as np
import pytest
from playback_cases import SMALL, rollouts_of, toy_recording
from toys import clips_of, compile_body, make_clips

from mimic_core.testing.steps import floating_model
from mimic_drawing import axes, best_angles
from mimic_playback import opengl
from mimic_playback.camera import MARGINS, view_of
from mimic_playback.outlines import Outlines
from mimic_playback.page import Page, round_length
from mimic_playback.scene import GHOST, KEYPOINT_COLOURS, Scene, activation_colours
from mimic_playback.settings import Playback
from mimic_playback.shapes import placed, surfaces
from mimic_playback.source import Recording


@pytest.fixture(scope="module")
def toy(plugins, toy_model, toy_clips):
    return toy_recording(plugins, toy_model, toy_clips)


@pytest.fixture(scope="module")
def floating(plugins) -> Recording:
    """A body without geoms falls one metre and turns."""
    model = floating_model(plugins)
    t = np.linspace(0, 1, 30)[:, None]
    falling = np.hstack([0 * t, 0 * t, -t, np.cos(t), 0 * t, 0 * t, np.sin(t), 0.3 * t])
    return Recording("floating.h5", rollouts_of(plugins, model, clips_of(model, [falling])), model, 0)


def pixel(picture: np.ndarray, scene: Scene, point: np.ndarray) -> np.ndarray:
    """The colour, 0 to 1, where a point of the world is in a picture."""
    height, width = picture.shape[:2]
    across, up = scene.view.project(point)[:2] / scene.view.height * height
    return picture[round(height / 2 - up - 0.5), round(width / 2 + across - 0.5)] / 255


# -- view -----------------------------------------------------------------------------------------------------


def test_axes_of_a_direction_of_view():
    right, up, towards = axes(0.0, 0.0)
    np.testing.assert_allclose([right, up, towards], [[0, -1, 0], [0, 0, 1], [-1, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(axes(90.0, 0.0)[0], [1, 0, 0], atol=1e-15)
    np.testing.assert_allclose(axes(0.0, -90.0)[2], [0, 0, 1], atol=1e-15)


def test_view_holds_everything_within_the_margins():
    corners = np.array([[x, y, z] for x in (0.0, 2.0) for y in (0.0, 9.0) for z in (1.0, 4.0)])
    view = view_of(corners, (90.0, 0.0), aspect=1.0)
    seen = view.project(corners) / view.height + 0.5
    # 3 m up is more of its free share than 2 m across
    assert view.height == pytest.approx(3.0 / (1 - MARGINS["bottom"] - MARGINS["top"]))
    assert (seen[:, 1].min(), seen[:, 1].max()) == pytest.approx((MARGINS["bottom"], 1 - MARGINS["top"]))
    assert seen[:, 0].min() > MARGINS["left"] and seen[:, 0].max() < 1 - MARGINS["right"]
    assert seen[:, 0].min() - MARGINS["left"] == pytest.approx(1 - MARGINS["right"] - seen[:, 0].max())


def test_view_is_across_the_movement_and_from_its_own_side():
    """A point that circles in the plane of x and z, at y = 1, beside a body around y = 0."""
    turn = np.linspace(0, 2 * np.pi, 40)
    moving = np.stack([np.cos(turn), 1 + 0 * turn, np.sin(turn)], axis=1)
    still = np.tile([0.0, 1.0, 0.0], (40, 1))
    azimuth, elevation = best_angles(np.stack([moving, still], axis=1), np.zeros((5, 3)))
    assert (azimuth, elevation) == (270.0, -15.0)  # looks along -y, from y > 0


@pytest.mark.parametrize("recording", ["toy", "floating"])
@pytest.mark.parametrize("beside", [False, True])
def test_view_holds_the_whole_clip(recording, beside, request):
    scene = Scene(request.getfixturevalue(recording), Playback(beside=beside))
    for step in range(0, int(scene.rollouts.n_steps[scene.clip]), 7):
        scene.show(scene.clip, step)
        for data, shift in ((scene.body, 0), (scene.ghost, scene.shift)):
            for points in placed(data, scene.surfaces).values():
                across, up = (scene.view.project(points + shift)[:, :2] / scene.view.height).T
                assert np.abs(across).max() < scene.view.aspect / 2 and np.abs(up).max() < 0.5


def test_given_angles_are_kept(toy):
    view = Scene(toy, Playback(camera="30,-40.5")).view
    assert (view.azimuth_deg, view.elevation_deg) == (30.0, -40.5)


def test_outlines_are_of_the_size_that_mujoco_says():
    """Against the bounding boxes that MuJoCo's compiler finds."""
    model = mujoco.MjModel.from_xml_string("""<mujoco>
      <asset><mesh name="wedge" vertex="0 0 0  1 0 0  0 2 0  0 0 3  .1 .1 .1"/></asset>
      <worldbody><geom size=".2"/><geom type="ellipsoid" size=".1 .2 .3"/><geom type="capsule" size=".1 .4"/>
      <geom type="cylinder" size=".1 .4"/><geom type="box" size=".1 .2 .3"/><geom type="mesh" mesh="wedge"/>
      <geom type="plane" size="1 1 1"/><geom size=".2" group="3"/><geom size=".2" rgba="0 0 0 0"/></worldbody>
      </mujoco>""")
    found = surfaces(model)
    assert len(found) == 6
    for geom, points in found.items():
        centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
        np.testing.assert_allclose([points.min(0), points.max(0)], [centre - half, centre + half], atol=2e-3)


@pytest.mark.parametrize(("most", "length"), [(0.99, 0.5), (1.0, 1.0), (3.2, 2.0), (77.0, 50.0), (0.03, 0.02)])
def test_scale_bar_has_a_round_length(most, length):
    assert round_length(most) == pytest.approx(length)


# -- scene ----------------------------------------------------------------------------------------------------


def test_body_and_reference_stand_where_the_rollouts_say(toy):
    scene, r = Scene(toy, Playback()), toy.rollouts
    scene.show(3, 11)
    np.testing.assert_array_equal(scene.body.qpos, r.qpos[3, 11])
    np.testing.assert_array_equal(scene.ghost.qpos, r.ref_qpos[3, 11])
    sites = toy.model.keypoint_site_ids
    np.testing.assert_allclose(scene.body.site_xpos[sites], r.site_pos[3, 11], atol=1e-12)
    np.testing.assert_allclose(scene.ghost.site_xpos[sites], r.ref_site_pos[3, 11], atol=1e-12)
    assert scene.time_ms == pytest.approx(11 / 200 * 1e3)


def test_muscles_have_the_colour_of_their_activation(toy):
    scene, r = Scene(toy, Playback()), toy.rollouts
    scene.show(0, 20)
    for name in toy.model.muscle_names:
        colour = scene.model.tendon_rgba[scene.model.tendon(name).id]
        np.testing.assert_allclose(colour, activation_colours(r.of("activation", name)[0, 20]), atol=1e-6)
    assert not np.allclose(*scene.model.tendon_rgba[scene.muscles])


def test_colours_are_in_order_also_without_colour():
    grey = activation_colours(np.linspace(0, 1, 50))[:, :3] @ [0.299, 0.587, 0.114]
    assert (np.diff(grey) > 0).all()
    np.testing.assert_array_equal(activation_colours(np.array([-0.2, 1.7])), activation_colours(np.array([0.0, 1.0])))


def drawn(scene: Scene) -> list:
    scene_of_mujoco = mujoco.MjvScene(scene.model, maxgeom=100)
    scene.add_to(scene_of_mujoco)
    return scene_of_mujoco.geoms[: scene_of_mujoco.ngeom]


def test_reference_is_a_translucent_copy_and_keypoints_are_spheres(toy):
    scene = Scene(toy, Playback())
    geoms = drawn(scene)
    ghosts = [g for g in geoms if np.allclose(g.rgba, GHOST)]
    assert {g.objid for g in ghosts} == {scene.model.geom(n).id for n in ("upper", "lower")}
    at = {kind: [g.pos for g in geoms if np.allclose(g.rgba, colour)] for kind, colour in KEYPOINT_COLOURS.items()}
    np.testing.assert_allclose(at["body"], toy.rollouts.site_pos[toy.clip, 0], atol=1e-7)
    np.testing.assert_allclose(at["tracked"], toy.rollouts.tracked_pos[toy.clip, 0], atol=1e-7)
    assert len(geoms) == 2 + 3 + 3


def test_beside_moves_the_reference_and_what_was_tracked_across_the_picture(toy):
    over, beside = drawn(Scene(toy, Playback())), Scene(toy, Playback(beside=True))
    moved = drawn(beside)
    for kind, shift in (("tracked", beside.shift), ("body", np.zeros(3))):
        before, after = ([g.pos for g in gs if np.allclose(g.rgba, KEYPOINT_COLOURS[kind])] for gs in (over, moved))
        np.testing.assert_allclose(np.array(after) - before, np.tile(shift, (3, 1)), atol=1e-7)
    assert beside.shift @ beside.view.axes[0] > 0
    np.testing.assert_allclose(beside.view.axes[1:] @ beside.shift, 0, atol=1e-15)


def test_what_was_not_tracked_is_not_shown(toy):
    tracked = toy.rollouts.tracked_pos.copy()
    tracked[:, :, toy.rollouts.keypoint_names.index("elbow"), 1] = np.nan
    scene = Scene(attrs.evolve(toy, rollouts=attrs.evolve(toy.rollouts, tracked_pos=tracked)), Playback())
    assert {kind: len(points) for kind, points in scene.keypoints().items()} == {"body": 3, "tracked": 2}


def test_a_body_without_geoms_is_shown_as_sticks(floating):
    scene = Scene(floating, Playback())
    # from the trunk to nose and leg, from the leg to the foot
    assert len(scene.surfaces) == 3
    assert scene.model.nq == floating.model.mj_model.nq


def test_a_body_without_muscles_is_shown_without_a_colour_bar(plugins, toy_model):
    body = attrs.evolve(toy_model.body, muscles=(), torque_limits={"shoulder": 0.01, "elbow": 0.01})
    model = compile_body(plugins, body, "torque")
    recording = Recording("torque.h5", rollouts_of(plugins, model, make_clips(model)), model, 0)
    settings = Playback(**SMALL)
    scene = Scene(recording, settings)
    page = Page(scene, Outlines(scene), settings)
    assert len(scene.muscles) == 0
    assert "muscle activation" not in words(page)
    assert page.picture(3).shape == (240, 320, 3)


def test_bodies_are_left_as_they_are(toy):
    """What is drawn is a copy: the model of the recording keeps its looks."""
    before = toy.model.mj_model.tendon_rgba.copy(), toy.model.mj_model.ntex
    Scene(toy, Playback()).show(0, 10)
    np.testing.assert_array_equal(toy.model.mj_model.tendon_rgba, before[0])
    assert toy.model.mj_model.ntex == before[1]


# -- pictures -------------------------------------------------------------------------------------------------


def words(page: Page) -> str:
    from matplotlib.text import Text

    return "\n".join(t.get_text() for t in page._figure.findobj(Text))


@pytest.fixture(scope="module")
def painters(toy):
    """Renderer → (scene, picture of its 20th step), for those that work here."""
    made, settings = {}, Playback(width=640, height=480)
    scene = Scene(toy, settings)
    made["matplotlib"] = (scene, Page(scene, Outlines(scene), settings).picture(20))
    scene = Scene(toy, settings)
    painter = opengl.working_backend(scene, 640, 480)
    if painter is not None:
        with contextlib.closing(painter):
            made["opengl"] = (scene, Page(scene, painter, settings).picture(20))
    return made


@pytest.mark.parametrize("renderer", ["matplotlib", "opengl"])
def test_what_is_seen_is_where_it_should_be(renderer, painters, toy):
    if renderer not in painters:
        pytest.skip("MuJoCo has no OpenGL here that needs no screen")
    scene, picture = painters[renderer]
    assert picture.shape == (480, 640, 3)
    tolerance = 0.15 if renderer == "matplotlib" else 0.25  # thin edges; OpenGL shades
    points = {**scene.keypoints(), "body": scene.keypoints()["body"] + 0.009 * scene.view.height * scene.view.axes[1]}
    for kind, of in points.items():  # of the body's, the ring around a tracked one
        np.testing.assert_allclose(pixel(picture, scene, of[-1]), KEYPOINT_COLOURS[kind][:3], atol=tolerance)
    for tendon, colour in zip(scene.muscles, activation_colours(scene.activation), strict=True):
        last, end = scene.path(scene.body, tendon)[-2:]
        np.testing.assert_allclose(pixel(picture, scene, (last + end) / 2), colour[:3], atol=tolerance)
    away = scene.view.centre + 0.25 * scene.view.height * (scene.view.axes[0] - scene.view.axes[1])
    assert pixel(picture, scene, away).min() > 0.9


def test_both_renderers_show_the_same(painters):
    """The share of the drawing that both fill."""
    if "opengl" not in painters:
        pytest.skip("MuJoCo has no OpenGL here that needs no screen")
    filled = [np.ptp(picture.astype(int), axis=-1) > 12 for _, picture in painters.values()]
    assert (filled[0] & filled[1]).sum() / (filled[0] | filled[1]).sum() > 0.85


def test_a_picture_says_what_it_shows(toy):
    settings = Playback(speed=0.25, **SMALL)
    scene = Scene(toy, settings)
    page = Page(scene, Outlines(scene), settings)
    first, later = page.picture(0), page.picture(30)
    said = words(page)
    for text in ("clip_2", "held-out clip, 0.25 × real time", "150.0 ms", "muscle activation", "reference", " mm"):
        assert text in said, text
    assert not np.array_equal(first, later)


def test_scale_bar_is_in_millimetres_of_the_animal(toy, plugins):
    """Of an animal twice the model's size a picture is twice as wide."""
    for scale in (1.0, 2.0):
        model = compile_body(plugins, attrs.evolve(toy.model.body, scale=scale))
        scene = Scene(attrs.evolve(toy, model=model), Playback())
        axes = Page(scene, Outlines(scene), Playback())._axes
        (bar,), (label,) = axes.lines, axes.texts
        assert label.get_text() == f"{scale * 1e3 * np.ptp(bar.get_xdata()):g} mm"


def test_the_mouse_is_drawn_with_its_nine_muscles(plugins, mouse_model):
    recording = Recording("mouse.h5", rollouts_of(plugins, mouse_model, make_clips(mouse_model)), mouse_model, 0)
    settings = Playback(**SMALL)
    scene = Scene(recording, settings)
    picture = Page(scene, Outlines(scene), settings).picture(5)
    assert len(scene.muscles) == 9
    assert (picture < 200).any(-1).mean() > 0.02
