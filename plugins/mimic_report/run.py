"""Reading a finished run directory."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path
from typing import Any

import attrs

from mimic_core import DataError


@attrs.frozen
class Stage:
    """One stage of a run, as the manifest has it."""

    name: str
    status: str = ""
    seconds: float | None = None
    command: str = ""
    outputs: dict[str, Any] = attrs.field(factory=dict)
    summary: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Analysis:
    """A saved analysis result.

    Attributes:
        tables: name → (caption, header, rows).
        figures: name → caption.
        missing: what should be there and is not, for the reader to see.
    """

    name: str
    directory: Path
    metrics: dict[str, Any]
    tables: dict[str, tuple[str, list[str], list[list[str]]]]
    figures: dict[str, str]
    methods: str
    missing: tuple[str, ...] = ()


@attrs.frozen
class Run:
    """Everything that the page is made of.

    Attributes:
        training: what the training says of itself: ``plan`` with every setting, ``body``; empty if there is none.
    """

    directory: Path
    manifest: dict[str, Any]
    stages: tuple[Stage, ...]
    analyses: tuple[Analysis, ...]
    training: dict[str, Any] = attrs.field(factory=dict)

    def stage(self, name: str) -> Stage | None:
        """The last stage of that name."""
        return next((s for s in reversed(self.stages) if s.name == name), None)

    def summary(self, name: str) -> dict[str, Any]:
        """What that stage reported; empty if there is none."""
        stage = self.stage(name)
        return stage.summary if stage else {}

    def command_of(self, analysis: Analysis) -> str:
        """The command that makes an analysis alone."""
        return next((s.command for s in reversed(self.stages) if analysis_of(s) == analysis.name), "")

    def analysis_called(self, analysis: Analysis) -> str:
        """Which analysis it is; its section may have another name."""
        words = shlex.split(self.command_of(analysis))
        return words[2] if words[:2] == ["mimic", "analyze"] and len(words) > 2 else analysis.name


def analysis_of(stage: Stage) -> str:
    """Name of the analysis that a stage is; empty if it is none."""
    name = re.sub(r"^(analyze[ .]|analysis/)", "", stage.name)
    return name if name != stage.name else ""


def read_run(directory: Path) -> Run:
    """Read a run directory.

    Raises:
        DataError: it holds no manifest, or a file in it is not what it should be.
    """
    manifest_file = directory / "manifest.json"
    if not manifest_file.is_file():
        raise DataError(f"{manifest_file}: no such file; give the directory that 'mimic run FILE.toml --out DIR' wrote")
    manifest = read_json(manifest_file)
    listed = manifest.get("stages", [])
    if not isinstance(listed, list) or not all(isinstance(s, dict) and s.get("name") for s in listed):
        raise DataError(f"{manifest_file}: expected 'stages' to be a list of named stages; run the stages again")
    known = {f.name for f in attrs.fields(Stage)}
    stages = tuple(Stage(**{k: v for k, v in s.items() if k in known and v is not None}) for s in listed)
    # a folder that no stage of this run stands for was left by an earlier run file
    folders = [directory / "analysis" / name for name in map(analysis_of, stages) if name]
    found = list(dict.fromkeys(p for p in folders if p.is_dir()))
    training = directory / "train" / "run.json"
    trained = read_json(training) if training.is_file() and any(s.name == "train" for s in stages) else {}
    return Run(directory, manifest, stages, tuple(read_analysis(p) for p in found), trained)


def read_analysis(directory: Path) -> Analysis:
    """Read what `Result.save` wrote; what is missing is named on the page."""
    missing = [n for n in ("result.json", "metrics.json") if not (directory / n).is_file()]
    result = {} if "result.json" in missing else read_json(directory / "result.json")
    metrics = {} if "metrics.json" in missing else read_json(directory / "metrics.json")
    tables, figures = {}, {}
    for name, caption in result.get("tables", {}).items():
        file = directory / f"{name}.csv"
        if file.is_file():
            with file.open(newline="", encoding="utf-8") as f:
                header, *rows = list(csv.reader(f)) or [[]]
            tables[name] = (caption, header, rows)
        else:
            missing.append(file.name)
    for name, caption in result.get("figures", {}).items():
        if any((directory / f"{name}.{ending}").is_file() for ending in ("svg", "png")):
            figures[name] = caption
        else:
            missing.append(f"{name}.svg")
    return Analysis(directory.name, directory, metrics, tables, figures, result.get("methods", ""), tuple(missing))


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: it is something else.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise DataError(f"{file}: not valid JSON ({e}); run the stage that wrote it again") from e
    if not isinstance(data, dict):
        raise DataError(f"{file}: expected a JSON object, found {type(data).__name__}; run its stage again")
    return data
