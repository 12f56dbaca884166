"""A stage, a kind of record and an analysis of it, all from one file that is no part of mimic."""

from __future__ import annotations

import json
import shutil

import pytest
from fake_plugins import mimic

from mimic_core.chain import discover, do
from mimic_core.errors import ConfigError, DataError
from mimic_run import pipeline

PLATES = '''
"""Force plates: a stage that reads files and keypoints, a kind of record, and an analysis of it."""
import json
from pathlib import Path

import attrs

from mimic_core import (
    AnalysisSpec, Headline, Reads, RecordSpec, Result, StageSpec, Table, hookimpl, option, write_json,
)


@attrs.frozen(kw_only=True)
class Plates:
    """Turn what force plates recorded into newtons.

    Example: `mimic plates plate.json --keypoints keypoints.h5 --out forces.json`
    """

    files: tuple[Path, ...] = option((), argument=True, pattern=True, help="What the plates recorded.")
    newton_per_volt: float = option(2.0, validator=attrs.validators.gt(0), help="Gain of the plates.")
    seed: int = option(0, shared=True, help="Of the noise.")


def work(options, inputs, context):
    volts = [v for f in options.files for v in json.loads(Path(f).read_text())]
    context.progress(1, 1, {})
    write_json(context.out, {"forces_N": [options.newton_per_volt * v for v in volts], "seed": options.seed})
    return {"samples": len(volts), "headlines": [Headline("peak force", options.newton_per_volt * max(volts), "N")]}


def build(config):
    def analyse(inputs, context):
        forces = inputs.one("forces")["forces_N"]
        return Result(
            metrics={"mean_N": sum(forces) / len(forces)},
            tables={"forces": Table(columns=("force (N)",), rows=[(f,) for f in forces], caption="Forces.")},
            headlines=[Headline("mean force", sum(forces) / len(forces), "N")],
            sentence=f"The plates felt {len(forces)} forces.",
        )

    return analyse


@hookimpl
def mimic_records():
    yield RecordSpec(
        name="forces",
        build=lambda path: json.loads(path.read_text()),
        made_by="mimic plates",
        holds=lambda path: path.is_file() and path.suffix == ".json" and "forces_N" in path.read_text(),
        summary="forces on the ground",
    )


@hookimpl
def mimic_stages():
    yield StageSpec(
        name="plates",
        config=Plates,
        work=work,
        reads=(Reads("keypoints", optional=True, help="The movement that was filmed meanwhile."),),
        writes="forces",
        output="forces.json",
        summary="forces of plates",
    )


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(name="force", build=build, reads=(Reads("forces"),), summary="mean force")
'''

RUN = """
plugins = ["plates_plugin.py"]
title = "On plates"
seed = 7
body = "mouse_forelimb"

[report]

[analyze.force]

[plates]
files = ["plate*.json"]

[generate]
clips = 2
frames = 8
"""


@pytest.fixture
def lab(tmp_path):
    """Folder with a plugin file, two recordings and a run file."""
    (tmp_path / "plates_plugin.py").write_text(PLATES)
    (tmp_path / "plate1.json").write_text("[1.0, 2.0]")
    (tmp_path / "plate2.json").write_text("[3.0]")
    (tmp_path / "run.toml").write_text(RUN)
    return tmp_path


