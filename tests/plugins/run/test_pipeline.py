"""Run files: what is done, what is done again, and what is refused before anything is done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import attrs
import h5py
import numpy as np
import pytest
from run_cases import RUN, TOY
from typecheck import shapes_unchecked

from mimic_core import Keypoints
from mimic_core.analysis import result
from mimic_core.chain import discover, do
from mimic_core.errors import ConfigError, DataError, MimicError
from mimic_core.files import file_hash
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.rollouts import Rollouts
from mimic_run import pipeline
from mimic_run.plan import plan_stages
from mimic_runs import load_run_file

STAGES = ["generate", "register", "train", "rollout", "analyze.tracking", "report"]


@pytest.fixture(scope="module")
def toy_plugins(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "toy_plugin.py"
    file.write_text(TOY)
    plugins = discover()
    plugins.load_file(file)
    return plugins


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Figures are saved once, for the report; fonts and shapes are matters of other tests."""
    with pytest.MonkeyPatch.context() as m, shapes_unchecked():
        m.setattr(result, "FORMATS", {"svg": result.FORMATS["svg"]})
        yield


@pytest.fixture(scope="module")
def finished(toy_plugins, tmp_path_factory):
    """A finished run: its run file, its folder, what was returned. Tests that change it work on a copy."""
    folder = tmp_path_factory.mktemp("run")
    file = folder / "toy.toml"
    file.write_text(RUN)
    return file, folder / "out", pipeline.run(toy_plugins, file, folder / "out")


@pytest.fixture
def copy(finished, tmp_path):
    """(run file, folder) of a copy of the finished run."""
    file, out, _ = finished
    shutil.copytree(out, tmp_path / "out")
    return Path(shutil.copy(file, tmp_path)), tmp_path / "out"


def manifest(out):
    return json.loads((out / "manifest.json").read_text())


# -- the whole chain ------------------------------------------------------------------------------------------


def test_every_stage_is_done_and_leaves_its_file(finished):
    _, out, summary = finished
    assert summary["done"] == STAGES and summary["reused"] == []
    for name in (
        "keypoints.h5",
        "clips.h5",
        "train/run.json",
        "train/curve.csv",
        "rollouts.h5",
        "analysis/tracking/metrics.json",
        "report.html",
        "manifest.json",
    ):
        assert (out / name).is_file(), name
    assert summary["stages"]["generate"]["clips"] == 5
    assert summary["stages"]["train"]["training"]["control_steps"] == 160
    assert summary["stages"]["rollout"]["tracking"]["keypoint_mm"]["mean"] > 0
    json.dumps(summary, allow_nan=False)


def test_the_manifest_tells_how_it_was_made(finished, toy_plugins):
    import importlib.metadata

    _, out, summary = finished
    m = manifest(out)
    assert (m["title"], m["seed"], m["synthetic"], m["api"]) == ("Toy reaches", 3, True, 1)
    assert m["config"]["train"]["policy"]["steps"] == 160
    assert m["plugins"]["mujoco"] == importlib.metadata.version("mujoco")
    assert m["plugins"]["mimic-neuro:hill"] == m["mimic"] == importlib.metadata.version("mimic-neuro")
    assert m["plugins"]["file:toy_plugin.py"].startswith("sha256:")
    assert m["inputs"]["clips.h5"] == file_hash(out / "clips.h5")
    assert [s["name"] for s in m["stages"]] == STAGES
    for stage in m["stages"]:
        assert stage["status"] == "done" and stage["seconds"] >= 0
        assert stage["summary"] == summary["stages"][stage["name"]]
        assert (out / stage["outputs"]["out"]).exists()


def test_commands_do_the_same_alone(finished):
    commands = {s["name"]: s["command"] for s in manifest(finished[1])["stages"]}
    assert commands["generate"] == (
        "mimic generate --body toy --seed 3 --set generate.clips=5 --set generate.frames=24 "
        "--set generate.gap_share=0.0 --out keypoints.h5"
    )
    assert commands["register"] == "mimic register keypoints.h5 --body toy --out clips.h5"
    assert commands["train"].startswith("mimic train clips.h5 --policy bottleneck_ppo --seed 3 --set ")
    assert commands["train"].endswith("--set task.window=2 --out train")
    assert commands["rollout"] == "mimic rollout train --out rollouts.h5"
    assert commands["analyze.tracking"] == "mimic analyze tracking rollouts.h5 --out analysis/tracking"
    assert commands["report"] == "mimic report . --out report.html"


