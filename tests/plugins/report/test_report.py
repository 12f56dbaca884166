"""The HTML report from a small run directory."""

from __future__ import annotations

import base64
import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from report_cases import analysis, entry, written

from mimic_core import ConfigError, DataError, Headline, Result, Table
from mimic_core.files import write_json, write_text
from mimic_report import Settings
from mimic_report.elements import cells
from mimic_report.finished_run import read_run
from mimic_report.summary import headlines, in_words
from mimic_report.values import duration, show

VOID = {"meta", "img", "br", "hr", "link", "input"}
HASH = "sha256:" + "0123456789abcdef" * 4


class Page(HTMLParser):
    """Collects what a page holds and complains about tags that are not closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.attributes, self.tags, self.ids = [], [], [], [], []
        self.feed(source)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, k, v) for k, v in attrs]
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def a_figure():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([0, 1], [1, 0])
    return figure


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run with a clip whose name is markup."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    errors = {
        "mean": 0.42,
        "median": 0.39,
        "p95": 1.1,
        "max": 2.2,
        "per_keypoint": {"elbow": 0.4, "<b>wrist</b>": 0.44},
    }
    by = {
        "joint_deg_mean": 1.5,
        "keypoint_mm": {**errors, "mean": 0.62},
        "tracked_keypoint_mm": {**errors, "mean": 0.9},
    }
    tracking = {**by, "by_split": {"held_out": by, "train": {**by, "keypoint_mm": {**errors, "mean": 0.51}}}}
    curve = [{"control_steps": 1000 * i, "seconds": i, "reward": i / 10, "tracking_mm": 9 / (1 + i)} for i in range(9)]
    lines = [",".join(curve[0]), *(",".join(map(str, row.values())) for row in curve)]
    write_text(folder / "train" / "curve.csv", "\n".join(lines) + "\n")
    Result(
        headlines=(Headline("forecast of <b>", 0.75, "1", "0 shuffled"), Headline("lag", None, "ms")),
        sentence="Unseen clips are forecast with a ρ of 0.75 & more.",
        metrics={"rho": {"biceps": 0.8, "triceps": 0.7}},
        tables={
            "scores": Table(columns=("clip", "rho"), rows=[("<b>", 0.81234), ("007", 0.7)], caption="Scores & more")
        },
        figures={"rho": a_figure()},
        captions={"rho": "rho of <b> & others"},
        methods="Simplex projection, d < d_min.",
    ).save(folder / "analysis" / "simplex")
    registered = {
        "error_mm": errors,
        "clips": 37,
        "frames": 3700,
        "body": "mouse_forelimb",
        "scale": 0.97,
        "unused_keypoints": ["<b>"],
        "headlines": [Headline("registration error", 0.42, "mm", "mean over keypoints")],
    }
    trained = {
        "policy": "bottleneck_apg",
        "train_clips": 30,
        "training": {"control_steps": 190000, "seconds": 49.0, "curve": curve},
    }
    held_out = Headline("tracking error, held-out clips", 0.62, "mm", "mean over moving keypoints")
    stages = [
        entry(
            "register",
            seconds=33.25,
            command="mimic register '<b>.h5'",
            outputs={"out": "clips.h5"},
            summary=registered,
        ),
        entry(
            "train",
            status="reused",
            seconds=125.0,
            command="mimic train clips.h5",
            outputs={"out": "train"},
            summary=trained,
        ),
        entry("rollout", seconds=2.0, summary={"tracking": tracking, "headlines": [held_out]}),
        analysis("simplex", "simplex", seconds=3.0),
    ]
    write_json(
        folder / "manifest.json",
        {
            "mimic": "0.1.0",
            "api": 1,
            "title": "Reach <b>",
            "created": "2025-01-02T03:04:05",
            "seed": 7,
            "synthetic": True,
            "config": {"seed": 7, "name": "<b>", "train": {"policy": "bottleneck_apg", "nothing": None}},
            "plugins": {"mimic-neuro:simplex": "0.1.0"},
            "inputs": {"<b>.h5": HASH},
            "stages": stages,
        },
    )
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """That run, to be altered."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture(scope="module")
def source(plugins, finished, tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    path = written(plugins, finished, out)
    assert path == out / "report.html"
    return path.read_text(encoding="utf-8")


def test_page_is_well_formed_with_unique_ids(source):
    page = Page(source)
    assert source.startswith("<!DOCTYPE html>")
    assert len(set(page.ids)) == len(page.ids)
    links = [v[1:] for _, k, v in page.attributes if k == "href" and v.startswith("#")]
    sections = [v for tag, k, v in page.attributes if tag == "section" and k == "id"]
    assert links[: len(sections)] == sections  # every section is in the table of contents, in order
    assert set(links) <= set(page.ids)
    assert page.tags.count("h1") == 1


def test_nothing_comes_from_the_network(source):
    page = Page(source)
    assert not {"link", "iframe", "object"} & set(page.tags)
    for tag, key, v in page.attributes:
        if key in ("src", "srcset", "action", "data") or (key == "href" and tag != "a"):
            assert tag == "img" and v.startswith("data:image/")
    assert "url(" not in source and "@import" not in source and "fetch(" not in source
    assert "default-src 'none'" in source  # the browser itself would refuse


def test_figures_are_inlined(source):
    images = [v for tag, k, v in Page(source).attributes if tag == "img" and k == "src"]
    assert len(images) == 2  # the training curve and the figure of the analysis
    for image in images:
        content = base64.b64decode(image.partition("base64,")[2], validate=True)
        assert content.startswith(b"<?xml") and b"</svg>" in content


def test_large_svg_gives_way_to_png(plugins, run, tmp_path):
    svg = run / "analysis" / "simplex" / "rho.svg"
    svg.write_text(svg.read_text() + " " * 700_000)
    html = written(plugins, run, tmp_path / "page.html").read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == 1
    assert "iVBORw0KGgo" in html


def test_text_is_escaped(source):
    page = Page(source)
    assert "b" not in page.tags
    assert "Reach <b>" in page.words and "rho of <b> & others" in page.words
    for text in ("&lt;b&gt;.h5", "&lt;b&gt;wrist&lt;/b&gt;", "Scores &amp; more", "d &lt; d_min"):
        assert text in source
    assert 'alt="rho of &lt;b&gt; &amp; others"' in source


def test_page_says_what_was_found(source):
    words = Page(source).words
    assert "Synthetic data." in words
    for said in (
        "37 clips (3,700 frames)",
        "body mouse_forelimb",
        "mean distance of 0.42 mm",
        "0.62 mm on clips it was not",
        "0.51 mm on training clips",
        "190,000 control steps (49.0\N{NO-BREAK SPACE}s of training)",
        "Unseen clips are forecast with a ρ of 0.75 & more.",
        "seed 7",
        "sha256:0123456789abcdef",
        "mimic register '<b>.h5'",
        "Simplex projection, d < d_min.",
        'policy = "bottleneck_apg"',
    ):
        assert " ".join(said.split()) in words, said
    assert "Stage: analyze.simplex" not in words  # its section is the analysis


def test_headlines_are_those_of_stages_and_analyses_whatever_they_are(run):
    found = {h.label: (h.value, h.note, h.anchor) for h in headlines(read_run(run))}
    assert list(found.items()) == [
        ("registration error", ("0.42 mm", "mean over keypoints", "stage-register")),
        ("tracking error, held-out clips", ("0.62 mm", "mean over moving keypoints", "stage-rollout")),
        ("forecast of <b>", ("0.75", "0 shuffled", "analysis-simplex")),
        ("lag", ("–", "", "analysis-simplex")),
    ]


def test_headlines_of_one_label_are_told_apart(run):
    manifest = json.loads((run / "manifest.json").read_text())
    for stage in manifest["stages"][:2]:
        stage["summary"]["headlines"] = [{"label": "clips", "value": 5}]
    write_json(run / "manifest.json", manifest)
    names = [e["name"] for e in manifest["stages"][:2]]
    assert [h.label for h in headlines(read_run(run))][:2] == [f"clips ({name})" for name in names]


def test_a_headline_that_is_wrong_is_said_so(run):
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["stages"][0]["summary"]["headlines"] = [{"label": "clips", "value": "many"}]
    write_json(run / "manifest.json", manifest)
    with pytest.raises(ConfigError, match=r"manifest.json: register.headlines\[0\].value: .*'many'"):
        read_run(run)


def test_a_stage_of_another_plugin_has_its_section_with_its_result(plugins, run, tmp_path):
    manifest = json.loads((run / "manifest.json").read_text())
    summary = {"plates": 2, "headlines": [Headline("peak force", 1.25, "N", "over all trials")]}
    more = {"command": "mimic plates a.c3d --out plates", "outputs": {"out": "plates"}, "summary": summary}
    manifest["stages"].append(entry("plates", **more))
    write_json(run / "manifest.json", manifest)
    forces = Table(columns=("trial", "peak (N)"), rows=[("t1", 1.25)], caption="Peak of each trial.")
    Result(
        headlines=(Headline("trials", 1),),
        sentence="The animal pushed.",
        metrics={"peak_N": {"t1": 1.25}},
        tables={"forces": forces},
        figures={"course": a_figure()},
        methods="Forces were low-pass filtered.",
    ).save(run / "plates")
    source = written(plugins, run, run).read_text(encoding="utf-8")
    section = re.search(r'<section id="stage-plates">(.*?)</section>', source, re.DOTALL)[1]
    words = Page(section).words
    for said in (
        "Stage: plates",
        "Made alone by mimic plates a.c3d --out plates",
        "plates 2",
        "Peak of each trial. trial peak (N) t1 1.25",
        "course.pdf",
    ):
        assert said in words, said
    whole = Page(source)
    assert "The animal pushed." in whole.words and "Stage: plates Forces were low-pass filtered." in whole.words
    labels = [h.label for h in headlines(read_run(run))]
    assert labels.index("registration error") < labels.index("peak force") < labels.index("trials")
    assert labels.index("trials") < labels.index("forecast of <b>")  # analyses come last


def test_a_stage_without_a_result_shows_its_numbers(plugins, run, tmp_path):
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["stages"] += [entry("count", summary={"clips": 12}), entry("idle")]
    write_json(run / "manifest.json", manifest)
    words = Page(written(plugins, run, tmp_path).read_text(encoding="utf-8")).words
    assert "Stage: count quantity value clips 12" in words and "Stage: idle This stage reported no numbers." in words


def test_real_data_have_no_banner_and_title_can_be_set(plugins, run, tmp_path):
    manifest = run / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"synthetic": true', '"synthetic": false'))
    html = written(plugins, run, tmp_path / "page.html", title="Mine").read_text(encoding="utf-8")
    assert "Synthetic data." not in html and "<title>Mine</title>" in html


def test_unfinished_run_still_has_a_page(plugins, tmp_path):
    write_json(tmp_path / "manifest.json", {"title": "Empty", "stages": []})
    page = Page(written(plugins, tmp_path, tmp_path).read_text(encoding="utf-8"))
    assert "no finished stage" in page.words
    assert in_words(read_run(tmp_path)) == "" and headlines(read_run(tmp_path)) == []


def test_missing_pieces_of_an_analysis_are_named(plugins, run, tmp_path):
    (run / "analysis" / "simplex" / "scores.csv").unlink()
    (run / "analysis" / "simplex" / "metrics.json").unlink()
    words = Page(written(plugins, run, tmp_path).read_text(encoding="utf-8")).words
    assert "Missing from simplex: metrics.json, scores.csv" in words


def test_an_analysis_that_the_run_no_longer_has_is_left_out(plugins, run, tmp_path):
    (run / "analysis" / "leftover").mkdir()
    (run / "analysis" / "leftover" / "metrics.json").write_text("{}")
    assert "leftover" not in Page(written(plugins, run, tmp_path).read_text(encoding="utf-8")).words


def test_long_tables_are_cut(plugins, run, tmp_path):
    words = Page(written(plugins, run, tmp_path, max_rows=1).read_text(encoding="utf-8")).words
    assert "1 more rows are in analysis/simplex/scores.csv." in words


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "manifest.json: no such file; give the directory"),
        ("{", "not valid JSON"),
        ("[]", "expected a JSON object"),
        ('{"stages": [{"status": "done"}]}', "list of stages, each with 'name' and 'stage'"),
        ('{"stages": [{"name": "analyze.emg"}]}', "run the run file again"),
    ],
)
def test_errors_are_one_line_and_leave_the_old_page(plugins, tmp_path, content, says):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(DataError) as caught:
        written(plugins, tmp_path, tmp_path)
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert (tmp_path / "report.html").read_text() == "old"


