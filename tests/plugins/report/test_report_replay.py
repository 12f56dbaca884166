"""What the replay of the report is given, and what a browser makes of it."""

from __future__ import annotations

import base64
import json
import re
import shutil

import attrs
import mujoco
import numpy as np
import pytest
from matplotlib.figure import Figure as Drawing
from report_cases import analysis, entry, run_folder, toy_rollouts, written

from mimic_core import Body, ConfigError, Result
from mimic_report import Settings
from mimic_report import replay as replaying
from mimic_report.geometry import Figurine, _hull
from mimic_report.replay import chosen, scene


@pytest.fixture(scope="module")
def rollouts(plugins, toy_model):
    return toy_rollouts(plugins, toy_model)


def words(made: dict, clip: int) -> np.ndarray:
    raw = np.frombuffer(base64.b64decode(made["clips"][clip]["data"]), "<i2")
    return raw.reshape(-1, made["width"])


def column(made: dict, clip: int, name: str) -> np.ndarray:
    where = made["columns"][name]
    return words(made, clip)[:, where["at"] : where["at"] + where["of"]] * where["unit"]


# ---- what is given


def test_poses_and_numbers_survive_being_packed(rollouts, toy_model):
    made = scene(rollouts, rollouts.body, {2: "median", 4: "other"})
    unit = made["mm_per_unit"] / 1e3 / rollouts.body.scale
    seen = column(made, 1, "keypoints").reshape(40, -1, 3) * unit
    wanted = rollouts.site_pos[4, :40]
    np.testing.assert_allclose(seen - seen[0, 0], wanted - wanted[0, 0], atol=unit * 1e-4)
    np.testing.assert_allclose(column(made, 0, "activation"), rollouts.activation[2, :40], atol=1e-4)
    np.testing.assert_allclose(column(made, 0, "error"), rollouts.error_mm[2, :40], atol=1e-3)
    poses, points = Figurine.of(rollouts.body).poses(rollouts.qpos[2, :40])
    packed = column(made, 0, "body").reshape(40, -1, 7)
    np.testing.assert_allclose(packed[..., 3:], poses[..., 3:], atol=1e-4)
    np.testing.assert_allclose(np.ptp(packed[..., :3], axis=0) * unit, np.ptp(poses[..., :3], axis=0), atol=unit * 1e-4)
    assert points.shape == (40, 5, 3)  # a flexor of two sites and an extensor of three
    assert [(m["name"], m["from"], m["to"]) for m in made["muscles"]] == [("flexor", 0, 2), ("extensor", 2, 5)]
    assert made["first"] == 0 and not made["signed"]


def test_what_was_not_tracked_is_missing(rollouts):
    lost = rollouts.tracked_pos.copy()
    lost[2, 3, 1] = np.nan
    made = scene(attrs.evolve(rollouts, tracked_pos=lost), rollouts.body, {2: "median"})
    at = made["columns"]["tracked"]["at"]
    assert (words(made, 0)[3, at + 3 : at + 6] == -32768).all() and (words(made, 0)[:, at] != -32768).all()


def test_torques_are_shown_between_minus_one_and_one(rollouts):
    made = scene(attrs.evolve(rollouts, activation=2 * rollouts.activation - 1), rollouts.body, {2: "median"})
    assert made["signed"]


def test_best_median_and_worst_held_out_clips_are_shown(rollouts):
    errors = rollouts.clip_errors_mm()
    ranked = 1 + np.argsort(errors[1:])  # clip 0 was trained on
    shown = chosen(rollouts, Settings(clips=3))
    assert list(shown) == [ranked[0], ranked[2], ranked[4]]
    assert [label.split(",")[0] for label in shown.values()] == ["best held-out", "median held-out", "worst held-out"]
    assert list(chosen(rollouts, Settings(clips=3, show=("clip_0",))))[-1] == 0


def test_an_unknown_clip_is_named(rollouts):
    with pytest.raises(ConfigError, match=r"report.show: no clip 'clip_9'"):
        chosen(rollouts, Settings(show=("clip_9",)))


def test_long_clips_are_thinned(rollouts, monkeypatch):
    whole = scene(rollouts, rollouts.body, {2: "median"})
    monkeypatch.setattr(replaying, "MAX_BYTES", 4000)
    thin = scene(rollouts, rollouts.body, {2: "median"})
    taken = round(whole["rate_hz"] / thin["rate_hz"])
    assert taken > 1 and 2 * words(whole, 0).size / taken <= 4000
    np.testing.assert_allclose(column(thin, 0, "activation"), column(whole, 0, "activation")[::taken], atol=1e-4)


@pytest.mark.parametrize(("change", "says"), [("none", "this run holds no rollouts"), ("body", "hold no body to draw")])
def test_without_rollouts_or_body_a_sentence_says_why(plugins, rollouts, tmp_path, change, says):
    run_folder(tmp_path, None if change == "none" else attrs.evolve(rollouts, body=None))
    page = written(plugins, tmp_path, tmp_path).read_text(encoding="utf-8")
    assert says in page and 'id="replay-data"' not in page