def test_commands_name_every_choice(toy_plugins, tmp_path):
    (tmp_path / "a.csv").write_text("")
    config = {
        "body": "toy",
        "register": {
            "files": [str(tmp_path / "*.csv")],
            "method": "stac",
            "reader": {"name": "wide_csv"},
            "unit": "mm",
        },
        "train": {"preset": "paper", "holdout": 0.3, "rewards": {"energy": False}},
        "rollout": {"seed": 5},
    }
    commands = [s.command for s in plan_stages(toy_plugins, config, tmp_path / "out")]
    assert commands == [
        "mimic register ../*.csv --body toy --method stac --reader wide_csv --unit mm --out clips.h5",
        "mimic train clips.h5 --preset paper --holdout 0.3 --set rewards.energy=false --out train",
        "mimic rollout train --seed 5 --out rollouts.h5",
    ]


def test_a_folder_that_a_setting_names_counts_with_what_is_in_it(toy_plugins, tmp_path):
    """Another training in the folder that a training starts from makes this one anew."""
    first = tmp_path / "first"
    (first / "checkpoints").mkdir(parents=True)
    for file in ("run.json", "checkpoints/best"):
        (first / file).write_text("1")
    text = '[train.policy]\nname = "bottleneck_apg"\nstart_from = "first"\n'
    (tmp_path / "run.toml").write_text(f'[train]\nclips = "clips.h5"\n{text}')
    (tmp_path / "clips.h5").write_text("")
    config = load_run_file(tmp_path / "run.toml", {}, toy_plugins)
    (planned,) = plan_stages(toy_plugins, config, tmp_path / "out")
    read = {str(p.relative_to(tmp_path)) for p in planned.read_files(tmp_path / "out")}
    assert read == {"first/run.json", "first/checkpoints/best", "clips.h5"}


def test_a_stage_that_is_false_is_left_out(plugins, tmp_path):
    (tmp_path / "run.toml").write_text("[generate]\n[emg]\n[analyze.tracking]\n[analyze.emg]\n")
    config = load_run_file(tmp_path / "run.toml", {"emg": False, "analyze": {"emg": False}}, plugins)
    assert config == {"generate": {}, "analyze": {"tracking": {}}}
    with pytest.raises(ConfigError, match="names no stage"):
        load_run_file(tmp_path / "run.toml", dict.fromkeys(("generate", "emg", "analyze"), False), plugins)


# -- again ----------------------------------------------------------------------------------------------------


def test_a_stage_left_out_once_can_come_back(copy, toy_plugins):
    file, out = copy
    pipeline.run(toy_plugins, file, out, {"analyze": {"tracking": False}})
    assert [e["name"] for e in manifest(out)["left_out"]] == ["analyze.tracking"]
    assert "analyze.tracking" not in [e["name"] for e in manifest(out)["stages"]]
    again = pipeline.run(toy_plugins, file, out)
    assert "analyze.tracking" in again["reused"] and manifest(out)["left_out"] == []


def test_a_file_that_a_report_setting_names_is_its_input(copy, toy_plugins):
    file, out = copy
    figures = (
        'source = "Somebody 2020"\nbody = "toy"\n[[figures]]\nwhat = "{}"\npublished = "1"\nread = ["rollout: clips"]\n'
    )
    figures += 'command = "mimic rollout train --out rollouts.h5"\nwhy = "They may."\n'
    (file.parent / "mine.toml").write_text(figures.format("number of clips"))
    change = {"report": {"published": str(file.parent / "mine.toml")}}
    assert pipeline.run(toy_plugins, file, out, change)["done"] == ["report"]
    assert pipeline.run(toy_plugins, file, out, change)["done"] == []
    (file.parent / "mine.toml").write_text(figures.format("how many clips"))
    assert pipeline.run(toy_plugins, file, out, change)["done"] == ["report"]
    assert "how many clips" in (out / "report.html").read_text()


