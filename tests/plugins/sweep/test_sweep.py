"""Sweeps: which runs there are, which may run as one program, how they are run, and what the tables say."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from textwrap import dedent

import attrs
import pytest
from fake_plugins import mimic
from sweep_cases import SWEEP
from where import ROOT

from mimic_core import (
    ConfigError,
    DataError,
    ExecutorSpec,
    Inputs,
    Outcome,
    PluginError,
    TrainingError,
    hookimpl,
)
from mimic_core.chain import discover, do
from mimic_core.plugins.manager import Plugins
from mimic_run import pipeline
from mimic_runs import load_run_file, sections
from mimic_sweep import engine, job
from mimic_sweep.settings import SweepOptions
from mimic_sweep.sweep_file import Wanted, wanted
from mimic_sweep.trainings import expand, grouped

NAMES = [f"control.weight={weight}/seed-{seed}" for weight in ("0", "0.15") for seed in (0, 4)]


class Here:
    """An executor that works in this process."""

    @hookimpl
    def mimic_executors(self):
        def run(work, jobs):
            assert work == engine.WORK
            for one in jobs:
                json.dumps(one.data)
                try:
                    job.run_job(one.data)
                except Exception as e:
                    yield Outcome(one, str(e))
                else:
                    yield Outcome(one)

        yield ExecutorSpec(name="here", build=lambda config: run)


@pytest.fixture
def with_here():
    plugins = discover()
    plugins.add(Here(), "tests:here")
    return plugins


@pytest.fixture
def sweep_file(toy_clips, tmp_path):
    toy_clips.save(tmp_path / "clips.h5")
    file = tmp_path / "toy.toml"
    file.write_text(SWEEP)
    return file


def given(plugins: Plugins, text: str, tmp_path: Path) -> Wanted:
    file = tmp_path / "s.toml"
    file.write_text(dedent(text))
    (tmp_path / "c.h5").touch()
    (tmp_path / "clips.h5").touch()
    return wanted(SweepOptions(file=file), None, plugins)


def sweep(plugins: Plugins, file: Path, out: Path, **table) -> dict:
    return do(plugins, "sweep", file=file, out=out, **table)


# -- which runs -----------------------------------------------------------------------------------------------


def test_every_combination_and_every_seed_is_a_run(plugins, tmp_path):
    file = given(
        plugins,
        """
        [sweep]
        clips = "clips.h5"
        seeds = 2
        [sweep.grid]
        rewards.control.weight = [0, 0.1]
        "policy.learning_rate" = [1e-3]
        [train.policy]
        steps = 100
        """,
        tmp_path,
    )
    runs = expand(plugins, file)
    assert [r.name for r in runs] == [
        f"control.weight={weight},learning_rate=0.001/seed-{seed}" for weight in ("0", "0.1") for seed in (0, 1)
    ]
    assert runs[3].given == {
        "seed": 1,
        "policy": {"steps": 100, "learning_rate": 1e-3},
        "rewards": {"control": {"weight": 0.1}},
    }
    assert runs[3].plan["rewards.control.weight"] == 0.1 and runs[3].plan["policy.name"] == "bottleneck_apg"
    assert runs[3].values == {"rewards.control.weight": 0.1, "policy.learning_rate": 1e-3}


def test_seeds_alone_are_a_sweep(plugins, tmp_path):
    runs = expand(plugins, given(plugins, '[sweep]\nclips = "c.h5"\nseeds = [7, 3]', tmp_path))
    assert [r.name for r in runs] == ["seed-7", "seed-3"]


def test_folders_have_names_that_differ_and_can_be_written(plugins, tmp_path):
    file = given(
        plugins,
        """
        [sweep]
        clips = "c.h5"
        seeds = 1
        [sweep.grid]
        "policy.encoder_layers" = [[8, 8], [88]]
        "policy.decoder_layers" = [[8, 8]]
        "rewards.energy" = [false, {weight = 1}, {weight = -1}]
        """,
        tmp_path,
    )
    names = [r.name for r in expand(plugins, file)]
    assert len(set(names)) == 6 and all("/" not in n.removesuffix("/seed-0") for n in names)
    assert names[0] == "encoder_layers=8_8,decoder_layers=8_8,energy=false/seed-0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sweep]\ntrain = {}\n", "sweep.train: belongs at the top of the file, not into [sweep]"),
        ('[sweep]\nclips="c.h5"\n[swep]\n', "swep: unknown setting; did you mean sweep?"),
        ('[sweep]\nclips="c.h5"\nseed=3\n', "sweep.seed: unknown setting; did you mean seeds?"),
        ('[sweep]\nclips="c.h5"\nseeds=[1, 1]\n', "sweep.seeds: must be different seeds, at least one, got [1, 1]"),
        ('[sweep]\nclips="c.h5"\nseeds=0\n', "sweep.seeds: must be different seeds, at least one, got 0"),
        ('[sweep]\nclips="c.h5"\nseeds=[0.5]\n', "sweep.seeds: must be a list of seeds or how many, got [0.5]"),
        ('[sweep]\nclips="c.h5"\n[sweep.grid]\na.b=1\n', "sweep.grid: a.b: must be a list of values, got 1"),
        ('[sweep]\nclips="c.h5"\n[sweep.grid]\na=[1, 1]\n', "sweep.grid: a: has a value twice; leave one out"),
        (
            '[sweep]\nclips="c.h5"\n[sweep.grid]\nseed=[1]\n',
            "sweep.grid: seed: is no setting of the grid; give sweep.seeds",
        ),
        ("[sweep\n", "not valid TOML: "),
    ],
)
def test_a_wrong_sweep_file_is_refused_in_one_line(plugins, tmp_path, text, said):
    with pytest.raises(ConfigError) as e:
        given(plugins, text, tmp_path)
    assert str(e.value).startswith(f"{tmp_path / 's.toml'}: {said}")


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"clips": "gone.h5"}, DataError, "sweep.clips: gone.h5: no such file"),
        ({"train": {"seed": 3}}, ConfigError, "train.seed: a sweep takes its seeds from sweep.seeds"),
        (
            {"grid": {"policy": {"stepz": [3]}}},
            ConfigError,
            "control.weight=0,stepz=3: policy.stepz: unknown setting; did you mean steps",
        ),
        ({"executor": {"name": "loacl"}}, PluginError, "unknown executor 'loacl'; did you mean local?"),
        ({"executor": {"workers": 0}}, ConfigError, "executor.workers: must be >= 1, got 0"),
        (
            {"analyze": {"registration": {}}},
            ConfigError,
            "analyze.registration: reads clips, which no training changes",
        ),
        ({"analyze": {"emg": {}}}, ConfigError, 'analyze.emg: needs emg; add emg = "emg.h5"'),
        ({"analyze": {"recovery": {}}}, ConfigError, "analyze.recovery: compares perturbed rollouts"),
        ({"analyze": {"train": {"analysis": "tracking"}}}, ConfigError, "analyze.train: a name of the sweep"),
        ({"analyze": {"tracking": {"saturation": 2}}}, ConfigError, "analyze.tracking.saturation: must be <= 1, got 2"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(plugins, sweep_file, tmp_path, change, error, said):
    with pytest.raises(error, match=f"^{re.escape(said)}"):
        sweep(plugins, sweep_file, tmp_path / "out", **change)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_else_is_left_alone(plugins, sweep_file, tmp_path):
    with pytest.raises(DataError, match="holds no sweep; choose another --out"):
        sweep(plugins, sweep_file, tmp_path)


def test_what_is_shown_can_be_run(plugins, tmp_path):
    """The example and the sweep file of the documentation have no wrong setting."""
    root = ROOT
    (tmp_path / "docs.toml").write_text((root / "docs/sweeps.md").read_text().split("```toml\n")[1].split("```")[0])
    for file, runs in (
        (root / "examples/sweep_control_cost.toml", 70),
        (root / "examples/sweep_segments.toml", 18),
        (tmp_path / "docs.toml", 40),
    ):
        (tmp_path / "clips.h5").touch()
        whole = wanted(SweepOptions(file=file), Inputs({"clips": [tmp_path / "clips.h5"]}), plugins)
        assert len(expand(plugins, whole)) == runs


# -- which run as one program ---------------------------------------------------------------------------------


def tracing(*patterns: str) -> Plugins:
    """The installed plugins, with a policy whose settings of these patterns are traced."""
    plugins = discover()
    plugins._provided = [
        attrs.evolve(p, record=attrs.evolve(p.record, traced=patterns)) if p.kind == "policy" else p
        for p in plugins.provided()
    ]
    return plugins


GRID = """
[sweep]
clips = "c.h5"
seeds = 3
[sweep.grid]
"rewards.control.weight" = [0, 0.1]
"task.window" = [2, 5]
"""


def test_runs_that_differ_in_traced_settings_alone_are_one_job(tmp_path):
    file = given(discover(), GRID, tmp_path)
    for patterns, sizes in (
        ((), [1] * 12),
        (("seed",), [3] * 4),
        (("rewards.*.weight",), [2] * 6),
        (("seed", "rewards.*.weight"), [6, 6]),
        (("seed", "rewards.*.weight", "task.*"), [12]),
    ):
        plugins = tracing(*patterns)
        runs = expand(plugins, file)
        groups = grouped(plugins, runs, 100)
        assert [len(g) for g in groups] == sizes, patterns
        assert sorted(r.name for g in groups for r in g) == sorted(r.name for r in runs)


def test_no_job_has_more_runs_than_asked_for(tmp_path):
    plugins = tracing("seed", "rewards.*.weight")
    groups = grouped(plugins, expand(plugins, given(plugins, GRID, tmp_path)), 4)
    assert [len(g) for g in groups] == [4, 2, 4, 2]
    assert all(len({r.plan["task.window"] for r in g}) == 1 for g in groups)


def test_a_term_that_is_left_out_makes_another_program(tmp_path):
    plugins = tracing("seed", "rewards.*.weight")
    file = given(
        plugins,
        '[sweep]\nclips="c.h5"\nseeds=1\n[sweep.grid]\n"rewards.energy" = [false, {weight = 0.0}, {weight = 1.0}]',
        tmp_path,
    )
    groups = grouped(plugins, expand(plugins, file), 16)
    assert [[r.values["rewards.energy"] for r in g] for g in groups] == [[False], [{"weight": 0.0}, {"weight": 1.0}]]


def test_one_program_trains_a_whole_job(sweep_file, tmp_path, monkeypatch):
    """Every member of a job gets its own folder, settings and summary."""
    plugins, calls = tracing("seed", "rewards.*.weight"), []
    plugins.add(Here(), "tests:here")

    def together(plugins, clips_file, *, outs, given, progress):
        calls.append((clips_file, outs, given))
        for out in outs:
            out.mkdir(parents=True, exist_ok=True)
        return [{"tracking_mm": 10.0 * g["rewards"]["control"]["weight"] + g["seed"]} for g in given]

    monkeypatch.setattr(job, "train_together", together)
    summary = sweep(plugins, sweep_file, tmp_path / "out", **{"executor": {"name": "here"}})
    ((clips, outs, settings),) = calls
    assert clips == str(tmp_path / "clips.h5") and outs == [tmp_path / "out" / n for n in NAMES]
    assert [g["seed"] for g in settings] == [0, 4, 0, 4]
    assert [p["metrics"]["train.tracking_mm"]["mean"] for p in summary["points"]] == [2.0, 3.5]
    calls.clear()
    (tmp_path / "out" / NAMES[1] / "summary.json").unlink()
    (tmp_path / "out" / NAMES[2] / "summary.json").unlink()
    again = sweep(plugins, sweep_file, tmp_path / "out", **{"executor": {"name": "here"}})
    assert [o.name for o in calls[0][1]] == ["seed-4", "seed-0"] and again["done"] == NAMES[1:3]


# -- the whole of it ------------------------------------------------------------------------------------------


ALONE = {"executor": {"name": "here"}, "max_together": 1}


def test_a_sweep_goes_on_and_tabulates(with_here, sweep_file, tmp_path, monkeypatch):
    """The trainings are pretended, one of them failing at first."""
    out, trained = tmp_path / "out", []

    def train(plugins, stage, *, clips, out, **given):
        assert stage == "train"
        trained.append(str(Path(out).relative_to(tmp_path / "out")))
        if len(trained) == 3:
            raise TrainingError("reward is not finite")
        return {"tracking_mm": 20 * given["rewards"]["control"]["weight"] + given["seed"], "training": {"seconds": 1}}

    monkeypatch.setattr(job, "do", train)  # nothing is rolled out
    first = sweep(with_here, sweep_file, out, **ALONE)
    assert first["failed"] == {NAMES[2]: "reward is not finite"}
    assert first["done"] == [n for n in NAMES if n != NAMES[2]] and trained == NAMES  # the others went on
    second = sweep(with_here, sweep_file, out, **ALONE)
    assert (second["done"], second["failed"], second["runs"], trained[4:]) == ([NAMES[2]], {}, 4, [NAMES[2]])

    with (out / "results.csv").open() as f:
        rows = [list(r.values()) for r in csv.DictReader(f)]
    assert rows == [
        ["control.weight=0/seed-0", "0", "0", "0", "1"],
        ["control.weight=0/seed-4", "0", "4", "4", "1"],
        ["control.weight=0.15/seed-0", "0.15", "0", "3.0", "1"],
        ["control.weight=0.15/seed-4", "0.15", "4", "7.0", "1"],
    ]
    with (out / "summary.csv").open() as f:
        means = {(r["rewards.control.weight"], r["metric"]): r for r in csv.DictReader(f)}
    found = means["0.15", "train.tracking_mm"]
    assert (float(found["mean"]), found["seeds"]) == (5.0, "2")
    assert float(found["ci95_high"]) == pytest.approx(5 + 12.706205 * 2, rel=1e-6)  # t(0.975, 1)·√8/√2
    assert (out / "sweep.png").stat().st_size > 1000

    third = sweep(with_here, sweep_file, out, **ALONE)
    assert (third["done"], third["reused"], third["points"], len(trained)) == ([], NAMES, second["points"], 5)
    with pytest.raises(ConfigError, match="was trained with other settings or clips; choose another --out"):
        sweep(with_here, sweep_file, out, **{**ALONE, "train": {"policy": {"unroll": 10}}})


def test_where_one_program_fails_its_runs_go_one_by_one(sweep_file, tmp_path, monkeypatch):
    plugins = tracing("seed", "rewards.*.weight")
    plugins.add(Here(), "tests:here")

    def together(*args, **kwargs):
        raise TrainingError("reward is not finite")

    def train(plugins, stage, *, clips, out, **given):
        if given["seed"] == 4:
            raise TrainingError("seed 4 diverges")
        return {"tracking_mm": 1.0}

    monkeypatch.setattr(job, "train_together", together)
    monkeypatch.setattr(job, "do", train)
    summary = sweep(plugins, sweep_file, tmp_path / "out", **{"executor": {"name": "here"}})
    assert summary["done"] == [NAMES[0], NAMES[2]] and list(summary["failed"]) == [NAMES[1], NAMES[3]]
    assert "seed 4 diverges" in summary["failed"][NAMES[3]]


@pytest.mark.slow
def test_another_analysis_is_added_without_training_again(with_here, sweep_file, tmp_path, monkeypatch):
    here = ALONE | {"seeds": 1, "grid": {"rewards.control.weight": [0]}}
    out = tmp_path / "out"
    sweep(with_here, sweep_file, out, **here)
    curve = (out / NAMES[0] / "curve.csv").read_bytes()
    summary = sweep(with_here, sweep_file, out, **{**here, "analyze": {"tracking": {}}})
    assert all((out / NAMES[0] / f).is_file() for f in ("run.json", "rollouts.h5", "analysis/tracking/metrics.json"))
    assert summary["done"] == NAMES[:1]
    assert (out / NAMES[0] / "curve.csv").read_bytes() == curve
    with (out / "results.csv").open() as f:
        (row,) = csv.DictReader(f)
    assert float(row["tracking.joint_deg.elbow"]) > 0 and 0 < float(row["rollout.terms.joint"]) <= 1

    # what was measured stands until the analysis has another version
    def measured_at():
        sweep(with_here, sweep_file, out, **{**here, "analyze": {"tracking": {}}})
        return (out / NAMES[0] / "summary.json").stat().st_mtime_ns

    last = measured_at()
    assert measured_at() == last
    monkeypatch.setitem(with_here._versions, with_here.provider("analysis", "tracking").plugin, "99")
    assert measured_at() > last and (out / NAMES[0] / "curve.csv").read_bytes() == curve


@pytest.mark.slow
def test_runs_of_one_program_end_as_each_does_by_itself(with_here, sweep_file, tmp_path):
    together = sweep(with_here, sweep_file, tmp_path / "together", **{"executor": {"name": "here"}})
    alone = sweep(with_here, sweep_file, tmp_path / "alone", **ALONE)
    assert together["done"] == alone["done"] == NAMES
    for name in NAMES:
        found, expected = (
            json.loads((tmp_path / way / name / "summary.json").read_text())["metrics"]["train"]
            for way in ("together", "alone")
        )
        assert found["training"]["together"] == 4
        assert found["tracking_mm"] == pytest.approx(expected["tracking_mm"], rel=1e-3), name


@pytest.mark.slow
def test_the_command_runs_a_sweep_in_processes(sweep_file, tmp_path):
    from mimic_core.records.rollouts import Rollouts

    plugin = tmp_path / "effort.py"
    plugin.write_text((ROOT / "examples/mimic_effort/mimic_effort/__init__.py").read_text())
    (tmp_path / "out" / NAMES[1]).mkdir(parents=True)
    (tmp_path / "out" / "sweep.json").write_text("{}")
    (tmp_path / "out" / NAMES[1] / "notes.txt").write_text("not a run")
    arguments = ("--plugin", plugin, "sweep", sweep_file, "--out", "out", "--json", "--set", "executor.workers=2")
    arguments += ("--set", "train.rewards.effort.weight=0.1", "--set", "analyze.tracking.saturation=0.9")
    arguments += ("--set", "sweep.max_together=1")
    done = mimic(*arguments, cwd=tmp_path, apart=True)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith(f"mimic: error: failed: {NAMES[1]}: ") and "goes on" not in last
    assert "holds no training run" in last and f"logs/{NAMES[1]}.log" in last
    assert json.loads(done.stdout)["done"] == [n for n in NAMES if n != NAMES[1]]
    (tmp_path / "out" / NAMES[1] / "notes.txt").unlink()
    done = mimic(*arguments, cwd=tmp_path, apart=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["done"] == [NAMES[1]]
    assert "effort" in Rollouts.load(tmp_path / "out" / NAMES[1] / "rollouts.h5").reward_terms


def test_clips_of_the_command_stand_in_for_those_of_the_file(with_here, sweep_file, tmp_path, monkeypatch, capsys):
    """The sweep file may name clips that are not there."""
    from mimic_core.cli import app

    monkeypatch.setattr(job, "do", lambda plugins, stage, **given: {"tracking_mm": 1.0})
    monkeypatch.setattr("mimic_core.cli.common.installed", lambda: with_here)
    there = tmp_path / "elsewhere.h5"
    sweep_file.with_name("clips.h5").rename(there)
    settings = ("--set", f"sweep.clips={there}", "--set", "sweep.max_together=1", "--set", "executor.name=here")
    app(["sweep", str(sweep_file), "--out", str(tmp_path / "out"), "--json", *settings], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["done"] == NAMES


def test_a_failed_sweep_is_an_error_of_the_command_and_of_a_run(with_here, sweep_file, tmp_path, monkeypatch, capsys):
    """What is finished is told all the same, and a run file goes on with what is not."""
    from mimic_core.cli import app

    failing = [True]

    def train(plugins, stage, *, clips, out, **given):
        if given["seed"] == 4 and failing:
            raise TrainingError("seed 4 diverges")
        return {"tracking_mm": 1.0}

    monkeypatch.setattr(job, "do", train)
    monkeypatch.setattr("mimic_core.cli.common.installed", lambda: with_here)
    with pytest.raises(TrainingError, match=r"^failed: control.weight=0/seed-4 \(and 1 more\): .*tries again what"):
        settings = ("--set", "sweep.max_together=1", "--set", "executor.name=here")
        app(["sweep", str(sweep_file), "--out", str(tmp_path / "out"), "--json", *settings], standalone_mode=False)
    assert list(json.loads(capsys.readouterr().out)["failed"]) == [NAMES[1], NAMES[3]]

    run_file = tmp_path / "run.toml"
    text = SWEEP.replace("[sweep]", "[sweep]\nmax_together = 1").replace("title =", "# ")
    run_file.write_text(text.replace("[train.", "[sweep.train.") + "[executor]\nname = 'here'\n")
    with pytest.raises(TrainingError, match=r"^sweep: failed: control.weight=0/seed-4 "):
        pipeline.run(with_here, run_file, tmp_path / "run")
    failing.clear()
    summary = pipeline.run(with_here, run_file, tmp_path / "run")
    assert summary["done"] == ["sweep"]
    assert summary["stages"]["sweep"]["reused"] == [NAMES[0], NAMES[2]]
    assert pipeline.run(with_here, run_file, tmp_path / "run")["reused"] == ["sweep"]


# -- as a section of a run file -----------------------------------------------------------------------------------


def test_a_run_file_shares_its_sections_with_its_sweep(with_here, toy_clips, tmp_path, monkeypatch):
    """[train] and [analyze.*] are the sweep's too, but for what no training changes; [sweep.train] comes first."""
    toy_clips.save(tmp_path / "clips.h5")
    seen = []

    def execute(sweep, inputs, context):
        found = engine._checked(sweep, inputs, context)
        seen.append(found)
        (context.out).mkdir(parents=True)
        return {"points": []}

    monkeypatch.setattr(engine, "work", execute)
    text = """
    [sweep]
    clips = "clips.h5"
    seeds = 2
    grid = {"rewards.control.weight" = [0, 0.1]}
    MORE
    [analyze.tracking]
    [analyze.registration]
    clips = "clips.h5"
    """
    own = "[sweep.train.policy]\n    name = 'bottleneck_ppo'\n    unroll = 7"
    for more, unroll in (("", 20), (own, 7)):
        (tmp_path / "run.toml").write_text(dedent(text.replace("MORE", more)))
        config = load_run_file(tmp_path / "run.toml", {}, with_here)
        config["train"] = {"policy": {"name": "bottleneck_ppo", "unroll": 20}}
        (table,) = [t for spec, _, t in sections(config, with_here) if spec.name == "sweep"]
        do(with_here, "sweep", out=tmp_path / f"out{unroll}", **table)
        assert {t.plan["policy.unroll"] for t in seen[-1].trainings} == {unroll}
        assert [m.label for m in seen[-1].measures] == ["tracking"] and seen[-1].rollout == {}
        assert seen[-1].clips == tmp_path / "clips.h5"
