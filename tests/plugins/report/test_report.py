"""The HTML report from a small run directory."""

from __future__ import annotations

import base64
import re
import shutil
from html.parser import HTMLParser

import pytest

from mimic_core import DataError, Result, Table
from mimic_core.files import write_json, write_text
from mimic_report import Settings, build
from mimic_report.headline import headlines, in_words
from mimic_report.markup import duration, show, table
from mimic_report.run import read_run

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
        metrics={
            "rho": {"biceps": 0.8, "triceps": 0.7},
            "shuffled": {"biceps": {"rho": 0.02}, "triceps": {"rho": -0.02}},
        },
        tables={
            "scores": Table(columns=("clip", "rho"), rows=[("<b>", 0.81234), ("007", 0.7)], caption="Scores & more")
        },
        figures={"rho": a_figure()},
        captions={"rho": "rho of <b> & others"},
        methods="Simplex projection, d < d_min.",
    ).save(folder / "analysis" / "simplex")
    stages = [
        {
            "name": "register",
            "status": "done",
            "seconds": 33.25,
            "command": "mimic register '<b>.h5'",
            "outputs": {"clips": "clips.h5"},
            "summary": {
                "error_mm": errors,
                "clips": 37,
                "frames": 3700,
                "body": "mouse_forelimb",
                "scale": 0.97,
                "unused_keypoints": ["<b>"],
            },
        },
        {
            "name": "train",
            "status": "reused",
            "seconds": 125.0,
            "command": "mimic train clips.h5",
            "summary": {
                "policy": "bottleneck_apg",
                "train_clips": 30,
                "training": {"control_steps": 190000, "seconds": 49.0, "curve": curve},
            },
        },
        {"name": "rollout", "status": "done", "seconds": 2.0, "summary": {"tracking": tracking}},
        {"name": "analyze simplex", "status": "done", "seconds": 3.0, "summary": {}},
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
def source(finished, tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    path = build(Settings())(finished, out)
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


def test_large_svg_gives_way_to_png(run, tmp_path):
    svg = run / "analysis" / "simplex" / "rho.svg"
    svg.write_text(svg.read_text() + " " * 700_000)
    html = build(Settings())(run, tmp_path / "page.html").read_text(encoding="utf-8")
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
        "0.7 to 0.8 over 2 signals (mean 0.75; 0 shuffled)",
        "seed 7",
        "sha256:0123456789abcdef",
        "mimic register '<b>.h5'",
        "Simplex projection, d < d_min.",
        'policy = "bottleneck_apg"',
    ):
        assert " ".join(said.split()) in words, said
    assert "Stage: analyze simplex" not in words  # its section is the analysis


def test_headlines(run):
    found = {h.label: (h.value, h.note) for h in headlines(read_run(run))}
    assert found == {
        "registration error": ("0.42 mm", "mean over keypoints"),
        "tracking error, held-out clips": ("0.62 mm", "mean over moving keypoints"),
        "tracking error, training clips": ("0.51 mm", "mean over moving keypoints"),
        "simplex ρ, joints to muscles": ("0.75", "0 shuffled"),
    }


def test_real_data_have_no_banner_and_title_can_be_set(run, tmp_path):
    manifest = run / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"synthetic": true', '"synthetic": false'))
    html = build(Settings(title="Mine"))(run, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Synthetic data." not in html and "<title>Mine</title>" in html


def test_unfinished_run_still_has_a_page(tmp_path):
    write_json(tmp_path / "manifest.json", {"title": "Empty", "stages": []})
    page = Page(build(Settings())(tmp_path, tmp_path).read_text(encoding="utf-8"))
    assert "no finished stage" in page.words
    assert in_words(read_run(tmp_path)) == "" and headlines(read_run(tmp_path)) == []


def test_missing_pieces_of_an_analysis_are_named(run, tmp_path):
    (run / "analysis" / "simplex" / "scores.csv").unlink()
    (run / "analysis" / "simplex" / "metrics.json").unlink()
    words = Page(build(Settings())(run, tmp_path).read_text(encoding="utf-8")).words
    assert "Missing from simplex: metrics.json, scores.csv" in words


def test_an_analysis_that_the_run_no_longer_has_is_left_out(run, tmp_path):
    (run / "analysis" / "leftover").mkdir()
    (run / "analysis" / "leftover" / "metrics.json").write_text("{}")
    assert "leftover" not in Page(build(Settings())(run, tmp_path).read_text(encoding="utf-8")).words


def test_long_tables_are_cut(run, tmp_path):
    words = Page(build(Settings(max_rows=1))(run, tmp_path).read_text(encoding="utf-8")).words
    assert "1 more rows are in analysis/simplex/scores.csv." in words


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "manifest.json: no such file; give the directory"),
        ("{", "not valid JSON"),
        ("[]", "expected a JSON object"),
        ('{"stages": [{"status": "done"}]}', "list of named stages"),
    ],
)
def test_errors_are_one_line_and_leave_the_old_page(tmp_path, content, says):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(DataError) as caught:
        build(Settings())(tmp_path, tmp_path)
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert (tmp_path / "report.html").read_text() == "old"


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
    html = table(("id", "x", "n"), [("007", "3.14159", "12"), ("010", "0.5", ""), ("011", "nan", "1000")])
    assert re.findall(r"<td[^>]*>(.*?)</td>", html) == ["007", "3.14", "12", "010", "0.50", "–", "011", "–", "1,000"]


def test_report_is_the_default(plugins):
    assert plugins.default("report").config is Settings