def test_it_has_a_command_with_help(lab):
    shown = mimic("--plugin", lab / "plates_plugin.py", "--help").stdout
    assert "plates" in shown and "Turn what force plates recorded into newtons" in " ".join(shown.split())
    shown = mimic("--plugin", lab / "plates_plugin.py", "plates", "--help").stdout
    for words in (
        "Example: mimic plates plate.json",
        "--newton-per-volt",
        "Gain of the plates.",
        "--keypoints",
        "--seed",
    ):
        assert words in shown, words
    done = mimic(
        *("--plugin", "plates_plugin.py", "plates", "plate1.json", "--newton-per-volt", "3", "--set", "seed=4"),
        *("--out", "mine.json", "--json"),
        cwd=lab,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["samples"] == 2
    assert json.loads((lab / "mine.json").read_text()) == {"forces_N": [3.0, 6.0], "seed": 4}


def test_it_takes_part_in_a_run_its_order_and_its_report(lab):
    summary = pipeline.run(discover(), lab / "run.toml", lab / "out")
    assert summary["done"] == ["generate", "plates", "analyze.force", "report"]
    assert json.loads((lab / "out" / "forces.json").read_text()) == {"forces_N": [2.0, 4.0, 6.0], "seed": 7}
    assert summary["stages"]["analyze.force"]["mean_N"] == 4.0
    entry = {e["name"]: e for e in json.loads((lab / "out" / "manifest.json").read_text())["stages"]}["plates"]
    assert entry["command"] == "mimic plates ../plate*.json --seed 7 --keypoints keypoints.h5 --out forces.json"
    page = (lab / "out" / "report.html").read_text()
    for words in ("peak force", "mean force", "The plates felt 3 forces.", "Stage: plates", "Analysis: force"):
        assert words in page, words


def test_it_is_redone_only_where_something_changed(lab):
    plugins = discover()
    pipeline.run(plugins, lab / "run.toml", lab / "out")
    assert pipeline.run(plugins, lab / "run.toml", lab / "out")["done"] == []
    (lab / "plate2.json").write_text("[30.0]")
    assert pipeline.run(plugins, lab / "run.toml", lab / "out")["done"] == ["plates", "analyze.force", "report"]
    changed = pipeline.run(plugins, lab / "run.toml", lab / "out", {"plates": {"newton_per_volt": 1.0}})
    assert changed["done"] == ["plates", "analyze.force", "report"]


def test_its_mistakes_are_said_in_one_line(lab):
    plugins = discover()
    for change, message in (
        ({"plates": {"newton_per_volt": 0}}, "plates.newton_per_volt: must be > 0, got 0"),
        ({"plates": {"gain": 1}}, "plates.gain: unknown setting"),
        ({"plates": {"files": ["none.json"]}}, "plates.files: none.json: no such file; check the path"),
        ({"plates": {"keypoints": "no.h5"}}, "plates.keypoints: no.h5: no such file or folder; check the path"),
    ):
        with pytest.raises((ConfigError, DataError)) as e:
            pipeline.run(plugins, lab / "run.toml", lab / "out", change)
        assert str(e.value).startswith(message)


def test_its_record_is_known_to_every_analysis(lab, tmp_path):
    plugins = discover()
    plugins.load_file(lab / "plates_plugin.py")
    do(plugins, "plates", files=[lab / "plate1.json"], out=lab / "forces.json")
    assert do(plugins, "analyze", analysis="force", records=[lab / "forces.json"], out=lab / "force")["mean_N"] == 3.0
    with pytest.raises(
        DataError, match=r"forces.json: holds forces, but analyze.tracking reads rollouts; for forces there is"
    ):
        do(plugins, "analyze", analysis="tracking", records=[lab / "forces.json"], out=lab / "tracking")
    with pytest.raises(DataError, match=r"analyze.force: needs forces, made by 'mimic plates'; name such a file"):
        do(plugins, "analyze", analysis="force", out=lab / "force")


# -- one rule for paths -------------------------------------------------------------------------------------------


def test_a_path_is_meant_from_where_it_is_written(lab, tmp_path, monkeypatch):
    """From the run file's folder in a run file, from the current folder on the command line."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(lab / "plate1.json", elsewhere / "mine.json")
    (elsewhere / "plate1.json").write_text("[100.0]")
    monkeypatch.chdir(elsewhere)
    plugins = discover()
    summary = pipeline.run(plugins, lab / "run.toml", "out")
    assert summary["stages"]["plates"]["samples"] == 3  # plate1.json and plate2.json beside the run file
    changed = pipeline.run(plugins, lab / "run.toml", "out", {"plates": {"files": ["plate1.json", "mine.json"]}})
    assert changed["stages"]["plates"]["samples"] == 3
    assert json.loads((elsewhere / "out" / "forces.json").read_text())["forces_N"] == [200.0, 2.0, 4.0]


def test_a_description_of_a_body_is_meant_from_the_run_file(lab, tmp_path, monkeypatch):
    (tmp_path / "arm.xml").write_text(
        "<mujoco><worldbody><body name='arm'><joint name='j' range='-1 1' limited='true'/>"
        "<geom size='.01' fromto='0 0 0 .1 0 0' type='capsule'/></body></worldbody></mujoco>"
    )
    (tmp_path / "arm.toml").write_text(
        "name = 'arm'\nmjcf = 'arm.xml'\nkeypoint_spread_mm = 1\n"
        "[keypoints]\na = {body = 'arm'}\nb = {body = 'arm', pos = [0.1, 0, 0]}\n"
    )
    (tmp_path / "arm_run.toml").write_text("body = 'arm.toml'\n[generate]\nclips = 2\nframes = 8\n")
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    summary = pipeline.run(discover(), tmp_path / "arm_run.toml", "out")
    assert summary["stages"]["generate"]["keypoints"] == ["a", "b"]
    command = json.loads((tmp_path / "deep/out/manifest.json").read_text())["stages"][0]["command"]
    assert command.startswith("mimic generate --body ../../arm.toml ")
