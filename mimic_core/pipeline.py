"""Run files: stages composed in a TOML file, redone only where something changed.

A stage is redone when its settings, the contents of its inputs, or the version of a plugin changed, and
when its output is gone. The run directory::

    manifest.json     config, plugin versions, input hashes, seed, one entry per stage
    keypoints.h5      generate
    clips.h5          register
    train/            train (checkpoints, curve.csv)
    rollouts.h5       rollout
    analysis/NAME/    analyze.NAME (metrics.json, tables, figures)
    report.html       report
"""

from __future__ import annotations

import datetime
import glob
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from mimic_core import stages
from mimic_core.config import merge, read_toml
from mimic_core.errors import ConfigError, DataError, did_you_mean
from mimic_core.plugins import Plugins
from mimic_core.storage import file_hash, to_json, value_hash, write_json

_TOP = {"title": str, "seed": int, "body": str, "prefer": Mapping, "generate": Mapping, "register": Mapping,
        "train": Mapping, "rollout": Mapping, "analyze": Mapping, "report": Mapping}


@attrs.frozen
class Stage:
    """One stage of a run: what it does, what it reads and what it writes.

    Attributes:
        settings: everything that decides the outcome, besides the inputs' contents.
        inputs: files read.
        output: file or folder written, below the run directory.
        work: ``work() -> summary``.
        command: the command that does the same alone.
        resumable: an unfinished output is gone on with instead of removed.
    """

    name: str
    settings: Mapping[str, Any]
    inputs: tuple[Path, ...]
    output: Path
    work: Callable[[], dict[str, Any]] = attrs.field(repr=False)
    command: str
    resumable: bool = False


