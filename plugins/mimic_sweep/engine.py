"""Sweeps: a training for every combination of settings and every seed, and what came of them in one table.

A second call goes on: what is finished is not repeated. The folder of a sweep::

    sweep.json              config, versions, hash of the clips
    POINT/seed-N/           a run folder: checkpoints, curve.csv, …; rollouts.h5, analysis/NAME/
    POINT/seed-N/summary.json   written last: it says that this run is finished
    logs/                   what each job printed
    results.csv, summary.csv, figure   see `mimic_sweep.tables`
"""

from __future__ import annotations

import contextlib
import fnmatch
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import attrs

from mimic_core import (
    ConfigError,
    DataError,
    Job,
    Plugins,
    ReferenceClips,
    Rollouts,
    TrainingError,
    file_hash,
    flatten,
    merge,
    read_toml,
    structure,
    unstructure,
    value_hash,
    write_json,
)
from mimic_core.chain import Events, stages
from mimic_core.config import nest
from mimic_core.records.sweep_results import Row
from mimic_sweep.job import SUMMARY
from mimic_sweep.tables import numbers, point_rows, tabulate

WORK = "mimic_sweep.job:run_job"
_LONGEST_NAME = 100
_TAKEN = ("train", "rollout")  # what metrics of trainings and rollouts are called


def _check_grid(instance: Any, attribute: attrs.Attribute, grid: Mapping[str, Any]) -> None:
    for path, values in flatten(grid).items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"{path}: must be a list of values, got {values!r}")
        if len({json.dumps(v, sort_keys=True) for v in values}) < len(values):
            raise ValueError(f"{path}: has a value twice; leave one out")
        if path == "seed":
            raise ValueError("seed: is no setting of the grid; give sweep.seeds")


def _check_seeds(instance: Any, attribute: attrs.Attribute, seeds: Any) -> None:
    given = seeds if isinstance(seeds, (list, tuple)) else [seeds]
    if not given or any(isinstance(s, bool) or not isinstance(s, int) or s < 0 for s in given):
        raise ValueError(f"must be a list of seeds or how many, got {seeds!r}")
    if len(set(given)) < len(given) or seeds == 0:
        raise ValueError(f"must be different seeds, at least one, got {seeds!r}")


@attrs.frozen(kw_only=True)
class SweepSettings:
    """What is varied.

    Attributes:
        clips: reference clips from ``mimic register``, relative to the sweep file.
        seeds: the seeds, or how many of them (3 is 0, 1 and 2); each is one training of every combination.
        grid: dotted path of a setting of ``[train]`` → the values that it takes. Every combination is trained.
        max_together: at most so many trainings run as one compiled program, where their settings allow it.
        show: metrics (patterns, as in ``train.*_mm``) for the terminal and the figure; the tables have all.
    """

    clips: str
    seeds: Any = attrs.field(default=(0, 1, 2), validator=_check_seeds)
    grid: dict[str, Any] = attrs.field(factory=dict, validator=_check_grid)
    max_together: int = attrs.field(default=16, validator=attrs.validators.ge(1))
    show: tuple[str, ...] = ("train.tracking_mm",)


@attrs.frozen(kw_only=True)
class RolloutSettings:
    """How the trained controllers are rolled out.

    Attributes:
        simulator: the physics engine; ``auto`` picks what suits the machine.
        seed: act stochastically with this seed; None acts deterministically.
    """

    simulator: str = "auto"
    seed: int | None = None


@attrs.frozen(kw_only=True)
class SweepFile:
    """A sweep file.

    Attributes:
        train: what all trainings share, as in a run file.
        rollout: given, or with ``analyze``, every controller is rolled out.
        analyze: name of an analysis of rollouts → its settings. As in a run file, a table may name its analysis
            (``analysis = "simplex"``) and files that it reads beside the rollouts (``emg = "emg.h5"``).
        executor: ``name`` and settings of the executor.
        prefer: as in a run file.
    """

    sweep: SweepSettings
    title: str = ""
    train: dict[str, Any] = attrs.field(factory=dict)
    rollout: RolloutSettings | None = None
    analyze: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    executor: dict[str, Any] = attrs.field(factory=dict)
    prefer: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Run:
    """One training of a sweep.

    Attributes:
        point: name of its combination of settings.
        values: dotted path → value, of the settings that the sweep varies.
        given: its settings as `mimic_core.chain.stages.train` takes them.
        plan: all its settings, defaults and preset filled in: dotted path → value.
        policy: name of its policy.
    """

    point: str
    values: Mapping[str, Any]
    given: Mapping[str, Any]
    plan: Mapping[str, Any]
    policy: str

    @property
    def seed(self) -> int:
        return self.given["seed"]

    @property
    def name(self) -> str:
        """Its folder, below that of the sweep."""
        return f"{self.point}/seed-{self.seed}" if self.point else f"seed-{self.seed}"


