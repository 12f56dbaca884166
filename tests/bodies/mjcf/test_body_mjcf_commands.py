"""Bodies from MJCF files on the command line and in run files."""

from __future__ import annotations

import json
from textwrap import dedent

import numpy as np
import pytest
from fake_plugins import mimic
from mjcf_case import DESCRIPTION, MODEL, built, write

from mimic_core import BodyModel, MimicError
from mimic_core.chain.choose import make_body


def test_command_shows_a_body_and_draws_it(tmp_path):
    write(tmp_path)
    done = mimic("body", "animal.toml", "--json", "--out", "animal.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [(j["name"], j["body"], j["unit"], j["torque_limit"]) for j in said["joints"]] == [
        ("shoulder", "upper", "deg", 3.0),
        ("elbow", "lower", "deg", 0.25),
    ]
    np.testing.assert_allclose([j["range"] for j in said["joints"]], [[-30, 60], [0, 90]], atol=1e-9)
    assert {k["name"]: (k["body"], k["pos_mm"]) for k in said["keypoints"]} == {
        "Back": ("trunk", [100, 200, 300]),
        "Elbow": ("upper", [200, 0, 40]),
    }
    assert [(a["name"], a["kind"], a["on"], a["control"]) for a in said["actuators"]] == [
        ("up", "motor", "joint shoulder", [0, 1]),
        ("down", "motor", "joint shoulder", [0, 1]),
    ]
    assert said["remarks"] == ["keyframes left out: bent", "left out, since they read actuators: actuatorfrc"]
    assert said["root"] is None and said["keypoint_spread_mm"] == 8
    assert (tmp_path / "animal.png").read_bytes().startswith(b"\x89PNG")


def test_command_lists_all_that_is_lacking(plugins, tmp_path):
    from mimic_playback.body_command import _driven, describe

    bare = MODEL[: MODEL.index("<actuator>")] + '<actuator><motor name="loose" joint="elbow"/></actuator></mujoco>'
    body = built(plugins, tmp_path, bare, DESCRIPTION.split("[torque_limits]")[0])
    driven, refused = _driven(plugins, body)
    found = describe(BodyModel.compile(body), driven, refused)
    assert driven is None and found["actuators"] == []
    assert "no control range for loose; give ctrlrange in the model" in found["remarks"][0]
    assert found["remarks"][1].startswith("no torque limit for shoulder: to drive these by ideal motors")


def test_picture_names_keypoints_alone(plugins, tmp_path, monkeypatch):
    """Of four sites two are keypoints; the others are in a group that is not drawn."""
    from types import SimpleNamespace

    import mujoco

    from mimic_playback import body_pictures

    sites = "".join(f'<site name="s{i}" pos="0 0 0.0{i}"/>' for i in range(3))
    model = BodyModel.compile(built(plugins, tmp_path, MODEL.replace('<site name="mark"', f'{sites}<site name="mark"')))
    seen, written = [], []

    class Renderer:
        def __init__(self, m, **_):
            self.m = m

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update_scene(self, data, camera, option):
            shown = [self.m.site(i).name for i in range(self.m.nsite) if option.sitegroup[self.m.site_group[i]]]
            seen.append((option.label, sorted(shown)))
            labels = [SimpleNamespace(label=name) for name in (*shown, "floor")]
            self.scene = SimpleNamespace(geoms=labels, ngeom=len(labels))

        def render(self):
            written.extend(sorted(g.label for g in self.scene.geoms))
            return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(mujoco, "Renderer", Renderer)
    body_pictures.draw(model, tmp_path / "body.png", "fake")
    assert seen == [(mujoco.mjtLabel.mjLABEL_SITE, ["keypoint_Back", "keypoint_Elbow"])]
    assert written == ["", "Back", "Elbow"]  # by the keypoints' own names, and nothing else is named


def test_picture_without_graphics(plugins, tmp_path):
    from mimic_playback.body_pictures import draw

    assert draw(BodyModel.compile(built(plugins, tmp_path)), tmp_path / "body.png", None) == "matplotlib"
    assert (tmp_path / "body.png").stat().st_size > 5000


def test_help_of_the_command_shows_an_example():
    assert "Example: mimic body my_animal.toml" in mimic("body", "--help").stdout


RUN = """
    body = "animals/animal.toml"
    [generate]
    clips = 2
    frames = 8
"""


def test_run_file_finds_the_description_and_notices_changes(plugins, tmp_path, monkeypatch):
    from mimic_run.pipeline import run

    (tmp_path / "animals").mkdir()
    write(tmp_path / "animals")
    (tmp_path / "run.toml").write_text(dedent(RUN))
    monkeypatch.chdir(tmp_path / "animals")  # the description is meant from the run file

    def again(overrides: dict | None = None) -> list[str]:
        return run(plugins, tmp_path / "run.toml", tmp_path / "out", overrides)["done"]

    assert [again(), again()] == [["generate"], []]
    write(tmp_path / "animals", MODEL.replace("0.1234567890123", "0.2"))
    assert [again(), again()] == [["generate"], []]
    command = json.loads((tmp_path / "out" / "manifest.json").read_text())["stages"][0]["command"]
    assert command.startswith("mimic generate --body ../animals/animal.toml --set generate.clips=2")


def test_settings_of_a_body_in_a_run_file(plugins, tmp_path):
    from mimic_run.pipeline import run

    (tmp_path / "animals").mkdir()
    write(tmp_path / "animals")
    (tmp_path / "run.toml").write_text(dedent(RUN))
    assert run(plugins, tmp_path / "run.toml", tmp_path / "out", {"body": {"keypoint_spread_mm": 9}})["done"] == [
        "generate"
    ]
    command = json.loads((tmp_path / "out" / "manifest.json").read_text())["stages"][0]["command"]
    assert "--body ../animals/animal.toml --set body.keypoint_spread_mm=9" in command
    with pytest.raises(MimicError, match=r"body\.rot: unknown setting"):
        run(plugins, tmp_path / "run.toml", tmp_path / "out", {"body": {"rot": "x"}})
    with pytest.raises(MimicError, match="body: must be text or a table, got 3"):
        run(plugins, tmp_path / "run.toml", tmp_path / "out", {"body": 3})


def test_settings_of_a_body_on_the_command_line(tmp_path):
    write(tmp_path)
    (tmp_path / "other.xml").write_text(MODEL.replace("mark", "spot"))
    set_ = ["--set", "body.mjcf=other.xml", "--set", "clips=1"]
    done = mimic("generate", "--body", "animal.toml", "--out", "keypoints.h5", *set_, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["keypoints"] == ["Back", "Elbow"]


def test_variant_of_a_description(plugins, tmp_path):
    with pytest.raises(MimicError, match=r"body .*animal\.toml: unknown variant 'small'; it has no variants"):
        make_body(plugins, f"{write(tmp_path)}:small")
