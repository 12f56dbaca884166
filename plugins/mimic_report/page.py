"""Putting the page together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from mimic_core import Context, Plugins, write_text
from mimic_report.comparison import compare, published_for
from mimic_report.curve import training_curve
from mimic_report.elements import Cells, cells, saved_figure
from mimic_report.finished_run import FinishedRun, SavedResult, StageEntry, read_run
from mimic_report.methods import methods
from mimic_report.rendering import environment
from mimic_report.replay import replay
from mimic_report.settings import Settings
from mimic_report.summary import headlines, in_words
from mimic_report.values import dig, duration, is_plain

SPLITS = {"held_out": "held-out", "train": "training"}


@attrs.frozen
class Section:
    """A heading, and the template of what stands below it with what it shows.

    Attributes:
        anchor: the id of the section.
        programs: files of JavaScript that it needs, in the order of their loading.
    """

    title: str
    anchor: str
    template: str
    content: Mapping[str, Any]
    programs: tuple[str, ...] = ()


def writer(settings: Settings) -> Callable[[Path, Path, Context], Path]:
    """Return ``write(run, out, context) -> path``; ``out`` is a file ending in .html, or a folder for report.html."""

    def write(run: Path, out: Path, context: Context) -> Path:
        path = out if out.suffix.lower() in (".html", ".htm") else out / "report.html"
        return write_text(path, render(read_run(Path(run)), settings, path, context.plugins))

    return write


def render(run: FinishedRun, settings: Settings, out: Path, plugins: Plugins) -> str:
    """Return the whole page, as it will lie at ``out``."""
    m, sections = run.manifest, _distinct(_sections(run, settings, out, plugins))
    seed = f"seed {m['seed']}" if m.get("seed") is not None else ""
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=settings.title or m.get("title") or run.directory.resolve().name,
            version=m.get("mimic", ""),
            when=[said for said in (m.get("created", ""), seed) if said],
            synthetic=bool(m.get("synthetic")),
            sections=sections,
            programs=dict.fromkeys(["enlarge.js", *(p for s in sections for p in s.programs)]),
        )
    )


def _sections(run: FinishedRun, settings: Settings, out: Path, plugins: Plugins) -> Iterator[Section]:
    yield Section("Summary", "summary", "summary.html.j2", {"words": in_words(run), "tiles": headlines(run)})
    published = published_for(run, settings.published)
    if published is not None:
        content = {"source": published.source, "rows": compare(run, published)}
        synthetic = bool(run.manifest.get("synthetic"))
        yield Section("Beside published figures", "published", "published.html.j2", content | {"synthetic": synthetic})
    if settings.clips:
        shown = replay(run, settings)
        programs = ("solids.js", "picture.js", "replay.js") if shown["scene"] else ()
        yield Section("Replay", "replay-section", "replay.html.j2", shown, programs)
    yield Section("Stages", "stages", "stages.html.j2", {"table": _stages(run)})
    page = out.parent if out.resolve().is_relative_to(run.directory.resolve()) else None
    for stage in run.stages:
        if not stage.is_analysis and stage.stage != "report":  # which is this page
            yield _stage(run, stage, settings, page)
    for stage in run.analyses:
        content = {"stage": stage, "result": _result(stage, settings, page)}
        yield Section(f"Analysis: {stage.title}", stage.anchor, "analysis.html.j2", content)
    said = methods(run, plugins)
    if said is not None:
        yield Section("Methods", "methods", "methods.html.j2", {"methods": said})
    yield Section("Settings", "settings", "settings.html.j2", {"run_file": _run_file(run.manifest)})
    yield Section("Versions and inputs", "versions", "versions.html.j2", _versions(run.manifest))


def _distinct(sections: Iterator[Section]) -> list[Section]:
    """Number the anchors that come again."""
    seen: dict[str, int] = {}
    out = []
    for s in sections:
        seen[s.anchor] = n = seen.get(s.anchor, 0) + 1
        out.append(s if n == 1 else attrs.evolve(s, anchor=f"{s.anchor}-{n}"))
    return out


def _stages(run: FinishedRun) -> Cells:
    rows = [(s.name, s.status, duration(s.seconds), s.command) for s in run.stages if s.status != "running"]
    note = "'reused' means that nothing the stage depends on had changed, so that its earlier outcome was kept."
    return cells(("stage", "status", "time", "command"), rows, "What was run, in order.", note)


def _stage(run: FinishedRun, stage: StageEntry, settings: Settings, page: Path | None) -> Section:
    tables = []
    errors = [(label, *(e.get(k) for k in ("mean", "median", "p95", "max"))) for label, e in _errors(stage.summary)]
    if errors:
        tables.append(cells(("distance", "mean (mm)", "median (mm)", "p95 (mm)", "max (mm)"), errors))
    shown = {k: v for k, v in stage.summary.items() if k not in ("out", "seconds", "training", "headlines")}
    plain = [(k, v) for k, v in shown.items() if is_plain(v)]
    plain += [(f"file: {k}", v) for k, v in stage.outputs.items()]
    if plain:
        tables.append(cells(("quantity", "value"), plain))
    folder = run.output("train") if stage.stage == "train" else None
    curve = folder / "curve.csv" if folder else None
    content = {
        "stage": stage,
        "curve": training_curve(curve) if curve and curve.is_file() else None,
        "tables": tables,
        "result": _result(stage, settings, page) if stage.result else None,
    }
    return Section(f"Stage: {stage.name}", stage.anchor, "stage.html.j2", content)


def _errors(summary: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every summary of distances (mean, median, p95, max in mm) that a stage reports."""
    if isinstance(summary.get("error_mm"), Mapping):
        yield "registered to tracked keypoints", summary["error_mm"]
        for keypoint, mean in (dig(summary, "error_mm", "per_keypoint") or {}).items():
            yield f"… of {keypoint}", {"mean": mean}
    tracking = dig(summary, "tracking")
    for split, by in (*(dig(tracking, "by_split") or {}).items(), ("all", tracking)):
        for key, against in (("keypoint_mm", "registered reference"), ("tracked_keypoint_mm", "tracked keypoints")):
            if isinstance(dig(by, key), Mapping):
                yield f"{SPLITS.get(split, split)} clips, to the {against}", by[key]