def test_rollouts_without_a_body_take_that_of_the_clips(plugins, rollouts, toy_clips, tmp_path):
    registered = entry("register", outputs={"out": "clips.h5"})
    run_folder(tmp_path, attrs.evolve(rollouts, body=None), [registered])
    toy_clips.save(tmp_path / "clips.h5")
    assert 'id="replay-data"' in written(plugins, tmp_path, tmp_path).read_text(encoding="utf-8")


def test_the_replay_can_be_left_out(plugins, rollouts, tmp_path):
    run_folder(tmp_path, rollouts)
    page = written(plugins, tmp_path, tmp_path, clips=0).read_text(encoding="utf-8")
    assert "replay-section" not in page and "mimicReplay" not in page


def test_a_name_cannot_end_the_data(plugins, rollouts, tmp_path):
    names = ("</script><b>", *rollouts.clip_names[1:])
    run_folder(tmp_path, attrs.evolve(rollouts, clip_names=names))
    page = written(plugins, tmp_path, tmp_path, show=(names[0],)).read_text(encoding="utf-8")
    assert "</script><b>" not in page
    data = re.search(r'id="replay-data">(.*?)</script>', page, re.DOTALL)[1]
    assert "<" not in data and names[0] in [clip["name"] for clip in json.loads(data)["clips"]]


def test_every_kind_of_geom_is_described():
    tetrahedron = '<mesh name="m" vertex="0 0 0 0.01 0 0 0 0.01 0 0 0 0.01"/>'
    kinds = (("sphere", "0.01"), ("ellipsoid", "0.01 0.02 0.03"), ("box", "0.01 0.01 0.02"), ("cylinder", "0.01 0.02"))
    geoms = "".join(f'<geom type="{kind}" size="{size}"/>' for kind, size in kinds)
    body = Body(
        name="shapes",
        mjcf=f'<mujoco><asset>{tetrahedron}</asset><worldbody><geom type="plane" size="1 1 1"/><body><joint/>{geoms}'
        '<geom type="mesh" mesh="m"/></body><geom type="box" pos="0 0 1" size="0.1 0.1 0.1"/></worldbody></mujoco>',
    )
    geoms, meshes = Figurine.of(body).shapes(np.zeros(3), 0.5)
    found = {(g["kind"], g["body"]): g for g in geoms}
    assert set(found) == {(k, 0) for k, _ in kinds} | {("mesh", 0), ("box", -1)}  # no plane: it has no end
    assert found["ellipsoid", 0]["size"] == [0.02, 0.04, 0.06]
    assert found["box", -1]["pos"] == [0.0, 0.0, 2.0]
    assert list(meshes) == [found["mesh", 0]["mesh"]]


def test_a_skeleton_without_geoms_is_drawn_as_sticks():
    body = Body(
        name="bare",
        mjcf='<mujoco><worldbody><body><joint/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
        '<site name="tip" pos="0.1 0 0"/></body></worldbody></mujoco>',
        keypoints={"tip": "tip"},
    )
    geoms, _ = Figurine.of(body).shapes(np.zeros(3), 1.0)
    assert [g["kind"] for g in geoms] == ["capsule"]


def test_the_hull_of_a_mesh_faces_outwards():
    cube = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    points, corners = _hull(np.concatenate([cube, 0.3 * cube]))
    a, b, c = np.moveaxis(points[corners], 1, 0)
    assert len(points) == 8 and np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(8.0)  # its volume


# ---- what a browser makes of it

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless --no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader"
).split()
NO_WEBGL = """const real = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind === "2d" ? real.call(this, kind, ...rest) : null; };"""


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; it is in the extra 'dev'")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    with sync.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(plugins, rollouts, tmp_path_factory):
    """A report with a replay and a figure."""
    folder = tmp_path_factory.mktemp("run")
    figure = Drawing(figsize=(3, 2))
    figure.subplots().plot([0, 1], [1, 0])
    Result(metrics={"x": 1.0}, figures={"line": figure}).save(folder / "analysis" / "tracking")
    run_folder(folder, rollouts, [analysis("tracking", "tracking", command="mimic analyze tracking")])
    return written(plugins, folder, folder)


