"""Run files: stages composed in a TOML file, redone only where something changed.

A stage is redone when its settings, the contents of its inputs, or the version of a plugin changed, and
when its output is gone or altered. Every name and setting is checked before the first stage begins. The run
directory::

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
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from mimic_core import MIMIC_API, stages
from mimic_core.body import make_body, parse_body
from mimic_core.clips import ReferenceClips
from mimic_core.config import merge, read_toml, structure
from mimic_core.errors import ConfigError, DataError, did_you_mean
from mimic_core.events import listening, make_loggers
from mimic_core.outputs import aside, files_below, output_hash
from mimic_core.plugins import Plugins
from mimic_core.rollouts import Rollouts
from mimic_core.storage import file_hash, to_json, value_hash, write_json

_TOP = {
    "title": str,
    "seed": int,
    "body": (str, Mapping),
    "prefer": Mapping,
    "generate": Mapping,
    "register": Mapping,
    "train": Mapping,
    "log": Mapping,
    "rollout": Mapping,
    "analyze": Mapping,
    "report": Mapping,
}


@attrs.frozen
class Stage:
    """One stage of a run: what it does, what it reads and what it writes.

    Attributes:
        settings: everything that decides the outcome, besides the inputs' contents.
        inputs: ``inputs() -> files read``, asked when the stages before it are done.
        output: file or folder written, below the run directory.
        work: ``work() -> summary``.
        command: the command that does the same alone.
        resumable: an unfinished output is gone on with instead of removed.
        reads_manifest: it depends on what the stages before it said.
    """

    name: str
    settings: Mapping[str, Any]
    inputs: Callable[[], list[Path]] = attrs.field(repr=False)
    output: Path
    work: Callable[[], dict[str, Any]] = attrs.field(repr=False)
    command: str
    resumable: bool = False
    reads_manifest: bool = False


def load_run_file(path: str | Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read a run file, lay ``overrides`` over it and check its sections.

    Raises:
        ConfigError: bad TOML, an unknown section, or a section of the wrong kind.
    """
    config, overrides = read_toml(path), overrides or {}
    if isinstance(config.get("body"), str) and isinstance(overrides.get("body"), Mapping):
        config["body"] = {"name": config["body"]}
    config = merge(config, overrides)
    for key, v in config.items():
        if key not in _TOP:
            raise ConfigError(f"{path}: {key}: unknown section{did_you_mean(key, _TOP)}")
        _is(v, _TOP[key], f"{path}: {key}")
    for name, v in config.get("analyze", {}).items():
        _is(v, Mapping, f"{path}: analyze.{name}")
    if not set(config) & {"generate", "register", "train", "rollout", "analyze", "report"}:
        raise ConfigError(f"{path}: names no stage; add [register], [train], [rollout], [analyze.NAME] or [report]")
    return config


