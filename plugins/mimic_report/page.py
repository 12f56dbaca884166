"""Putting the page together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import attrs

from mimic_core import write_text
from mimic_report.comparison import comparison, published_for
from mimic_report.curve import training_curve
from mimic_report.headline import headlines, in_words
from mimic_report.markup import code, data, details, dig, duration, image, is_plain, slug, table, text
from mimic_report.methods import section as methods
from mimic_report.replay import replay
from mimic_report.run import Analysis, Run, Stage, analysis_of, read_run

if TYPE_CHECKING:
    from mimic_report import Settings

SYNTHETIC = (
    "Synthetic data. The movements of this run were made by the program, not measured from an animal: the "
    "numbers below show that the chain works and say nothing about any animal."
)

NO_COMPARISON = "These movements are synthetic, the published ones an animal's: the figures cannot be compared."

SPLITS = {"held_out": "held-out", "train": "training"}

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="mimic $version">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
<nav aria-label="Contents"><p>Contents</p><ol>$contents</ol></nav>
<main>
<header><h1>$title</h1><p class="when">$when</p></header>
$banner
$sections
<footer><p>Written by mimic $version from the run's own files; this page needs no network.</p></footer>
</main>
<dialog id="enlarged" aria-label="Enlarged figure"></dialog>
$scripts
</body>
</html>
""")


@attrs.frozen
class Section:
    """A heading with its content."""

    title: str
    body: str
    anchor: str

    def html(self) -> str:
        return f'<section id="{self.anchor}"><h2>{text(self.title)}</h2>{self.body}</section>'


def writer(settings: Settings) -> Callable[[Path, Path], Path]:
    """Return ``write(run, out) -> path``; ``out`` is a file ending in .html, or a folder for report.html."""

    def write(run: Path, out: Path) -> Path:
        path = out if out.suffix.lower() in (".html", ".htm") else out / "report.html"
        return write_text(path, render(read_run(Path(run)), settings, path))

    return write


def render(run: Run, settings: Settings, out: Path) -> str:
    """Return the whole page, as it will lie at ``out``."""
    m = run.manifest
    sections = _distinct(
        [
            _summary(run),
            *_comparison(run, settings),
            *_replay(run, settings),
            _stages(run),
            *(_stage(run, s) for s in run.stages if not _covered(run, s)),
            *(_analysis(run, a, settings, out) for a in run.analyses),
            *_methods(run),
            _settings(m),
            _provenance(m),
        ]
    )
    contents = "".join(f'<li><a href="#{s.anchor}">{text(s.title)}</a></li>' for s in sections)
    seed = f"seed {m['seed']}" if m.get("seed") is not None else ""
    when = " · ".join(filter(None, (str(m.get("created", "")), seed)))
    return PAGE.substitute(
        title=text(settings.title or m.get("title") or run.directory.resolve().name),
        version=text(m.get("mimic", "")),
        style=_file("style.css"),
        contents=contents,
        when=text(when),
        banner=f'<p class="synthetic" role="note">{text(SYNTHETIC)}</p>' if m.get("synthetic") else "",
        sections="\n".join(s.html() for s in sections),
        scripts="\n".join(f"<script>\n{_file(name)}</script>" for name in _programs(sections)),
    )


def _programs(sections: list[Section]) -> list[str]:
    return ["enlarge.js", *(["solids.js", "replay.js"] if any('id="replay-data"' in s.body for s in sections) else [])]


def _file(name: str) -> str:
    """The text of a file of this plugin."""
    return files("mimic_report").joinpath(name).read_text(encoding="utf-8")


def _distinct(sections: list[Section]) -> list[Section]:
    seen: dict[str, int] = {}
    out = []
    for s in sections:
        seen[s.anchor] = n = seen.get(s.anchor, 0) + 1
        out.append(s if n == 1 else attrs.evolve(s, anchor=f"{s.anchor}-{n}"))
    return out


def _covered(run: Run, stage: Stage) -> bool:
    """An analysis stage has its section among the analyses; a report is this page."""
    return stage.name == "report" or analysis_of(stage) in [a.name for a in run.analyses]


def _summary(run: Run) -> Section:
    tiles = "".join(
        f'<div><dt><a href="#{h.anchor}">{text(h.label)}</a></dt>'
        f"<dd>{text(h.value)}<small>{text(h.note)}</small></dd></div>"
        for h in headlines(run)
    )
    words = in_words(run) or "This run holds no finished stage that reports numbers."
    body = f'<p class="lead">{text(words)}</p>' + (f'<dl class="tiles">{tiles}</dl>' if tiles else "")
    return Section("Summary", body, "summary")