def load_sweep_file(path: str | Path, overrides: Mapping[str, Any] | None = None) -> SweepFile:
    """Read a sweep file, lay ``overrides`` over it and check its sections.

    Raises:
        ConfigError: bad TOML, or an unknown section or setting.
    """
    try:
        return structure(merge(read_toml(path), overrides or {}), SweepFile, "")
    except ConfigError as e:
        raise ConfigError(f"{path}: {str(e).removeprefix('.').removeprefix(f'{path}: ')}") from e


def run(
    plugins: Plugins, path: str | Path, out: str | Path, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Do every run of a sweep file that is not finished under ``out``, then make the tables.

    Every setting of every run is checked before the first one begins. A run that fails stops no other one.

    Returns:
        ``runs`` (how many), ``done`` and ``reused`` (names), ``failed`` (name → one line), ``points``: for each
        combination its ``values`` and the shown ``metrics`` (``mean``, ``ci95``: half the interval, ``n``).

    Raises:
        ConfigError: a wrong setting, or a finished run under ``out`` had other ones.
        DataError: no clips, or ``out`` holds something else.
    """
    path, out = Path(path), Path(out).resolve()
    file = load_sweep_file(path, overrides)
    plugins = plugins.preferring(file.prefer)
    measures = _measures(plugins, file, path.parent)
    clips = _find(file.sweep.clips, path.parent, "sweep.clips")
    ReferenceClips.load(clips)  # to know now that it can be read
    clips_hash = file_hash(clips)
    settings = dict(file.executor)
    executor = plugins.choose("executor", settings.pop("name", None))
    execute = executor.build(structure(settings, executor.config, "executor"))
    runs = expand(plugins, file)
    _check_folder(out)
    summaries = {r.name: s for r in runs if (s := _finished(out / r.name, _marks(r, file, clips_hash, measures)))}
    reused = list(summaries)
    jobs = []
    for group in group_runs(plugins, runs, file.sweep.max_together):
        todo = [r for r in group if r.name not in summaries]
        if todo:
            jobs.append(_job(todo, file, clips, clips_hash, measures, plugins, out))
    with Events(plugins, "sweep", {"executor": executor.name, "runs": len(runs), "jobs": len(jobs)}) as events:
        write_json(
            out / "sweep.json",
            {"config": unstructure(file), "clips": clips_hash, "versions": stages.versions(plugins)},
        )
        with contextlib.closing(execute(WORK, jobs)) as outcomes:
            errors = _follow(plugins, events, outcomes, jobs, len(runs))
        summaries |= {r.name: s for r in runs if (s := _finished(out / r.name, _marks(r, file, clips_hash, measures)))}
        rows = [
            Row(run=r.name, point=r.point, seed=r.seed, values=r.values, metrics=numbers(summaries[r.name]["metrics"]))
            for r in runs
            if r.name in summaries
        ]
        tabulate(rows, file.sweep.show, file.title).save(out)
        return events.finish(
            {
                "out": str(out),
                "runs": len(runs),
                "done": [r.name for r in runs if r.name in summaries and r.name not in reused],
                "reused": reused,
                "failed": {name: error for name, error in errors.items() if name not in summaries},
                "points": point_rows(rows, file.sweep.show),
            }
        )


def _find(given: str, base: Path, where: str) -> Path:
    # one in the file is meant from there, one given with --set from the current folder
    for path in (base / given, Path(given)):
        if path.is_file():
            return path.resolve()
    raise DataError(f"{where}: {given}: no such file (looked in {base} and the current folder); check the path")


def _check_folder(out: Path) -> None:
    if out.exists() and not (out / "sweep.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: is there and holds no sweep; choose another --out")


@attrs.frozen(kw_only=True)
class _Measure:
    """An analysis of every run's rollouts.

    Attributes:
        version: of the plugin that provides the analysis: another one may find something else.
        beside: other files that it reads, and ``hashes`` of their contents.
    """

    label: str
    analysis: str
    settings: Mapping[str, Any]
    version: str
    beside: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()


def _measures(plugins: Plugins, file: SweepFile, base: Path) -> list[_Measure]:
    if file.rollout and file.rollout.simulator != "auto":
        plugins.get("simulator", file.rollout.simulator)
    found = []
    for label, given in file.analyze.items():
        table, where = dict(given), f"analyze.{label}"
        spec = plugins.get("analysis", table.pop("analysis", label))
        if spec.of != Rollouts.KIND:
            raise ConfigError(f"{where}: reads {spec.of}, which no training changes; leave it out of the sweep")
        for kind in spec.needs:
            if kind not in table:
                raise ConfigError(f'{where}: needs {kind}; add {kind} = "{kind}.h5", or leave it out of the sweep')
        if spec.perturbed or label in _TAKEN:
            why = (
                "compares perturbed rollouts, which a sweep does not make" if spec.perturbed else "a name of the sweep"
            )
            raise ConfigError(f"{where}: {why}; leave it out or call its table otherwise")
        beside = [_find(table.pop(kind), base, f"{where}.{kind}") for kind in spec.uses if kind in table]
        structure(table, spec.config, where)
        found.append(
            _Measure(
                label=label,
                analysis=spec.name,
                settings=table,
                version=plugins.versions[plugins.provider("analysis", spec.name).plugin],
                beside=tuple(map(str, beside)),
                hashes=tuple(map(file_hash, beside)),
            )
        )
    return found


# -- what is run ----------------------------------------------------------------------------------------------


def expand(plugins: Plugins, file: SweepFile) -> list[Run]:
    """Return a run for every combination of the grid and every seed, seeds varying fastest.

    Raises:
        ConfigError: a setting of one of them is wrong; the message begins with its name.
    """
    from mimic_core.chain import plan_training

    if "seed" in file.train:
        raise ConfigError("train.seed: a sweep takes its seeds from sweep.seeds; leave this one out")
    seeds = file.sweep.seeds if isinstance(file.sweep.seeds, (list, tuple)) else range(file.sweep.seeds)
    runs = []
    for point, values in _points(flatten(file.sweep.grid)):
        given = reduce(lambda table, item: merge(table, nest(item[0].split("."), item[1])), values.items(), file.train)
        for seed in seeds:
            try:
                plan = plan_training({**given, "seed": seed}, plugins)
            except ConfigError as e:
                raise ConfigError(f"{point}: {e}" if point else str(e)) from e
            names = {f"{k}.name": getattr(plan, k) for k in ("policy", "actuation", "simulator")}
            whole = flatten({**plan.settings, "seed": seed, "holdout": plan.holdout, "preset": plan.preset}) | names
            runs.append(Run(point=point, values=values, given={**given, "seed": seed}, plan=whole, policy=plan.policy))
    return runs


def _points(grid: Mapping[str, list[Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every combination with a name that may be a folder's, made of its values."""
    short = {path: path.partition(".")[2] or path for path in grid}
    labels = short if len(set(short.values())) == len(short) else {path: path for path in grid}
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    names = [",".join(f"{labels[path]}={_plain(v)}" for path, v in point.items()) for point in points]
    count = Counter(names)
    for name, point in zip(names, points, strict=True):
        if count[name] > 1 or len(name) > _LONGEST_NAME:
            name = f"{name[:_LONGEST_NAME]}~{value_hash(point)[-8:]}"
        yield name, point


def _plain(v: Any) -> str:
    return re.sub(r"[^\w.+-]+", "_", v if isinstance(v, str) else json.dumps(v)).strip("_")


def group_runs(plugins: Plugins, runs: Sequence[Run], at_most: int) -> list[list[Run]]:
    """Group the runs that one compiled program can train together: those that differ in traced settings alone."""
    groups: dict[str, list[Run]] = {}
    for r in runs:
        traced = plugins.get("policy", r.policy).traced
        # a traced setting that only one run has is another program
        fixed = {k: None if any(fnmatch.fnmatch(k, t) for t in traced) else [v] for k, v in r.plan.items()}
        groups.setdefault(value_hash(fixed), []).append(r)
    return [group[i : i + at_most] for group in groups.values() for i in range(0, len(group), at_most)]


def _marks(r: Run, file: SweepFile, clips_hash: str, measures: Sequence[_Measure]) -> dict[str, str]:
    """What decides the training of a run, and what decides all that is measured afterwards."""
    return {
        "trained": value_hash([r.plan, clips_hash]),
        "measured": value_hash([file.rollout, [attrs.evolve(m, beside=()) for m in measures], file.prefer]),
    }


def _finished(folder: Path, marks: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a run's summary if it is finished, also with what is measured now."""
    try:
        summary = json.loads((folder / SUMMARY).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if summary["trained"] != marks["trained"]:
        raise ConfigError(
            f"{folder}: was trained with other settings or clips; choose another --out, or give the same ones to "
            "go on with this sweep"
        )
    return summary if summary["measured"] == marks["measured"] else None


def _job(
    runs: Sequence[Run],
    file: SweepFile,
    clips: Path,
    clips_hash: str,
    measures: Sequence[_Measure],
    plugins: Plugins,
    out: Path,
) -> Job:
    first = runs[0].name
    log = out / "logs" / f"{first}.log"
    data = {
        "clips": str(clips),
        "runs": [
            {"name": r.name, "out": str(out / r.name), "given": r.given, **_marks(r, file, clips_hash, measures)}
            for r in runs
        ],
        "rollout": unstructure(file.rollout or RolloutSettings()) if file.rollout or file.analyze else None,
        "analyze": [attrs.asdict(m) for m in measures],
        "plugins": [str(p) for p in plugins.files],
        "prefer": file.prefer,
        "progress": str(log.with_suffix(".progress")),
    }
    Path(data["progress"]).unlink(missing_ok=True)
    return Job(name=first if len(runs) == 1 else f"{first} and {len(runs) - 1} more", data=data, log=log)


# -- watching -------------------------------------------------------------------------------------------------


def _follow(
    plugins: Plugins, events: Events, outcomes: Iterator[Any], jobs: Sequence[Job], runs: int
) -> dict[str, str]:
    """Tell the event hooks how far all jobs are, and each that has begun; return why runs of failed jobs failed."""
    going, errors = {job.name: _Watched(plugins, job) for job in jobs}, {}
    finished = runs - sum(w.runs for w in going.values())
    for outcome in outcomes:
        if outcome is not None:
            watched = going.pop(outcome.job.name)
            watched.end(outcome.error)
            if outcome.error:
                errors |= {r["name"]: outcome.error.removeprefix(f"{r['name']}: ") for r in outcome.job.data["runs"]}
            else:
                finished += watched.runs
        share = sum(w.look() * w.runs for w in going.values())
        events.progress(finished + share, runs, {"finished": finished, "failed": len(errors)})
    return errors


class _Watched:
    """A job that is waited for."""

    def __init__(self, plugins: Plugins, job: Job) -> None:
        self.runs = len(job.data["runs"])
        self._plugins, self._job, self._file = plugins, job, Path(job.data["progress"])
        self._events: Events | None = None
        self._said: dict[str, Any] | None = None

    def look(self) -> float:
        """Pass on what the job said last, if that is new; return the share of it that is done."""
        try:
            said = json.loads(self._file.read_text())
        except FileNotFoundError:
            return 0.0
        if said != self._said:
            self._said = said
            self._events = self._events or Events(self._plugins, self._job.name, {"runs": self.runs})
            metrics = {k: v for k, v in said["metrics"].items() if v is not None}
            self._events.progress(said["done"], said["total"], metrics)
        return 0.99 * said["done"] / max(said["total"], 1e-12)  # rollout and analyses come after training

    def end(self, error: str | None) -> None:
        self._file.unlink(missing_ok=True)
        if self._events is None:
            return
        if error:
            self._plugins.manager.hook.mimic_stage_failed(stage=self._job.name, error=TrainingError(error))
        else:
            self._events.finish({"runs": self.runs})