def test_nothing_changed_nothing_is_done(copy, toy_plugins):
    file, out = copy
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file() and p.name != "manifest.json"}
    summary = pipeline.run(toy_plugins, file, out)
    assert summary["done"] == [] and summary["reused"] == STAGES
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert [s["status"] for s in manifest(out)["stages"]] == ["reused"] * 6
    assert pipeline.run(toy_plugins, file, out)["reused"] == STAGES


def test_an_analysis_setting_redoes_that_analysis_and_the_report(copy, toy_plugins):
    file, out = copy
    summary = pipeline.run(toy_plugins, file, out, {"analyze": {"tracking": {"saturation": 0.5}}})
    assert summary["done"] == ["analyze.tracking", "report"]
    assert json.loads((out / "analysis/tracking/metrics.json").read_text())["settings"]["saturation"] == 0.5


def test_a_new_title_redoes_the_report(copy, toy_plugins):
    file, out = copy
    summary = pipeline.run(toy_plugins, file, out, {"title": "Another title"})
    assert summary["done"] == ["report"]
    assert "Another title" in (out / "report.html").read_text()


@pytest.mark.slow
def test_a_training_setting_redoes_training_and_what_follows(copy, toy_plugins):
    file, out = copy
    summary = pipeline.run(toy_plugins, file, out, {"train": {"policy": {"steps": 80}}})
    assert summary["reused"] == STAGES[:2] and summary["done"] == STAGES[2:]
    assert summary["stages"]["train"]["training"]["resumed_from"] == 0
    assert summary["stages"]["train"]["training"]["control_steps"] == 80


def test_what_was_deleted_or_altered_is_made_again(copy, toy_plugins):
    file, out = copy
    before = file_hash(out / "rollouts.h5")
    (out / "rollouts.h5").unlink()
    (out / "analysis/tracking/metrics.json").write_text("{}")
    summary = pipeline.run(toy_plugins, file, out)
    assert "rollout" in summary["done"] and "analyze.tracking" in summary["done"]
    assert summary["reused"][:3] == STAGES[:3]
    assert file_hash(out / "rollouts.h5") == before  # the same from the same


def test_a_stopped_training_goes_on(copy, toy_plugins):
    """A run that was killed while it trained: the manifest says so, and the checkpoints are there."""
    file, out = copy
    m = manifest(out)
    m["stages"][2]["status"] = "running"
    (out / "manifest.json").write_text(json.dumps(m))
    summary = pipeline.run(toy_plugins, file, out)
    assert summary["stages"]["train"]["training"]["resumed_from"] == 160
    assert summary["reused"][:2] == STAGES[:2] and "train" in summary["done"]


def test_a_failing_stage_costs_nothing_that_was_done(copy, toy_plugins, monkeypatch):
    file, out = copy
    before = {name: (out / name).read_bytes() for name in ("clips.h5", "rollouts.h5")}

    def fail(plugins, spec, *_, **__):
        raise DataError(f"no luck with {spec.name}")

    monkeypatch.setattr(pipeline, "done", fail)
    with pytest.raises(DataError, match="no luck with register"):
        pipeline.run(toy_plugins, file, out, {"register": {"cutoff_hz": 55.0}})
    assert {name: (out / name).read_bytes() for name in before} == before
    monkeypatch.undo()
    assert pipeline.run(toy_plugins, file, out)["reused"][:4] == STAGES[:4]


def test_a_folder_that_no_stage_made_is_not_removed(copy, toy_plugins):
    file, out = copy
    m = manifest(out)
    m["stages"] = [s for s in m["stages"] if s["name"] != "train"]
    (out / "manifest.json").write_text(json.dumps(m))
    with pytest.raises(DataError, match="no stage of this run made it"):
        pipeline.run(toy_plugins, file, out)
    assert (out / "train" / "checkpoints").is_dir()