def _is(v: Any, kind: type | tuple[type, ...], where: str) -> None:
    if not isinstance(v, kind) or isinstance(v, bool):
        names = {str: "text", int: "a whole number", Mapping: "a table", list: "a list of text"}
        name = " or ".join(names[k] for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise ConfigError(f"{where}: must be {name}, got {v!r}")


def run(
    plugins: Plugins, path: str | Path, out: str | Path, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Run the stages of a run file into ``out``; a second call redoes only what changed."""
    path, out = Path(path), Path(out)
    config = load_run_file(path, overrides)
    plugins = plugins.preferring(config.get("prefer", {}))
    manifest_file = out / "manifest.json"
    old = _read_manifest(manifest_file)
    manifest = {
        "mimic": stages.versions(plugins)["mimic-neuro"],
        "api": MIMIC_API,
        "title": config.get("title", path.stem),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": config.get("seed", 0),
        "synthetic": "generate" in config,
        "config": to_json(config),
        "plugins": stages.versions(plugins),
        "inputs": {},
        "stages": [],
    }
    previous = {entry["name"]: entry for entry in old.get("stages", [])}
    plan = list(_plan(plugins, config, path.parent, out))  # all of it first: it finds what is wrong
    for stage in plan:
        before = previous.get(stage.name)
        if before is None and stage.output.exists():
            raise DataError(
                f"{stage.output}: is there, but no stage of this run made it; move it away or choose another --out"
            )
    for at, stage in enumerate(plan):
        # what is not reached yet stays in the manifest, so that a failure costs nothing that was done
        later = [previous[s.name] for s in plan[at + 1 :] if s.name in previous]
        entry = _do(stage, previous.get(stage.name), out, manifest, later, manifest_file)
        manifest["stages"].append(entry)
        write_json(manifest_file, {**manifest, "stages": [*manifest["stages"], *later]})
    done = [e["name"] for e in manifest["stages"] if e["status"] == "done"]
    return to_json(
        {
            "out": str(out),
            "manifest": str(manifest_file),
            "done": done,
            "reused": [e["name"] for e in manifest["stages"] if e["status"] == "reused"],
            "stages": {e["name"]: e["summary"] for e in manifest["stages"]},
        }
    )


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        if path.parent.is_dir() and any(path.parent.iterdir()):
            raise DataError(f"{path.parent}: is not empty and holds no run; choose another --out")
        return {}
    try:
        manifest = json.loads(path.read_text())
    except json.JSONDecodeError as e:
        raise DataError(f"{path}: not valid JSON; remove it to redo the run") from e
    if not isinstance(manifest, dict) or not {"mimic", "stages"} <= set(manifest):
        raise DataError(f"{path}: not a manifest that mimic wrote; choose another --out")
    return manifest


def _do(
    stage: Stage,
    before: Mapping[str, Any] | None,
    out: Path,
    manifest: dict[str, Any],
    later: list[Mapping[str, Any]],
    manifest_file: Path,
) -> dict[str, Any]:
    """Do a stage, or reuse what is there. If it fails, its earlier outcome is still there."""
    hashes = [(_shown(p, out), file_hash(p)) for p in stage.inputs()]  # two files may have one name
    manifest["inputs"].update(hashes)
    decides = {
        "stage": stage.name,
        "settings": to_json(stage.settings),
        "inputs": sorted(hashes),
        "versions": manifest["plugins"],
        "prefer": manifest["config"].get("prefer", {}),
    }
    if stage.reads_manifest:
        decides["earlier"] = [e["key"] for e in manifest["stages"]]
    key = value_hash(decides)
    entry = {"name": stage.name, "key": key, "command": stage.command, "outputs": {"out": _shown(stage.output, out)}}
    same = before is not None and before["key"] == key
    if same and before["status"] in ("done", "reused"):
        if stage.output.exists() and before.get("output_hash") == output_hash(stage.output):
            return {**before, "status": "reused", "command": stage.command}
    going_on = stage.resumable and same
    running = {**entry, "status": "running", "summary": {}} if stage.resumable or before is None else before
    write_json(manifest_file, {**manifest, "stages": [*manifest["stages"], running, *later]})
    began = time.perf_counter()
    with aside(None if going_on else stage.output, keep_new=stage.resumable):
        summary = stage.work()
    return {
        **entry,
        "status": "done",
        "seconds": round(time.perf_counter() - began, 3),
        "summary": summary,
        "output_hash": output_hash(stage.output),
    }


def _shown(path: Path, out: Path) -> str:
    return str(path.relative_to(out)) if path.is_relative_to(out) else path.name


def _plan(plugins: Plugins, config: Mapping[str, Any], base: Path, out: Path) -> Iterator[Stage]:
    """Yield the stages in the order of the chain; each takes what the one before wrote, unless told otherwise."""
    seed = config.get("seed", 0)
    made: dict[str, Path] = {}
    if "generate" in config:
        yield _generate(plugins, dict(config["generate"]), _body(plugins, config, base, "generate"), seed, made, out)
    if "register" in config:
        yield _register(plugins, dict(config["register"]), _body(plugins, config, base, "register"), base, made, out)
    analyses = [(plugins.get("analysis", name), dict(table)) for name, table in config.get("analyze", {}).items()]
    yield from (_analyze(plugins, s, t, base, made, out) for s, t in analyses if s.of == ReferenceClips.KIND)
    if "log" in config and "train" not in config:
        raise ConfigError("log: nothing to log; loggers keep the course of a training, add [train]")
    if "train" in config:
        yield _train(plugins, dict(config["train"]), config.get("log", {}), seed, base, made, out)
    if "rollout" in config:
        yield _rollout(plugins, dict(config["rollout"]), base, made, out)
    yield from (_analyze(plugins, s, t, base, made, out) for s, t in analyses if s.of == Rollouts.KIND)
    if "report" in config:
        yield _report(plugins, dict(config["report"]), config, out)


@attrs.frozen
class _Body:
    """The body of a run.

    Attributes:
        text: its name or description file, and variant, as stages take it.
        settings: its own settings.
        built: hash of what is built from them, so that a stage is redone where a file behind the body changed.
        options: the command-line options that choose it, as the run file names it.
    """

    text: str
    settings: Mapping[str, Any]
    built: str
    options: str


def _body(plugins: Plugins, config: Mapping[str, Any], base: Path, stage: str) -> _Body:
    given = config.get("body")
    settings = dict(given) if isinstance(given, Mapping) else {"name": given}
    named = _take(settings, "name", str, "body")
    if not named:
        raise ConfigError(f'{stage}: needs a body; add e.g. body = "mouse_forelimb" at the top of the run file')
    text = named
    _, file, variant = parse_body(plugins, named)
    if file and (base / file).is_file():  # else it is one given with --set, from the current folder
        text = f"{base / file}:{variant}" if variant else str(base / file)
    built = value_hash(make_body(plugins, text, settings))
    return _Body(text, settings, built, f" --body {named}{_flags({'body': settings})}")


def _take(table: dict[str, Any], key: str, kind: type, where: str) -> Any:
    """Take an optional setting of the stage itself out of its table; the rest belongs to the component."""
    v = table.pop(key, None)
    if v is not None:
        _is(v, kind, f"{where}.{key}")
    return v


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
    source, target = _take(table, "source", str, "generate"), out / "keypoints.h5"
    structure(table, plugins.choose("source", source).config, "generate")
    made["keypoints"] = target
    return Stage(
        "generate",
        {"source": source, "settings": table, "body": body.built, "seed": seed},
        list,
        target,
        lambda: stages.generate(
            plugins,
            body=body.text,
            body_settings=body.settings,
            out=target,
            source=source,
            settings=table,
            seed=seed,
        ),
        f"mimic generate{body.options}{_options(source=source, seed=seed)}{_flags(table)} --out keypoints.h5",
    )


def _register(plugins, table, body, base, made, out) -> Stage:
    method, patterns = _take(table, "method", str, "register"), table.pop("files", None)
    unit, calibration = (_take(table, key, str, "register") for key in ("unit", "calibration"))
    known = _input(calibration, made, "calibration", base, "register") if calibration else None
    reader, reader_settings = table.pop("reader", None), {}
    if isinstance(reader, Mapping):
        reader_settings = dict(reader)
        reader = _take(reader_settings, "name", str, "register.reader")
    elif reader is not None:
        _is(reader, str, "register.reader")
    if isinstance(patterns, str):
        patterns = [patterns]
    files = _expand(patterns, base) if patterns else [_input(None, made, "keypoints", base, "register")]
    structure(table, plugins.choose("registration", method).config, "register")
    made["clips"] = target = out / "clips.h5"
    settings = {
        "method": method,
        "reader": reader,
        "reader_settings": reader_settings,
        "settings": table,
        "unit": unit,
        "body": body.built,
    }
    return Stage(
        "register",
        settings,
        lambda: [*files, *([known] if known else [])],
        target,
        lambda: stages.register(
            plugins,
            files,
            body=body.text,
            body_settings=body.settings,
            out=target,
            method=method,
            settings=table,
            reader=reader,
            reader_settings=reader_settings,
            unit=unit,
            calibration=known,
        ),
        f"mimic register {' '.join(patterns or ['keypoints.h5'])}{body.options}"
        f"{_options(method=method, reader=reader, unit=unit, calibration=calibration)}"
        f"{_flags({'register': {**table, 'reader': reader_settings}})} --out clips.h5",
    )


def _expand(patterns: Any, base: Path) -> list[Path]:
    _is(patterns, list, "register.files")
    files: list[Path] = []
    for i, pattern in enumerate(patterns):
        _is(pattern, str, f"register.files[{i}]")
        # a pattern in the run file is meant from there, one given with --set from the current folder
        found = sorted(glob.glob(str(base / pattern))) or sorted(glob.glob(pattern))
        if not found:
            raise DataError(
                f"register.files: {pattern!r} matches no file (looked in {base} and the current folder); check the path"
            )
        files += [Path(f) for f in found]
    return files


def _train(plugins, table, log, seed, base, made, out) -> Stage:
    from mimic_core.assembly import plan_training

    clips, target = _input(_take(table, "clips", str, "train"), made, "clips", base, "train"), out / "train"
    given = merge({"seed": seed}, table)
    plan_training(given, plugins)
    made["run"] = target
    alone = _options(**{k: v for k, v in given.items() if not isinstance(v, Mapping)})
    return Stage(
        "train",
        given,
        lambda: [clips],
        target,
        listening(plugins, make_loggers(plugins, log, target))(
            lambda: stages.train(plugins, clips, out=target, given=given)
        ),
        f"mimic train clips.h5{alone}{_flags({k: v for k, v in given.items() if isinstance(v, Mapping)})} --out train",
        resumable=True,
    )


def _rollout(plugins, table, base, made, out) -> Stage:
    directory = _input(_take(table, "run", str, "rollout"), made, "run", base, "rollout")
    clips = _take(table, "clips", str, "rollout")
    clips_file = _input(clips, made, "clips", base, "rollout") if clips else None
    simulator, seed = _take(table, "simulator", str, "rollout") or "auto", _take(table, "seed", int, "rollout")
    _nothing_left(table, "rollout", ("run", "clips", "simulator", "seed"))
    if simulator != "auto":
        plugins.get("simulator", simulator)
    made["rollouts"] = target = out / "rollouts.h5"

    def inputs() -> list[Path]:
        return files_below(directory) + ([clips_file] if clips_file else [])

    return Stage(
        "rollout",
        {"simulator": simulator, "seed": seed},
        inputs,
        target,
        lambda: stages.rollout(plugins, directory, out=target, clips_file=clips_file, simulator=simulator, seed=seed),
        f"mimic rollout train{_options(clips=clips, simulator=simulator, seed=seed)} --out rollouts.h5",
    )


def _analyze(plugins, spec, table, base, made, out) -> Stage:
    where, target = f"analyze.{spec.name}", out / "analysis" / spec.name
    file = _input(_take(table, spec.of, str, where), made, spec.of, base, where)
    structure(table, spec.config, where)
    return Stage(
        where,
        table,
        lambda: [file],
        target,
        lambda: stages.analyze(plugins, spec.name, file, out=target, settings=table),
        f"mimic analyze {spec.name} {spec.of}.h5{_flags(table)} --out analysis/{spec.name}",
    )


def _report(plugins, table, config, out) -> Stage:
    writer, target = _take(table, "writer", str, "report"), out / "report.html"
    structure(table, plugins.choose("report", writer).config, "report")

    def inputs() -> list[Path]:
        return [
            p
            for p in files_below(out)
            if p.suffix in (".json", ".csv", ".png") and p.name != "manifest.json" and "checkpoints" not in p.parts
        ]

    # it tells of the whole run: its title and every setting
    return Stage(
        "report",
        {"writer": writer, "settings": table, "run": config},
        inputs,
        target,
        lambda: stages.report(plugins, out, out=target, writer=writer, settings=table),
        f"mimic report .{_options(writer=writer)}{_flags({'report': table})} --out report.html",
        reads_manifest=True,
    )


def _nothing_left(table: Mapping[str, Any], where: str, known: tuple[str, ...]) -> None:
    for key in table:
        raise ConfigError(f"{where}.{key}: unknown setting{did_you_mean(key, known)}")


def _options(**values: Any) -> str:
    """Return command-line options, leaving out what is not given."""
    return "".join(f" --{k} {v}" for k, v in values.items() if v is not None)


def _flags(settings: Mapping[str, Any], prefix: str = "") -> str:
    """Return settings as ``--set a.b=VALUE`` options, quoted for a shell."""
    out = ""
    for key, v in settings.items():
        if isinstance(v, Mapping):
            out += _flags(v, f"{prefix}{key}.")
        else:
            out += " --set " + shlex.quote(f"{prefix}{key}={json.dumps(v)}")
    return out
