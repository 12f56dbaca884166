"""What the report compares with, and the methods that it writes."""

from __future__ import annotations

import re

import pytest
from report_cases import analysis, entry, written

from mimic_core import AnalysisSpec, ConfigError, DataError, Result, hookimpl
from mimic_core.chain import HOOKS, LoadedPlugins
from mimic_core.files import write_json, write_text
from mimic_report.comparison import Figure, own, published_for
from mimic_report.finished_run import inside, read_run
from mimic_report.methods import methods, references

PLAN = {
    "policy": "bottleneck_apg",
    "preset": "joint_only",
    "actuation": "hill",
    "seed": 4,
    "settings": {
        "policy": {"encoder_layers": [512, 512], "learning_rate": 0.003, "horizon": None},
        "actuation": {"smoothing": 0.0},
        "rewards": {"joint": {"weight": 5.0, "scale": 0.2}, "control": {"weight": 0.0}},
        "observations": {},
        "terminations": {"nobody_has_this": {"max_share": 0.5}},
        "task": {"control_rate_hz": 400.0, "noise": {"motor": 0.0}},
    },
}
BODY = {
    "name": "mouse_forelimb",
    "variant": "paper",
    "muscles": [{}, {}],
    "physics": {"timestep": 0.00125, "integrator": "rk4", "solver": "cg", "iterations": 6, "ls_iterations": 6},
}


@pytest.fixture
def folder(tmp_path):
    """A run with a training, rollouts, and an analysis under another name."""
    tracking = {"by_split": {"held_out": {"keypoint_mm": {"mean": 0.4}}}, "keypoint_mm": {"mean": 0.3}}
    registered = {
        "body": "mouse_forelimb:paper",
        "method": "stac",
        "clips": 3,
        "frames": 300,
        "rate_hz": 200.0,
        "keypoints": ["elbow", "wrist"],
        "scale": 1.08,
        "error_mm": {"mean": 0.47},
    }
    trained = {
        "platform": "cpu",
        "simulator": "mjx",
        "training": {"control_steps": 2_000_000, "seconds": 20.0, "steps_per_second": 1e5},
    }
    rolled_out = {"tracking": tracking, "clips": 3, "simulator": "mujoco", "rate_hz": 400.0}
    stages = [
        entry("register", command="mimic register a.h5", summary=registered),
        entry("train", command="mimic train clips.h5", summary=trained, outputs={"out": "train"}),
        entry("rollout", options={"checkpoint": "best", "seed": None}, summary=rolled_out),
        analysis("joints", "simplex", command="mimic analyze simplex rollouts.h5 --out analysis/joints"),
    ]
    write_json(tmp_path / "manifest.json", {"mimic": "0.1.0", "plugins": {"mujoco": "3.17.0"}, "stages": stages})
    write_json(
        tmp_path / "train" / "run.json",
        {"plan": PLAN, "body": BODY, "train_clips": ["a", "b"], "held_out_clips": ["c"]},
    )
    Result(
        metrics={"rho": {"Biceps_Long": 0.81}, "explained": [0.5, 0.25, 0.125, 0.1], "flag": True, "nan": None},
        methods="By simplex projection (Sugihara & May 1990, doi:10.1038/344734a0).",
    ).save(tmp_path / "analysis" / "joints")
    return tmp_path


# ---- published figures


def rows(page: str) -> dict[str, list[str]]:
    """The table of published figures on a page: quantity → texts of the other cells."""
    table = re.search(r'<table class="published">(.*?)</table>', page, re.DOTALL)[1]
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr>(.*?)</tr>", table)]
    return {re.sub("<[^>]+>", "", row[0]): [re.sub("<[^>]+>", " ", cell) for cell in row[1:]] for row in found}


def test_the_figures_that_come_with_it_are_those_of_the_body(plugins, folder):
    found = rows(written(plugins, folder, folder).read_text(encoding="utf-8"))
    assert found["registration error, mean over keypoints (mm)"][:2] == ["&lt; 1", " 0.47 "]
    assert found["tracking error, joint-only, mean (mm)"][1] == " 0.4 "
    assert found["training speed (control steps/s)"][1] == " 100,000 "
    assert found["control steps of the training (millions)"][1] == " 2 "
    assert found["simplex ρ, joints to simulated biceps"][:2] == ["0.802", " 0.81 "]
    lacking = found["EMG mean absolute error, triceps, physics-aware"]
    assert lacking[1] == " not in this run " and "mimic train clips.h5 --preset physics_aware" in lacking[2]