@pytest.mark.slow
def test_inputs_are_told_apart_by_name_and_content(toy_plugins, toy_clips, tmp_path):
    """Two recordings with one file name: a change in either is seen, and so is a new name (clips are named by it)."""
    movements = Keypoints.from_array(toy_clips.site_pos[0, :40], toy_clips.keypoint_names, 200.0)
    files = [tmp_path / d / "trial.h5" for d in "ab"]
    for i, file in enumerate(files):
        attrs.evolve(movements, positions=movements.positions + 1e-4 * i).save(file)
    (tmp_path / "run.toml").write_text("body = 'toy'\n[register]\nfiles = ['[ab]/*.h5']\nmax_iterations = 2\n")

    def redone():
        return bool(pipeline.run(toy_plugins, tmp_path / "run.toml", tmp_path / "out")["done"])

    assert redone() and not redone()
    attrs.evolve(movements, positions=movements.positions + 2e-4).save(files[0])
    assert redone()
    files[0].rename(tmp_path / "a" / "renamed.h5")
    assert redone() and not redone()


# -- refused --------------------------------------------------------------------------------------------------

NOBODY = "which no stage of this run makes"

WRONG = [
    ("[trian]\n", "{file}: trian: unknown section; did you mean train?"),
    ("seed = 'one'\n[report]", "{file}: seed: must be a whole number, got 'one'"),
    ("train = 3\n", "{file}: train: must be a table, got 3"),
    ("analyze = {tracking = 3}\n", "{file}: analyze.tracking: must be a table, got 3"),
    ("title = 'nothing'\n", "{file}: names no stage; add one of [analyze], [emg], [export], [generate], "),
    ("title = \n", "{file}: not valid TOML"),
    ("[generate]\n", 'generate: needs a body; add body = "…" at the top of the run file'),
    ("body = 'toi'\n[generate]\n", "unknown body 'toi'; did you mean toy?"),
    ("body = 'toy:big'\n[generate]\n", "body toy: unknown variant 'big'"),
    ("body = 'toy'\n[generate]\nclip = 3\n", "generate.clip: unknown setting; did you mean clips?"),
    ("body = 'toy'\n[generate]\ngenerator = 3\n", "generate.generator: must be text, got 3"),
    (
        "body = 'toy'\n[register]\n",
        "register: needs keypoints, which no stage of this run makes; add [generate], or name a file: files = …",
    ),
    (
        "body = 'toy'\n[register]\nfiles = ['none/*.h5']\n",
        "register.files: {folder}/none/*.h5: no such file; check the path",
    ),
    ("body = 'toy'\n[register]\nfiles = 3\n", "register.files: must be a list, got 3"),
    ("body = 'toy'\n[register]\nunit = 3\n", "register.unit: must be text, got 3"),
    (
        "body = 'toy'\n[generate]\n[register]\ncalibration = 'no.h5'\n",
        "register.calibration: {folder}/no.h5: no such file; check the path",
    ),
    (
        "[train]\n",
        f"train: needs clips, {NOBODY}; add [import] or [register], or name a file: clips = …",
    ),
    ("[train]\nclips = 'no.h5'\n", "train.clips: {folder}/no.h5: no such file or folder; check the path"),
    ("[rollout]\n", f"rollout: needs training, {NOBODY}; add [train], or name a file: run = …"),
    ("[analyze.tracking]\n", f"analyze.tracking: needs rollouts, {NOBODY}; add [rollout], or"),
    ("[analyze.registration]\n", f"analyze.registration: needs clips, {NOBODY}"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_what_is_wrong_is_said_in_one_line(toy_plugins, tmp_path, text, message):
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(MimicError) as e:
        pipeline.run(toy_plugins, file, tmp_path / "out")
    assert str(e.value).startswith(message.format(file=file, folder=file.parent)) and "\n" not in str(e.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"analyze": {"tracking": {"saturation": 3.0}}}, "analyze.tracking.saturation: must be <= 1, got 3"),
        ({"analyze": {"trackin": {}}}, "unknown analysis 'trackin'; did you mean tracking?"),
        ({"train": {"rewards": {"joint": {"scale": 0.0}}}}, "rewards.joint.scale: must be > 0, got 0"),
        ({"train": {"policy": {"name": "bottleneck"}}}, "unknown policy 'bottleneck'; did you mean"),
        ({"rollout": {"seed": "x"}}, "rollout.seed: must be a whole number, got 'x'"),
        ({"rollout": {"sed": 3}}, "rollout.sed: unknown setting; did you mean seed?"),
        ({"report": {"writer": "pdf"}}, "unknown report 'pdf'"),
        ({"register": {"iterationz": 3}}, "register.iterationz: unknown setting"),
    ],
)
def test_a_mistake_in_a_late_stage_is_found_before_the_first(toy_plugins, tmp_path, change, message):
    file = tmp_path / "run.toml"
    file.write_text(RUN)
    with pytest.raises(MimicError) as e:
        pipeline.run(toy_plugins, file, tmp_path / "out", change)
    assert str(e.value).startswith(message)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_things_is_left_alone(toy_plugins, tmp_path):
    file, out = tmp_path / "run.toml", tmp_path / "out"
    file.write_text(RUN)
    out.mkdir()
    (out / "thesis.tex").write_text("a year's work")
    with pytest.raises(MimicError, match="is not empty and holds no run; choose another --out"):
        pipeline.run(toy_plugins, file, out)
    assert [p.name for p in out.iterdir()] == ["thesis.tex"]