def _comparison(run: Run, settings: Settings) -> Iterator[Section]:
    published = published_for(run, settings.published)
    if published is None:
        return
    body = comparison(run, published)
    if run.manifest.get("synthetic"):
        body = f'<p class="warning">{text(NO_COMPARISON)}</p>' + details("Show the table all the same", body)
    yield Section("Beside published figures", body, "published")


def _replay(run: Run, settings: Settings) -> Iterator[Section]:
    if settings.clips:
        yield Section("Replay", f'<div class="screen">{replay(run, settings)}</div>', "replay-section")


def _methods(run: Run) -> Iterator[Section]:
    words = methods(run)
    if words:
        yield Section("Methods", words, "methods")


def _stages(run: Run) -> Section:
    rows = [(s.name, s.status, duration(s.seconds), s.command) for s in run.stages if s.status != "running"]
    note = "'reused' means that nothing the stage depends on had changed, so that its earlier outcome was kept."
    header = ("stage", "status", "time", "command")
    return Section("Stages", table(header, rows, "What was run, in order.", note), "stages")


def _stage(run: Run, stage: Stage) -> Section:
    body = _command(stage.command)
    curve = run.directory / "train" / "curve.csv"
    if stage.name == "train" and curve.is_file():
        body += training_curve(curve)
    errors = [(label, *(e.get(k) for k in ("mean", "median", "p95", "max"))) for label, e in _errors(stage.summary)]
    if errors:
        body += table(("distance", "mean (mm)", "median (mm)", "p95 (mm)", "max (mm)"), errors)
    shown = {k: v for k, v in stage.summary.items() if k not in ("out", "seconds", "run")}
    plain = [(k, v) for k, v in shown.items() if is_plain(v)]
    plain += [(f"file: {k}", v) for k, v in stage.outputs.items()]
    body += table(("quantity", "value"), plain) if plain else ""
    body += details("All numbers of this stage, as JSON", data(stage.summary)) if stage.summary else ""
    return Section(f"Stage: {stage.name}", body or "<p>This stage reported no numbers.</p>", slug("stage", stage.name))


def _command(command: str) -> str:
    return f'<p class="made">Made alone by <code class="command">{text(command)}</code></p>' if command else ""


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


def _analysis(run: Run, a: Analysis, settings: Settings, out: Path) -> Section:
    body = _command(run.command_of(a))
    if a.missing:
        body += f'<p class="warning">Missing from {text(a.name)}: {text(", ".join(a.missing))}. Run it again.</p>'
    for name, caption in a.figures.items():
        body += image(
            a.directory, name, caption, out.parent if out.resolve().is_relative_to(run.directory.resolve()) else None
        )
    for name, (caption, header, rows) in a.tables.items():
        cut = len(rows) - settings.max_rows
        note = f"{cut:,} more rows are in analysis/{a.name}/{name}.csv." if cut > 0 else ""
        body += table(header, rows[: settings.max_rows], caption or name, note)
    body += details("All numbers of this analysis, as JSON", data(a.metrics)) if a.metrics else ""
    return Section(f"Analysis: {a.name}", body, slug("analysis", a.name))


def _settings(manifest: Mapping[str, Any]) -> Section:
    import tomli_w

    config = _without_none(manifest.get("config", {}))
    body = "<p>The complete run file; running it again with the same inputs gives this run.</p>"
    return Section("Settings", body + details("Show the run file", code(tomli_w.dumps(config))), "settings")


def _without_none(v: Any) -> Any:
    if isinstance(v, Mapping):
        return {k: _without_none(x) for k, x in v.items() if x is not None}
    return [_without_none(x) for x in v if x is not None] if isinstance(v, list) else v


def _provenance(manifest: Mapping[str, Any]) -> Section:
    versions = [
        ("mimic", manifest.get("mimic", "")),
        ("plugin interface", manifest.get("api", "")),
        *manifest.get("plugins", {}).items(),
    ]
    inputs = list(manifest.get("inputs", {}).items())
    body = table(("part", "version"), [(k, str(v)) for k, v in versions], "Versions.")
    if inputs:
        body += details(f"Input files and their hashes ({len(inputs)})", table(("file", "SHA-256"), inputs))
    return Section("Versions and inputs", body, "versions")
