"""Reading the folder of a finished run."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import attrs

from mimic_core import DataError, Headline, structure
from mimic_report.values import dig, slug

ANALYZE = "analyze"
"""The stage whose sections are analyses: on the page they go by their labels and come after the other stages."""


@attrs.frozen
class SavedResult:
    """What `mimic_core.Result.save` wrote.

    Attributes:
        tables: name → (caption, header, rows).
        figures: name → caption.
        missing: what should be there and is not, for the reader to see.
    """

    directory: Path
    metrics: dict[str, Any] = attrs.field(factory=dict)
    tables: dict[str, tuple[str, list[str], list[list[str]]]] = attrs.field(factory=dict)
    figures: dict[str, str] = attrs.field(factory=dict)
    methods: str = ""
    headlines: tuple[Headline, ...] = ()
    sentence: str = ""
    missing: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class StageEntry:
    """What the manifest says of one stage, and the result that lies in its output.

    Attributes:
        name: of its section in the run file: ``register``, ``analyze.simplex_5ms``.
        stage: name of the stage: ``register``, ``analyze``.
        label: of the section's table: ``simplex_5ms``; empty where the section is one table.
        options: every option of the stage; a component that was chosen is ``{"name": …, "settings": {…}}``.
        command: that does the stage alone.
        outputs: ``out`` is what it wrote, below the run's folder.
        summary: what it reported.
        headlines: those of its summary.
        result: in its output folder; None where there is none.
    """

    name: str
    stage: str
    label: str = ""
    status: str = ""
    seconds: float | None = None
    options: dict[str, Any] = attrs.field(factory=dict)
    command: str = ""
    outputs: dict[str, Any] = attrs.field(factory=dict)
    summary: dict[str, Any] = attrs.field(factory=dict)
    headlines: tuple[Headline, ...] = ()
    result: SavedResult | None = None

    @property
    def is_analysis(self) -> bool:
        """Whether it is an analysis with a result to show."""
        return self.stage == ANALYZE and self.result is not None

    @property
    def title(self) -> str:
        """What its section is called."""
        return self.label or self.name if self.is_analysis else self.name

    @property
    def anchor(self) -> str:
        """The id of its section."""
        return slug("analysis" if self.is_analysis else "stage", self.title)

    @property
    def analysis(self) -> str:
        """Which analysis it is; its label may be another name."""
        return str(dig(self.options, "analysis", "name") or self.title) if self.is_analysis else ""


@attrs.frozen
class FinishedRun:
    """Everything that the page is made of.

    Attributes:
        training: what the training says of itself: ``plan`` with every setting, ``body``; empty if there is none.
    """

    directory: Path
    manifest: dict[str, Any]
    stages: tuple[StageEntry, ...]
    training: dict[str, Any] = attrs.field(factory=dict)

    @property
    def analyses(self) -> tuple[StageEntry, ...]:
        """The stages that are analyses."""
        return tuple(s for s in self.stages if s.is_analysis)

    def stage(self, name: str) -> StageEntry | None:
        """The last section of that stage."""
        return next((s for s in reversed(self.stages) if s.stage == name), None)

    def summary(self, name: str) -> dict[str, Any]:
        """What that stage reported; empty if there is none."""
        stage = self.stage(name)
        return stage.summary if stage else {}

    def output(self, name: str) -> Path | None:
        """The file or folder that that stage wrote; None if it wrote none, or it is gone."""
        stage = self.stage(name)
        return _output(self.directory, stage) if stage else None


_LONGEST = 255
"""bytes of a file's name; a system refuses to look for a longer one"""


def _output(directory: Path, stage: StageEntry) -> Path | None:
    out = stage.outputs.get("out")
    path = inside(directory, str(out)) if out else None
    return path if path is not None and path.exists() else None


def inside(directory: Path, name: str) -> Path:
    """A file of a directory, which a manifest or a result names.

    Raises:
        DataError: it is elsewhere, or a symbolic link leads there: a page embeds nothing from outside its run; or no
            file can be called so.
    """
    path = directory / name
    if len(name) > _LONGEST or any(len(part.encode(errors="replace")) > _LONGEST for part in path.parts):
        raise DataError(f"{directory}: {name[:40]}… is no name of a file; run the stage again")
    if not path.resolve().is_relative_to(directory.resolve()):
        raise DataError(f"{path}: lies outside of {directory}, from where nothing is embedded; run the stage again")
    return path


def read_run(directory: Path) -> FinishedRun:
    """Read a run's folder.

    Raises:
        DataError: it holds no manifest, or a file in it is not what it should be.
    """
    manifest_file = directory / "manifest.json"
    if not manifest_file.is_file():
        raise DataError(f"{manifest_file}: no such file; give the directory that 'mimic run FILE.toml --out DIR' wrote")
    manifest = read_json(manifest_file)
    listed = manifest.get("stages", [])
    named = isinstance(listed, list) and all(isinstance(s, dict) and s.get("name") and s.get("stage") for s in listed)
    if not named:
        raise DataError(
            f"{manifest_file}: expected 'stages' to be a list of stages, each with 'name' and 'stage'; run the run "
            "file again"
        )
    stages = tuple(_entry(s, directory, f"{manifest_file}: {s['name']}") for s in listed)
    run = FinishedRun(directory, manifest, stages)
    folder = run.output("train")
    training = folder / "run.json" if folder else None
    return attrs.evolve(run, training=read_json(training)) if training and training.is_file() else run


def _entry(given: dict[str, Any], directory: Path, where: str) -> StageEntry:
    known = {f.name for f in attrs.fields(StageEntry)} - {"headlines", "result"}
    entry = StageEntry(**{k: v for k, v in given.items() if k in known and v is not None})
    folder = _output(directory, entry)
    has_result = (
        folder is not None and folder.is_dir() and (entry.stage == ANALYZE or (folder / "result.json").is_file())
    )
    return attrs.evolve(
        entry,
        headlines=_headlines(entry.summary, where),
        result=read_result(folder) if has_result else None,
    )


def read_result(directory: Path) -> SavedResult:
    """Read what `Result.save` wrote; what is missing is named on the page."""
    missing = [n for n in ("result.json", "metrics.json") if not (directory / n).is_file()]
    result = {} if "result.json" in missing else read_json(directory / "result.json")
    metrics = {} if "metrics.json" in missing else read_json(directory / "metrics.json")
    tables, figures = {}, {}
    for name, caption in result.get("tables", {}).items():
        file = inside(directory, f"{name}.csv")
        if file.is_file():
            with file.open(newline="", encoding="utf-8") as f:
                header, *rows = list(csv.reader(f)) or [[]]
            tables[name] = (caption, header, rows)
        else:
            missing.append(file.name)
    for name, caption in result.get("figures", {}).items():
        if any(inside(directory, f"{name}.{ending}").is_file() for ending in ("svg", "png")):
            figures[name] = caption
        else:
            missing.append(f"{name}.svg")
    return SavedResult(
        directory,
        metrics,
        tables,
        figures,
        result.get("methods", ""),
        _headlines(result, str(directory / "result.json")),
        result.get("sentence", ""),
        tuple(missing),
    )


def _headlines(holder: dict[str, Any], where: str) -> tuple[Headline, ...]:
    return structure(holder.get("headlines") or [], tuple[Headline, ...], f"{where}.headlines")


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: it is something else.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as e:
        raise DataError(f"{file}: not valid JSON ({e}); run the stage that wrote it again") from e
    if not isinstance(data, dict):
        raise DataError(f"{file}: expected a JSON object, found {type(data).__name__}; run its stage again")
    return data