@pytest.fixture
def opened(browser, file):
    """Opens the report, and finds faults when the test is over."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    faults: list[str] = []

    def watch(page):
        page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else faults.append(r.url))

    def visit(script: str = ""):
        page = context.new_page()
        watch(page)
        if script:
            page.add_init_script(script)
        page.goto(file.as_uri())
        until(page, "!!window.mimicReplay")
        return page

    yield visit
    context.close()
    assert not faults


def until(page, holds: str) -> None:
    """Wait until an expression holds; the page forbids the usual way, which makes code from text."""
    for _ in range(200):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {holds}")


def test_it_is_there_without_errors_or_network(opened, rollouts):
    page = opened()
    shown = chosen(rollouts, Settings())
    assert page.evaluate("mimicReplay.clips") == [rollouts.clip_names[i] for i in shown]
    assert page.evaluate("mimicReplay.renderer") == "webgl"
    assert page.evaluate("mimicReplay.playing") is False and page.evaluate("mimicReplay.time") == 0
    assert page.locator("#replay-clip option").count() == len(shown)
    lines = page.locator("#replay-rows .name").all_inner_texts()
    assert lines == [*rollouts.keypoint_names, *rollouts.actuator_names]


@pytest.mark.slow
def test_it_plays_and_pauses(opened):
    page = opened()
    page.select_option("#replay-speed", "0.25")
    page.click("#replay-play")
    until(page, "mimicReplay.time > 0.02")
    assert page.inner_text("#replay-play") == "Pause"
    page.click("#replay-play")
    stopped = page.evaluate("mimicReplay.time")
    page.wait_for_timeout(100)
    assert page.evaluate("mimicReplay.time") == stopped and page.inner_text("#replay-play") == "Play"


@pytest.mark.slow
def test_after_the_end_it_begins_again(opened):
    page = opened()
    page.evaluate("mimicReplay.seek(mimicReplay.duration)")
    page.select_option("#replay-speed", "1")
    page.click("#replay-play")
    until(page, "mimicReplay.time < mimicReplay.duration / 2")


@pytest.mark.slow
def test_scrubbing_shows_the_pose_of_that_time(opened, rollouts):
    page = opened()
    before, picture = page.evaluate("mimicReplay.pose()"), page.locator("#replay-canvas").screenshot()
    page.locator("#replay-time").fill("20")
    page.wait_for_timeout(100)
    assert page.evaluate("mimicReplay.time") == pytest.approx(20 / rollouts.rate_hz)
    assert "100.0 / " in page.inner_text("#replay-clock")
    clip = rollouts.clip_names.index(page.evaluate("mimicReplay.clip"))
    model = Figurine.of(rollouts.body).model
    data = mujoco.MjData(model)
    data.qpos[:] = rollouts.qpos[clip, 20]
    mujoco.mj_kinematics(model, data)
    shown = np.reshape(page.evaluate("mimicReplay.pose()"), (-1, 7))
    np.testing.assert_allclose(shown[:, 3:], data.xquat[1:], atol=1e-3)
    assert np.abs(shown - np.reshape(before, (-1, 7))).max() > 0.01
    assert page.locator("#replay-canvas").screenshot() != picture
    activation = f"{rollouts.of('activation', 'flexor')[clip, 20]:.2f}"
    assert page.locator("#replay-rows .value").all_inner_texts()[-2] == activation


@pytest.mark.slow
def test_the_strips_are_a_timeline_too(opened):
    page = opened()
    box = page.locator("#replay-cursor").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 4)
    assert page.evaluate("mimicReplay.time / mimicReplay.duration") == pytest.approx(0.5, abs=0.03)


@pytest.mark.slow
def test_clips_are_switched(opened, rollouts):
    page = opened()
    last = page.evaluate("mimicReplay.clips.length - 1")
    page.evaluate("mimicReplay.seek(0.1)")
    page.select_option("#replay-clip", str(last))
    assert page.evaluate("mimicReplay.clip === mimicReplay.clips.at(-1)")
    assert page.evaluate("mimicReplay.time") == 0
    page.evaluate("mimicReplay.select('clip_5')")
    assert page.evaluate("mimicReplay.duration") == pytest.approx(49 / rollouts.rate_hz)
    assert page.get_attribute("#replay-time", "max") == "49"


@pytest.mark.slow
def test_mouse_and_keys_turn_and_zoom(opened):
    page = opened()
    home = page.evaluate("mimicReplay.view")
    page.focus("#replay-canvas")
    for key in ("ArrowRight", "ArrowUp", "+", "."):
        page.keyboard.press(key)
    view = page.evaluate("mimicReplay.view")
    assert view["azimuth"] < home["azimuth"] and view["elevation"] < home["elevation"] and view["zoom"] > home["zoom"]
    assert page.evaluate("mimicReplay.step") == 1
    page.keyboard.press("0")
    assert page.evaluate("mimicReplay.view") == home
    box = page.locator("#replay-canvas").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 100)
    page.mouse.up()
    assert page.evaluate("mimicReplay.view.azimuth") == pytest.approx(home["azimuth"] - 30)
    page.mouse.wheel(0, -200)
    until(page, f"mimicReplay.view.zoom > {home['zoom']}")
    page.click("#replay-reset")
    assert page.evaluate("mimicReplay.view") == home


@pytest.mark.slow
def test_without_webgl_it_is_drawn_in_lines(opened):
    page = opened(NO_WEBGL)
    assert page.evaluate("mimicReplay.renderer") == "2d" and page.is_visible("#replay-plain")
    before = page.locator("#replay-canvas").screenshot()
    page.evaluate("mimicReplay.seek(0.1)")
    page.wait_for_timeout(100)
    assert page.locator("#replay-canvas").screenshot() != before


@pytest.mark.slow
def test_a_figure_is_enlarged_by_a_click_and_closed_by_escape(opened):
    page = opened()
    page.locator("button.enlarge").click()
    assert page.is_visible("#enlarged img")
    page.keyboard.press("Escape")
    assert not page.is_visible("#enlarged img")