def test_a_value_comes_with_its_section_and_command(folder):
    found = own(read_run(folder), Figure(what="x", published="1", read=("simplex: rho.Biceps_Long",)))
    assert (found.stage.anchor, found.stage.command) == (
        "analysis-joints",
        "mimic analyze simplex rollouts.h5 --out analysis/joints",
    )
    assert own(read_run(folder), Figure(what="x", published="1", read=("joints: rho.Biceps_Long",))) == found


def test_what_is_synthetic_is_not_compared(folder):
    figure = Figure(what="x", published="1", read=("simplex: rho.Biceps_Long",))
    Result(metrics={"rho": {"Biceps_Long": 0.81}, "synthetic": True}).save(folder / "analysis" / "joints")
    assert own(read_run(folder), figure) is None
    Result(metrics={"rho": {"Biceps_Long": 0.81}, "synthetic": False}).save(folder / "analysis" / "joints")
    assert own(read_run(folder), figure).value == "0.81"


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        ({"read": ("simplex: explained",), "first": 3, "times": 100.0}, "50 / 25 / 12.5"),
        ({"read": ("simplex: nothing", "register: error_mm.mean")}, "0.47"),
        ({"read": ("simplex: rho.Biceps_Long, explained",), "first": 1}, "0.81 / 0.5"),
        ({"read": ("simplex: rho.Biceps_Long, nothing",)}, None),
        ({"read": ("simplex: flag",)}, None),
        ({"read": ("simplex: nan",)}, None),
        ({"read": ("simplex: rho",)}, None),
        ({}, None),
        (
            {"read": ("simplex: rho.Biceps_Long",), "when": {"rewards.joint.weight": 5.0, "rewards.energy.weight": 0}},
            "0.81",
        ),
        ({"read": ("simplex: rho.Biceps_Long",), "when": {"rewards.joint.weight": 4.0}}, None),
    ],
)
def test_where_a_value_is_read(folder, settings, value):
    found = own(read_run(folder), Figure(what="x", published="1", **settings))
    assert (found and found.value) == value


def test_another_body_has_no_comparison_but_may_bring_one(plugins, folder, tmp_path):
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("mouse_forelimb:paper", "rat"))
    assert published_for(read_run(folder), "") is None
    file = tmp_path / "mine.toml"
    write_text(
        file,
        'source = "Me 2020"\nbody = "rat"\n'
        '[[figures]]\nwhat = "<error>"\npublished = "2"\nread = ["register: error_mm.mean"]\n',
    )
    page = written(plugins, folder, tmp_path / "out", published=str(file)).read_text(encoding="utf-8")
    assert "Figures of Me 2020" in page and rows(page)["&lt;error&gt;"][1] == " 0.47 "


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("source = 1", "source: must be text"),
        ('source = ""\nbody = "b"\nfigures = []\nfigure = []', "figure"),
        (
            'source = ""\nbody = "b"\n[[figures]]\nwhat = "w"\npublished = "1"\nread = ["rho"]',
            "must be 'STAGE: path.to.number'",
        ),
        ("source = ", "not valid TOML"),
    ],
)
def test_a_file_of_figures_that_is_wrong_is_said_so(folder, tmp_path, text, says):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        published_for(read_run(folder), str(file))
    assert "mine.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_synthetic_movements_are_not_compared(plugins, folder):
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"mimic": "0.1.0"', '"mimic": "0.1.0", "synthetic": true'))
    page = written(plugins, folder, folder).read_text(encoding="utf-8")
    assert "the figures cannot be compared" in page


# ---- methods


def test_methods_hold_every_setting(plugins, folder):
    said = dict(methods(read_run(folder), plugins).parts)
    assert list(said) == ["Registration", "Body and physics", "Training", "Rollouts", "Analysis: joints"]
    assert "3 clips (300 frames at 200 Hz) of the keypoints elbow, wrist" in said["Registration"]
    assert "1.080 times the size of the model" in said["Registration"]
    assert (
        "in steps of 1.25 ms (rk4; solver cg, 6 iterations with 6 line-search iterations)" in said["Body and physics"]
    )
    training = said["Training"]
    for words in (
        "preset joint_only, with seed 4, on 2 clips; 1 were held out",
        "2,000,000 control steps and 20.0 s on cpu with the simulator mjx",
        "encoder layers [512, 512], learning rate 0.003, horizon none",
        "(weight 5, scale 0.2)",
        "nobody_has_this (max share 0.5)".replace("_", " "),
        "control rate 400 Hz, noise (motor 0)",
    ):
        assert words in training
    assert "from the best checkpoint" in said["Rollouts"] and "the policy's mean action" in said["Rollouts"]


