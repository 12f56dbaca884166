"""Bodies from MJCF files on the command line and in run files."""

from __future__ import annotations

import json
from textwrap import dedent

import numpy as np
import pytest
from fake_plugins import mimic
from mjcf_case import MODEL, built, write

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
    assert said["root"] is None and said["keypoint_spread_mm"] == 8
    assert (tmp_path / "animal.png").read_bytes().startswith(b"\x89PNG")


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