def load_run_file(path: str | Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read a run file, lay ``overrides`` over it and check its sections.

    Raises:
        ConfigError: bad TOML, an unknown section, or a section of the wrong kind.
    """
    config = merge(read_toml(path), overrides or {})
    for key, v in config.items():
        if key not in _TOP:
            raise ConfigError(f"{path}: {key}: unknown section{did_you_mean(key, _TOP)}")
        if not isinstance(v, _TOP[key]) or isinstance(v, bool):
            kind = {str: "text", int: "a whole number", Mapping: "a table"}[_TOP[key]]
            raise ConfigError(f"{path}: {key}: must be {kind}, got {v!r}")
    if not set(config) & {"generate", "register", "train", "rollout", "analyze", "report"}:
        raise ConfigError(f"{path}: names no stage; add [register], [train], [rollout], [analyze.NAME] or [report]")
    return config


def run(plugins: Plugins, path: str | Path, out: str | Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run the stages of a run file into ``out``; a second call redoes only what changed."""
    path, out = Path(path), Path(out)
    config = load_run_file(path, overrides)
    plugins = plugins.preferring(config.get("prefer", {}))
    manifest_file = out / "manifest.json"
    old = _read_manifest(manifest_file)
    manifest = {
        "mimic": stages.versions(plugins)["mimic-neuro"], "api": 1, "title": config.get("title", path.stem),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "seed": config.get("seed", 0),
        "synthetic": "generate" in config, "config": to_json(config), "plugins": stages.versions(plugins),
        "inputs": {}, "stages": [],
    }
    previous = {entry["name"]: entry for entry in old.get("stages", [])}
    for stage in _plan(plugins, config, path.parent, out):
        entry = _do(stage, previous.get(stage.name), out, manifest, manifest_file)
        manifest["stages"].append(entry)
        write_json(manifest_file, manifest)
    done = [e["name"] for e in manifest["stages"] if e["status"] == "done"]
    return to_json({"out": str(out), "manifest": str(manifest_file), "done": done,
                    "reused": [e["name"] for e in manifest["stages"] if e["status"] == "reused"],
                    "stages": {e["name"]: e["summary"] for e in manifest["stages"]}})


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        if path.parent.is_dir() and any(path.parent.iterdir()):
            raise DataError(f"{path.parent}: is not empty and holds no run; choose another --out")
        return {}
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as e:
        raise DataError(f"{path}: not valid JSON; remove it to redo the run") from e


def _do(stage: Stage, before: Mapping[str, Any] | None, out: Path, manifest: dict[str, Any], manifest_file: Path
        ) -> dict[str, Any]:
    """Do a stage, or reuse what is there."""
    hashes = {_shown(p, out): file_hash(p) for p in stage.inputs}
    manifest["inputs"].update(hashes)
    key = value_hash({"stage": stage.name, "settings": to_json(stage.settings), "inputs": sorted(hashes.values()),
                      "versions": manifest["plugins"]})
    entry = {"name": stage.name, "key": key, "command": stage.command, "outputs": {"out": _shown(stage.output, out)}}
    if before and before["key"] == key and before["status"] in ("done", "reused"):
        if stage.output.exists() and before.get("output_hash") == _output_hash(stage.output):
            return {**before, "status": "reused", "command": stage.command}
    if not (stage.resumable and before and before["key"] == key):
        _remove(stage.output)
    write_json(manifest_file, {**manifest, "stages": [*manifest["stages"], {**entry, "status": "running", "summary": {}}]})
    began = time.perf_counter()
    summary = stage.work()
    return {**entry, "status": "done", "seconds": round(time.perf_counter() - began, 3), "summary": summary,
            "output_hash": _output_hash(stage.output)}


def _output_hash(path: Path) -> str:
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return value_hash([[str(p.relative_to(path)), file_hash(p)] for p in files])


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _shown(path: Path, out: Path) -> str:
    return str(path.relative_to(out)) if path.is_relative_to(out) else path.name


def _plan(plugins: Plugins, config: Mapping[str, Any], base: Path, out: Path) -> Iterator[Stage]:
    """Yield the stages in the order of the chain; each takes what the one before wrote, unless told otherwise."""
    seed, body = config.get("seed", 0), config.get("body")
    made: dict[str, Path] = {}
    if "generate" in config:
        yield _generate(plugins, dict(config["generate"]), _body(body, "generate"), seed, made, out)
    if "register" in config:
        yield _register(plugins, dict(config["register"]), _body(body, "register"), base, made, out)
    if "train" in config:
        yield _train(plugins, dict(config["train"]), seed, base, made, out)
    if "rollout" in config:
        yield _rollout(plugins, dict(config["rollout"]), base, made, out)
    for name, table in config.get("analyze", {}).items():
        yield _analyze(plugins, name, dict(table), base, made, out)
    if "report" in config:
        yield _report(plugins, dict(config["report"]), out)


def _body(body: str | None, stage: str) -> str:
    if not body:
        raise ConfigError(f"{stage}: needs a body; add e.g. body = \"mouse_forelimb\" at the top of the run file")
    return body


def _input(given: str | None, made: Mapping[str, Path], what: str, base: Path, where: str) -> Path:
    if given:
        path = (base / given).resolve()
        if not path.exists():
            raise DataError(f"{where}: {given}: no such file (looked in {base}); check the path")
        return path
    if what not in made:
        raise ConfigError(f"{where}: needs {what}, which no earlier stage makes; add that stage or name a file")
    return made[what]


def _generate(plugins, table, body, seed, made, out) -> Stage:
    source, settings, target = table.pop("source", None), table, out / "keypoints.h5"
    made["keypoints"] = target
    return Stage("generate", {"source": source, "settings": settings, "body": body, "seed": seed}, (), target,
                 lambda: stages.generate(plugins, body=body, out=target, source=source, settings=settings, seed=seed),
                 f"mimic generate --body {body} --seed {seed}{_flags(settings)} --out keypoints.h5")


def _register(plugins, table, body, base, made, out) -> Stage:
    method, reader, target = table.pop("method", None), table.pop("reader", None), out / "clips.h5"
    patterns = table.pop("files", None)
    files = _expand(patterns, base) if patterns else [_input(None, made, "keypoints", base, "register")]
    made["clips"] = target
    shown = " ".join(patterns) if patterns else "keypoints.h5"
    return Stage("register", {"method": method, "reader": reader, "settings": table, "body": body}, tuple(files), target,
                 lambda: stages.register(plugins, files, body=body, out=target, method=method, settings=table, reader=reader),
                 f"mimic register {shown} --body {body}{_flags({'register': table})} --out clips.h5")


def _expand(patterns: Any, base: Path) -> list[Path]:
    if isinstance(patterns, str):
        patterns = [patterns]
    files: list[Path] = []
    for pattern in patterns:
        found = sorted(glob.glob(str(base / pattern)))
        if not found:
            raise DataError(f"register.files: {pattern!r} matches no file (looked in {base}); check the path")
        files += [Path(f) for f in found]
    return files


def _train(plugins, table, seed, base, made, out) -> Stage:
    clips, target = _input(table.pop("clips", None), made, "clips", base, "train"), out / "train"
    given = merge({"seed": seed}, table)
    made["run"] = target
    return Stage("train", given, (clips,), target,
                 lambda: stages.train(plugins, clips, out=target, given=given),
                 f"mimic train clips.h5{_flags({k: v for k, v in given.items() if isinstance(v, Mapping)})}"
                 f" --seed {given['seed']} --out train", resumable=True)


def _rollout(plugins, table, base, made, out) -> Stage:
    directory = _input(table.pop("run", None), made, "run", base, "rollout")
    clips = table.pop("clips", None)
    clips_file = _input(clips, made, "clips", base, "rollout") if clips else None
    simulator, seed, target = table.pop("simulator", "auto"), table.pop("seed", None), out / "rollouts.h5"
    _nothing_left(table, "rollout", ("run", "clips", "simulator", "seed"))
    made["rollouts"] = target
    inputs = [p for p in sorted(directory.rglob("*")) if p.is_file()] + ([clips_file] if clips_file else [])
    return Stage("rollout", {"simulator": simulator, "seed": seed}, tuple(inputs), target,
                 lambda: stages.rollout(plugins, directory, out=target, clips_file=clips_file, simulator=simulator, seed=seed),
                 "mimic rollout train --out rollouts.h5")


def _analyze(plugins, name, table, base, made, out) -> Stage:
    rollouts, target = _input(table.pop("rollouts", None), made, "rollouts", base, f"analyze.{name}"), out / "analysis" / name
    return Stage(f"analyze.{name}", table, (rollouts,), target,
                 lambda: stages.analyze(plugins, name, rollouts, out=target, settings=table),
                 f"mimic analyze {name} rollouts.h5{_flags(table)} --out analysis/{name}")


def _report(plugins, table, out) -> Stage:
    writer, target = table.pop("writer", None), out / "report.html"
    inputs = [p for p in sorted(out.rglob("*"))
              if p.is_file() and p.suffix in (".json", ".csv", ".png") and p.name != "manifest.json"
              and "checkpoints" not in p.parts]
    return Stage("report", {"writer": writer, "settings": table}, tuple(inputs), target,
                 lambda: stages.report(plugins, out, out=target, writer=writer, settings=table),
                 "mimic report . --out report.html")


def _nothing_left(table: Mapping[str, Any], where: str, known: tuple[str, ...]) -> None:
    for key in table:
        raise ConfigError(f"{where}.{key}: unknown setting{did_you_mean(key, known)}")


def _flags(settings: Mapping[str, Any], prefix: str = "") -> str:
    """Return settings as ``--set a.b=VALUE`` options."""
    out = ""
    for key, v in settings.items():
        if isinstance(v, Mapping):
            out += _flags(v, f"{prefix}{key}.")
        else:
            out += f" --set {prefix}{key}={json.dumps(v)}"
    return out