def test_a_damaged_manifest_is_named(copy, toy_plugins):
    file, out = copy
    (out / "manifest.json").write_text("{")
    with pytest.raises(MimicError, match=r"manifest.json: not valid JSON; remove it to redo the run"):
        pipeline.run(toy_plugins, file, out)


def test_preferences_must_name_a_provider(toy_plugins, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(dedent(RUN) + '[prefer]\n"reward.joint" = "nobody:here"\n')
    with pytest.raises(MimicError, match=r"prefer.\"reward.joint\": 'nobody:here' does not provide it"):
        pipeline.run(toy_plugins, file, tmp_path / "out")


# -- the rollouts file ----------------------------------------------------------------------------------------


def test_arrays_in_the_file_explain_themselves(finished):
    with h5py.File(finished[1] / "rollouts.h5") as f:
        assert f["joint_pos"].attrs["units"] == "rad" and list(f["joint_pos"].attrs["axes"]) == [
            "clip",
            "step",
            "joint",
        ]
        assert f["muscle_force"].attrs["units"] == "N" and f["joint_force"].attrs["units"] == "N·m"
        assert f["error_mm"].attrs["units"] == "mm" and f["site_pos"].attrs["units"] == "m"
        assert list(f["reward_terms/joint"].attrs["axes"]) == ["clip", "step"]
        assert json.loads(f.attrs["rate_hz"]) == 400.0
        assert json.loads(f.attrs["joint_names"]) == ["shoulder", "elbow"]
        assert json.loads(f.attrs["muscle_names"]) == ["flexor", "extensor"]


def test_rollouts_by_name(finished):
    r = Rollouts.load(finished[1] / "rollouts.h5")
    np.testing.assert_array_equal(r.of("joint_pos", "elbow"), r.joint_pos[..., 1])
    np.testing.assert_array_equal(r.of("activation", "extensor"), r.activation[..., 1])
    np.testing.assert_array_equal(r.of("muscle_force", "flexor"), r.muscle_force[..., 0])
    assert sorted(set(r.split)) == ["held_out", "train"] and r.split.count("held_out") == 1
    assert r.training.plan.seed == 3 and r.origin == "synthetic" and r.seed is None
    assert r.body_name == "toy" and r.simulator == "mujoco"
    np.testing.assert_allclose(r.time[:3], [0, 0.0025, 0.005])


# -- stages apart ---------------------------------------------------------------------------------------------


def test_clips_of_another_body_are_refused(finished, plugins, mouse_model, tmp_path):
    from toys import make_clips

    mouse = make_clips(mouse_model, frames=(10, 10)).save(tmp_path / "mouse.h5")
    with pytest.raises(MimicError, match=r"registered to body mouse_forelimb:paper, but the policy controls toy"):
        do(plugins, "rollout", run=finished[1] / "train", out=tmp_path / "r.h5", clips=mouse)
    assert not (tmp_path / "r.h5").exists()


def test_other_clips_are_all_held_out(finished, plugins, toy_clips, tmp_path):
    """Clips that the policy was not trained on count as held out, whatever they are called."""
    clips = toy_clips.save(tmp_path / "clips.h5")
    summary = do(plugins, "rollout", run=finished[1] / "train", out=tmp_path / "r.h5", clips=clips)
    assert list(summary["tracking"]["by_split"]) == ["held_out"] and summary["clips"] == 6


def test_no_stage_needs_another_ones_section(toy_plugins, finished, tmp_path):
    """A run file may begin anywhere in the chain, with files that are there."""
    file = tmp_path / "late.toml"
    file.write_text(f"[analyze.tracking]\nrollouts = '{finished[1] / 'rollouts.h5'}'\n")
    assert pipeline.run(toy_plugins, file, tmp_path / "out")["done"] == ["analyze.tracking"]
    with pytest.raises(ConfigError, match="must be a file, got 3"):
        pipeline.run(toy_plugins, file, tmp_path / "out", {"analyze": {"tracking": {"rollouts": 3}}})


def test_a_known_animal_is_registered_from_a_run_file(finished, toy_plugins, tmp_path):
    """`calibration` keeps its body; other contents of that file redo the stage, and so does another unit."""
    earlier = finished[1] / "clips.h5"
    known, keypoints = ReferenceClips.load(earlier), Keypoints.load(finished[1] / "keypoints.h5")
    attrs.evolve(keypoints, positions=1e3 * keypoints.positions, unit="").save(tmp_path / "mm.h5")
    shutil.copy(earlier, tmp_path / "animal.h5")
    file, out = tmp_path / "known.toml", tmp_path / "out"
    file.write_text("body = 'toy'\n[register]\nfiles = ['mm.h5']\nunit = 'mm'\ncalibration = 'animal.h5'\n")
    summary = pipeline.run(toy_plugins, file, out)["stages"]["register"]
    assert summary["unit"] == "millimetres, as said"
    assert ReferenceClips.load(out / "clips.h5").body == known.body
    entry = manifest(out)["stages"][0]
    assert entry["command"] == (
        "mimic register ../mm.h5 --body toy --unit mm --calibration ../animal.h5 --out clips.h5"
    )
    assert manifest(out)["inputs"].keys() == {"mm.h5", "animal.h5"}
    assert pipeline.run(toy_plugins, file, out)["reused"] == ["register"]
    attrs.evolve(known, body=attrs.evolve(known.body, scale=1.5)).save(tmp_path / "animal.h5")
    assert pipeline.run(toy_plugins, file, out)["done"] == ["register"]
    assert ReferenceClips.load(out / "clips.h5").body.scale == 1.5
    with pytest.raises(MimicError, match="--unit mm"):
        pipeline.run(toy_plugins, file, out, {"register": {"unit": "m"}})
    assert ReferenceClips.load(out / "clips.h5").body.scale == 1.5  # what was there is still there


@pytest.mark.slow
def test_an_analysis_of_clips_comes_before_those_of_rollouts_and_needs_none(toy_plugins, toy_clips, finished, tmp_path):
    toy_clips.save(tmp_path / "own.h5")
    file, out = tmp_path / "analyses.toml", tmp_path / "out"
    file.write_text(
        f"[analyze.tracking]\nrollouts = '{finished[1] / 'rollouts.h5'}'\n"
        "[analyze.registration]\nclips = 'own.h5'\nworst_frames = 3\n[report]\n"
    )
    summary = pipeline.run(toy_plugins, file, out)
    assert summary["done"] == ["analyze.registration", "analyze.tracking", "report"]
    assert summary["stages"]["analyze.registration"]["clips"] == 6
    command = manifest(out)["stages"][0]["command"]
    assert command == "mimic analyze registration ../own.h5 --set analyze.worst_frames=3 --out analysis/registration"
    page = (out / "report.html").read_text()
    assert page.index("Analysis: registration") < page.index("Analysis: tracking")
    assert "Distance of tracked keypoints from the fitted body" in page
    assert pipeline.run(toy_plugins, file, out)["done"] == []
