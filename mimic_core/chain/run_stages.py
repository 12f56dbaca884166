"""The stages that a run file names, each with what it reads, what it writes and the command that does it alone."""

from __future__ import annotations

import glob
import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mimic_core.chain import stages
from mimic_core.chain.choose import chosen_perturbation, make_body, parse_body
from mimic_core.chain.events import listening, make_loggers
from mimic_core.chain.stage_output import files_below
from mimic_core.config import merge, structure
from mimic_core.errors import ConfigError, DataError, did_you_mean
from mimic_core.files import value_hash
from mimic_core.plugins.manager import Plugins
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.rollouts import Rollouts

if TYPE_CHECKING:
    from mimic_core.analysis.result import AnalysisSpec

STAGES = ("generate", "register", "train", "rollout", "perturb", "emg", "analyze", "report")
"""Sections of a run file that are stages, in the order of the chain."""


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


def check_kind(v: Any, kind: type | tuple[type, ...], where: str) -> None:
    """Raise ConfigError unless ``v`` is of that kind."""
    if not isinstance(v, kind) or isinstance(v, bool):
        names = {str: "text", int: "a whole number", Mapping: "a table", list: "a list of text"}
        name = " or ".join(names[k] for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise ConfigError(f"{where}: must be {name}, got {v!r}")


def plan_stages(plugins: Plugins, config: Mapping[str, Any], base: Path, out: Path) -> Iterator[Stage]:
    """Yield the stages of a run file in the order of the chain.

    Each takes what the ones before it wrote, unless it is told otherwise.

    Raises:
        ConfigError: an unknown name, a wrong setting, or a stage without anything to work on.
        DataError: a file that is named is not there.
    """
    seed = config.get("seed", 0)
    made: dict[str, Path] = {}
    if "generate" in config:
        yield _generate(plugins, dict(config["generate"]), _body(plugins, config, base, "generate"), seed, made, out)
    if "register" in config:
        yield _register(plugins, dict(config["register"]), _body(plugins, config, base, "register"), base, made, out)
    # an analysis comes as soon as all that it reads is there
    analyses = [_analysis(plugins, name, dict(table)) for name, table in config.get("analyze", {}).items()]
    early = {ReferenceClips.KIND}
    yield from (_analyze(plugins, *a, base, made, out) for a in analyses if {a[1].of, *a[1].uses} <= early)
    if "log" in config and "train" not in config:
        raise ConfigError("log: nothing to log; loggers keep the course of a training, add [train]")
    if "train" in config:
        yield _train(plugins, dict(config["train"]), config.get("log", {}), seed, base, made, out)
    if "rollout" in config:
        yield _rollout(plugins, dict(config["rollout"]), base, made, out)
    for label, table in config.get("perturb", {}).items():
        if "rollout" not in config:
            raise ConfigError(f"perturb.{label}: needs the undisturbed movement to compare with; add [rollout]")
        yield _perturb(plugins, label, dict(table), dict(config["rollout"]), base, made, out)
    if "emg" in config:
        yield _emg(plugins, dict(config["emg"]), base, made, out)
    yield from (_analyze(plugins, *a, base, made, out) for a in analyses if not {a[1].of, *a[1].uses} <= early)
    if "report" in config:
        yield _report(plugins, dict(config["report"]), config, base, out)


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
        check_kind(v, kind, f"{where}.{key}")
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
    structure(table, plugins.choose("generator", source).config, "generate")
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
        check_kind(reader, str, "register.reader")
    if isinstance(patterns, str):
        patterns = [patterns]
    files = (
        _expand(patterns, base, "register.files") if patterns else [_input(None, made, "keypoints", base, "register")]
    )
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


def _expand(patterns: Any, base: Path, where: str) -> list[Path]:
    check_kind(patterns, list, where)
    files: list[Path] = []
    for i, pattern in enumerate(patterns):
        check_kind(pattern, str, f"{where}[{i}]")
        # a pattern in the run file is meant from there, one given with --set from the current folder
        found = sorted(glob.glob(str(base / pattern))) or sorted(glob.glob(pattern))
        if not found:
            raise DataError(
                f"{where}: {pattern!r} matches no file (looked in {base} and the current folder); check the path"
            )
        files += [Path(f) for f in found]
    return files


def _train(plugins, table, log, seed, base, made, out) -> Stage:
    from mimic_core.chain.assembly import plan_training

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


def _rollout(plugins, table, base, made, out, perturbed: _Perturbed | None = None) -> Stage:
    directory = _input(_take(table, "run", str, "rollout"), made, "run", base, "rollout")
    clips = _take(table, "clips", str, "rollout")
    clips_file = _input(clips, made, "clips", base, "rollout") if clips else None
    given = {
        "simulator": _take(table, "simulator", str, "rollout") or "auto",
        "seed": _take(table, "seed", int, "rollout"),
        "checkpoint": _take(table, "checkpoint", str, "rollout") or "last",
    }
    _nothing_left(table, "rollout", ("run", "clips", *given))
    if given["simulator"] != "auto":
        plugins.get("simulator", given["simulator"])
    name, disturb, options = "rollout", {}, ""
    made_name, target = Rollouts.KIND, out / "rollouts.h5"
    if perturbed is not None:
        name, made_name, target = perturbed.stage, perturbed.stage, out / "perturbed" / f"{perturbed.label}.h5"
        disturb = {"perturb": perturbed.kind, "perturb_settings": perturbed.settings, "label": perturbed.label}
        options = f"{_options(perturb=perturbed.kind)}{_flags({'perturb': perturbed.settings})}"
    made[made_name] = target

    def inputs() -> list[Path]:
        return files_below(directory) + ([clips_file] if clips_file else [])

    return Stage(
        name,
        {**given, **disturb},
        inputs,
        target,
        lambda: stages.rollout(plugins, directory, out=target, clips_file=clips_file, **given, **disturb),
        f"mimic rollout train{_options(clips=clips, **{k: v for k, v in given.items() if v != 'last'})}{options}"
        f" --out {shown(target, out)}",
    )


@attrs.frozen
class _Perturbed:
    """What disturbs a rollout of a run file.

    Attributes:
        label: name of its table, and of its file.
        kind: name of the perturbation.
        settings: its settings.
    """

    label: str
    kind: str
    settings: Mapping[str, Any]

    @property
    def stage(self) -> str:
        return f"perturb.{self.label}"


def _perturb(plugins, label, table, rollout, base, made, out) -> Stage:
    """The same rollouts once more, disturbed; the table's name is the perturbation, unless it gives another."""
    where = f"perturb.{label}"
    kind = _take(table, "perturbation", str, where) or label
    chosen_perturbation(plugins, kind, table, where)
    return _rollout(plugins, rollout, base, made, out, _Perturbed(label, kind, table))


def _emg(plugins, table, base, made, out) -> Stage:
    reader, patterns = _take(table, "reader", str, "emg"), table.pop("files", None)
    spec = plugins.choose("emg_reader", reader)
    if spec.of_rollouts and not patterns:
        files, named = [_input(None, made, Rollouts.KIND, base, "emg")], ["rollouts.h5"]
    elif patterns:
        named = [patterns] if isinstance(patterns, str) else patterns
        files = _expand(named, base, "emg.files")
    else:
        raise ConfigError('emg: needs the recordings; add e.g. files = ["emg_biceps.csv", "trials.csv"]')
    structure(table, spec.config, "emg")
    made["emg"] = target = out / "emg.h5"
    return Stage(
        "emg",
        {"reader": spec.name, "settings": table},
        lambda: files,
        target,
        lambda: stages.emg(plugins, files, out=target, reader=spec.name, settings=table),
        f"mimic emg {' '.join(named)}{_options(reader=reader)}{_flags({'emg': table})} --out emg.h5",
    )


def _analysis(plugins: Plugins, label: str, table: dict[str, Any]) -> tuple[str, AnalysisSpec, dict[str, Any]]:
    """An analysis by the name of its table, or by the one that its setting ``analysis`` gives."""
    return label, plugins.get("analysis", _take(table, "analysis", str, f"analyze.{label}") or label), table


def _analyze(plugins, label, spec, table, base, made, out) -> Stage:
    where, target = f"analyze.{label}", out / "analysis" / label
    files, named = [], []
    for kind in (spec.of, *spec.uses):
        given = table.pop(kind, None)
        if given is None and kind not in made and kind != spec.of and kind not in spec.needs:
            continue
        if given is None and kind == spec.of and spec.perturbed:
            files += _all_perturbed(made, where)
            named += [shown(f, out) for f in files]
            continue
        several = spec.several and kind == spec.of and isinstance(given, list)
        for one in given if several else [given]:
            if one is not None:
                check_kind(one, str, f"{where}.{kind}")
            files.append(_input(one, made, kind, base, where))
            named.append(one or shown(files[-1], out))
    structure(table, spec.config, where)
    return Stage(
        where,
        {"analysis": spec.name, "settings": table},
        lambda: [f for path in files for f in (files_below(path) if path.is_dir() else [path])],
        target,
        lambda: stages.analyze(plugins, spec.name, *files, out=target, settings=table),
        f"mimic analyze {spec.name} {' '.join(named)}{_flags(table)} --out analysis/{label}",
    )


def _all_perturbed(made: Mapping[str, Path], where: str) -> list[Path]:
    """The run's rollouts and all that are perturbed."""
    perturbed = [path for name, path in made.items() if name.startswith("perturb.")]
    if not perturbed:
        raise ConfigError(f"{where}: needs perturbed rollouts; add e.g. [perturb.force_pulse]")
    return [made[Rollouts.KIND], *perturbed]


def _report(plugins, table, config, base, out) -> Stage:
    writer, target = _take(table, "writer", str, "report"), out / "report.html"
    structure(table, plugins.choose("report", writer).config, "report")
    named = {key: file for key, v in table.items() if isinstance(v, str) and (file := _file(v, base))}
    table |= {key: str(file) for key, file in named.items()}

    def inputs() -> list[Path]:
        return [*named.values()] + [
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


def _file(named: str, base: Path) -> Path | None:
    """The file that a setting names, from the run file's folder or the current one; None if it names none."""
    return next((p.resolve() for p in (base / named, Path(named)) if named and p.is_file()), None)


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


def shown(path: Path, out: Path) -> str:
    """A path as a run names it: from its own folder, or the file's name alone."""
    return str(path.relative_to(out)) if path.is_relative_to(out) else path.name