@pytest.mark.parametrize("how", ["a manifest", "a link", "a figure", "a table"])
def test_nothing_from_outside_of_the_run_is_embedded(plugins, tmp_path, how):
    run, secret = tmp_path / "run", tmp_path / "secret"
    folder, name = run / "analysis" / "a", "curve"
    for place in (folder, secret):
        place.mkdir(parents=True)
        write_json(place / "metrics.json", {})
        write_json(place / "result.json", {"figures": {"curve": ""}, "tables": {"t": ""}})
        (place / "curve.svg").write_text("<svg/>")
        (place / "t.csv").write_text("a\n1\n")
    out = "analysis/a"
    if how == "a manifest":
        out = "../secret"
    elif how == "a link":
        (folder / "curve.svg").unlink()
        (folder / "curve.svg").symlink_to(secret / "curve.svg")
    else:
        key, name = ("figures", "../../../secret/curve") if how == "a figure" else ("tables", "../../../secret/t")
        write_json(folder / "result.json", {key: {name: ""}})
    stage = {"name": "analyze.a", "stage": "analyze", "label": "a", "outputs": {"out": out}}
    write_json(run / "manifest.json", {"stages": [stage]})
    with pytest.raises(DataError, match=r"lies outside of .*, from where nothing is embedded"):
        read_run(run)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (True, "yes"),
        (3700, "3,700"),
        (0.42, "0.42"),
        (0.123456, "0.123"),
        (123456.7, "123,457"),
        (1.5e-7, "1.5e-07"),
        (["a", 1], "a, 1"),
        ([], "–"),
    ],
)
def test_values_are_shown_for_reading(value, expected):
    assert show(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(None, "–"), (4.24, "4.2 s"), (200, "3 min 20 s"), (3725, "1 h 2 min")]
)
def test_durations(seconds, expected):
    assert duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == expected


def test_decimals_of_a_column_agree_and_codes_stay_text():
    made = cells(("id", "x", "n"), [("007", "3.14159", "12"), ("010", "0.5", ""), ("011", "nan", "1000")])
    assert made.rows == (("007", "3.14", "12"), ("010", "0.50", "–"), ("011", "–", "1,000"))
    assert [c.numeric for c in made.columns] == [False, True, True]


def test_report_is_the_default(plugins):
    assert plugins.default("report").config is Settings