def test_the_seed_of_stochastic_rollouts_is_named(plugins, folder):
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"seed": null', '"seed": 3'))
    assert "with actions drawn with seed 3, in" in dict(methods(read_run(folder), plugins).parts)["Rollouts"]


class Forecasts:
    """A plugin with an analysis called simplex, from another source."""

    def __init__(self, source: str) -> None:
        self.source = source

    @hookimpl
    def mimic_analyses(self):
        yield AnalysisSpec(name="simplex", build=dict, source=self.source)


def test_sources_are_those_of_the_plugins_that_the_run_prefers(folder):
    plugins = LoadedPlugins(HOOKS)
    plugins.add(Forecasts("Aye 2001, doi:10.1000/1"), "a")
    plugins.add(Forecasts("Bee 2002, doi:10.1000/2"), "b")
    for plugin, who in (("a", "Aye 2001"), ("b", "Bee 2002")):
        preferring = plugins.preferring({"analysis.simplex": plugin})
        named = [r.who for r in methods(read_run(folder), preferring).references]
        assert [w for w in named if w in ("Aye 2001", "Bee 2002")] == [who]
        assert f"{who}. " in written(preferring, folder, folder).read_text(encoding="utf-8")


def test_references_are_listed_once_and_by_name(plugins, folder):
    page = written(plugins, folder, folder).read_text(encoding="utf-8")
    named = re.findall(r"<li>(.*?)\. <a href=\"(.*?)\">", page)
    assert len({url for _, url in named}) == len(named) and named == sorted(named, key=lambda n: n[0].lower())
    assert ("Sugihara &amp; May 1990", "https://doi.org/10.1038/344734a0") in named
    assert ("Takens 1981", "https://doi.org/10.1007/BFb0091924") in named  # the analysis gives it as its source
    assert ("Leonardis et al. 2025", "https://arxiv.org/abs/2511.21848") in named


def test_citations_are_found_in_the_forms_that_plugins_use():
    words = (
        "After Bhargava, Pandy & Anderson 2004, doi:10.1016/S0021-9290(03)00239-2; "
        "(Wiedemann et al. 2023 (arXiv 2209.13052)); "
        "Merel et al. 2020, Deep neuroethology of a virtual rodent, arXiv:1911.09451. The year 2019 is none. "
        "Leonardis et al. 2025, Fig. 2A; knee: Satopää et al. 2011, doi:10.1109/ICDCSW.2011.20). "
        "Wu, Tran, Kirk & Todorov 2013, doi:10.1109/HUMANOIDS.2013.7029995 (STAC)"
    )
    assert [(r.who, r.label) for r in references(words + " " + words)] == [
        ("Bhargava, Pandy & Anderson 2004", "doi:10.1016/S0021-9290(03)00239-2"),
        ("Merel et al. 2020, Deep neuroethology of a virtual rodent", "arXiv:1911.09451"),
        ("Satopää et al. 2011", "doi:10.1109/ICDCSW.2011.20"),
        ("Wiedemann et al. 2023", "arXiv:2209.13052"),
        ("Wu, Tran, Kirk & Todorov 2013", "doi:10.1109/HUMANOIDS.2013.7029995"),
    ]


def test_every_analysis_says_what_makes_it_alone_and_where_its_files_are(plugins, folder, tmp_path):
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(2, 2))
    drawing.subplots().plot([0, 1])
    Result(figures={"a line": drawing}).save(folder / "analysis" / "joints")
    beside = written(plugins, folder, folder).read_text(encoding="utf-8")
    assert "mimic analyze simplex rollouts.h5 --out analysis/joints" in beside
    assert 'href="analysis/joints/a%20line.pdf"' in beside
    apart = written(plugins, folder, tmp_path.parent / "elsewhere").read_text(encoding="utf-8")
    assert "a line.pdf" in apart and "a%20line.pdf" not in apart


@pytest.mark.parametrize("name", ["é" * 200, "x" * 300, "/".join(["../x"] * 300)])
def test_a_name_that_no_file_can_have_is_one_line(tmp_path, name):
    with pytest.raises(DataError, match="is no name of a file"):
        inside(tmp_path, name)
    assert inside(tmp_path, "a.h5") == tmp_path / "a.h5"