def _result(stage: StageEntry, settings: Settings, page: Path | None) -> dict[str, Any]:
    """Figures, tables and numbers of a saved result; ``page`` is the folder of the page, if it is the run's."""
    result: SavedResult = stage.result
    tables = []
    for name, (caption, header, rows) in result.tables.items():
        cut = len(rows) - settings.max_rows
        note = f"{cut:,} more rows are in {stage.outputs['out']}/{name}.csv." if cut > 0 else ""
        tables.append(cells(header, rows[: settings.max_rows], caption or name, note))
    return {
        "name": stage.title,
        "missing": result.missing,
        "figures": [saved_figure(result.directory, name, caption, page) for name, caption in result.figures.items()],
        "tables": tables,
        "metrics": result.metrics,
    }


def _run_file(manifest: Mapping[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(_without_none(manifest.get("config", {})))


def _without_none(v: Any) -> Any:
    if isinstance(v, Mapping):
        return {k: _without_none(x) for k, x in v.items() if x is not None}
    return [_without_none(x) for x in v if x is not None] if isinstance(v, list) else v


def _versions(manifest: Mapping[str, Any]) -> dict[str, Any]:
    versions = [
        ("mimic", manifest.get("mimic", "")),
        ("plugin interface", manifest.get("api", "")),
        *manifest.get("plugins", {}).items(),
    ]
    inputs = list(manifest.get("inputs", {}).items())
    return {
        "versions": cells(("part", "version"), [(k, str(v)) for k, v in versions], "Versions."),
        "inputs": cells(("file", "SHA-256"), inputs) if inputs else None,
    }
