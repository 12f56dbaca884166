"""Sweeps: a training for every combination of settings and every seed, and what came of them in one table.

A second call goes on: what is finished is not repeated. The folder of a sweep::

    sweep.json              config, versions, hash of the clips
    POINT/seed-N/           a run folder: checkpoints, curve.csv, …; rollouts.h5, analysis/NAME/
    POINT/seed-N/summary.json   written last: it says that this training is finished
    logs/                   what each job printed
    results.csv, summary.csv, figure   see `mimic_sweep.tables`
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mimic_core import (
    ConfigError,
    Context,
    DataError,
    Inputs,
    Job,
    Plugins,
    ReferenceClips,
    Table,
    file_hash,
    structure,
    unstructure,
    value_hash,
    write_json,
)
from mimic_core.chain import asked, versions
from mimic_runs import LOCK, locked
from mimic_sweep.job import SUMMARY
from mimic_sweep.measures import Measure, measures
from mimic_sweep.results import Row
from mimic_sweep.settings import SweepOptions
from mimic_sweep.sweep_file import Wanted, wanted
from mimic_sweep.tables import numbers, point_rows, tabulate
from mimic_sweep.trainings import Planned, expand, grouped
from mimic_sweep.watch import follow

WORK = "mimic_sweep.job:run_job"


@attrs.frozen(kw_only=True)
class _Sweep:
    """A sweep with everything in it checked.

    Attributes:
        rollout: settings of the rollouts; None: none are made.
        clips_hash: of the contents of the clips.
    """

    wanted: Wanted
    plugins: Plugins
    trainings: Sequence[Planned]
    measures: Sequence[Measure]
    rollout: Mapping[str, Any] | None
    execute: Any
    clips: Path
    clips_hash: str
    out: Path

    def marks(self, t: Planned) -> dict[str, str]:
        """What decides a training, and what decides all that is measured afterwards."""
        asked_for = [self.rollout, [attrs.asdict(m.decides) for m in self.measures], self.plugins.preferences]
        return {"trained": value_hash([t.plan, self.clips_hash]), "measured": value_hash(asked_for)}

    def finished(self) -> dict[str, dict[str, Any]]:
        """Name of each finished training → its summary.

        Raises:
            ConfigError: one was trained with other settings.
        """
        found = {t.name: _finished(self.out / t.name, self.marks(t)) for t in self.trainings}
        return {name: summary for name, summary in found.items() if summary}

    def job(self, trainings: Sequence[Planned]) -> Job:
        """Trainings that are one program, as a piece of work for any machine."""
        first = trainings[0].name
        log = self.out / "logs" / f"{first}.log"
        data = {
            "clips": str(self.clips),
            "trainings": [
                {"name": t.name, "out": str(self.out / t.name), "given": t.given, **self.marks(t)} for t in trainings
            ],
            "rollout": self.rollout,
            "analyze": [attrs.asdict(m) for m in self.measures],
            "plugins": [str(p) for p in self.plugins.files],
            "prefer": self.plugins.preferences,
            "progress": str(log.with_suffix(".progress")),
        }
        Path(data["progress"]).unlink(missing_ok=True)
        name = first if len(trainings) == 1 else f"{first} and {len(trainings) - 1} more"
        return Job(name=name, data=data, log=log)


def work(options: SweepOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Do every training of a sweep that is not finished under ``context.out``, then make the tables.

    Every setting of every training is checked before the first one begins. A training that fails stops no other one.

    Returns:
        ``runs`` (how many), ``done`` and ``reused`` (names), ``failed`` (name → one line), ``points``: for each
        combination its ``values`` and the shown ``metrics`` (``mean``, ``ci95``: half the interval, ``n``), and, where
        one failed, ``error``.

    Raises:
        ConfigError: a wrong setting, or a finished training under ``out`` had other ones.
        DataError: no clips, or ``out`` holds something else.
    """
    sweep = _checked(options, inputs, context)
    with locked(sweep.out):
        return _work(sweep, context)


def _work(sweep: _Sweep, context: Context) -> Mapping[str, Any]:
    given, out, trainings = sweep.wanted, sweep.out, sweep.trainings
    reused = sweep.finished()
    groups = grouped(sweep.plugins, trainings, given.max_together)
    todo = [[t for t in group if t.name not in reused] for group in groups]
    jobs = [sweep.job(group) for group in todo if group]
    told = {**unstructure(given.options), "seeds": given.seeds, "show": given.show, "clips": str(sweep.clips)}
    kept = {"config": {"sweep": told}, "clips": sweep.clips_hash, "versions": versions(context.plugins)}
    write_json(out / "sweep.json", kept)
    with contextlib.closing(sweep.execute(WORK, jobs)) as outcomes:
        errors = follow(attrs.evolve(context, plugins=sweep.plugins), outcomes, jobs, len(trainings))
    summaries = sweep.finished()
    rows = [
        Row(run=t.name, point=t.point, seed=t.seed, values=t.values, metrics=numbers(summaries[t.name]["metrics"]))
        for t in trainings
        if t.name in summaries
    ]
    tabulate(rows, given.show, given.options.title).save(out)
    failed = {name: error for name, error in errors.items() if name not in summaries}
    return {
        "runs": len(trainings),
        "done": [t.name for t in trainings if t.name in summaries and t.name not in reused],
        "reused": list(reused),
        "failed": failed,
        "points": point_rows(rows, given.show),
        **({"error": _error(failed)} if failed else {}),
    }


def _error(failed: Mapping[str, str]) -> str:
    (name, reason), *others = failed.items()
    more = f" (and {len(others)} more)" if others else ""
    return f"failed: {name}{more}: {reason}; the same command tries again what failed"


def _checked(options: SweepOptions, inputs: Inputs, context: Context) -> _Sweep:
    given, out = wanted(options, inputs, context.plugins), context.out.resolve()
    plugins = context.plugins.preferring(given.options.prefer)
    to_measure, trainings = measures(plugins, given), expand(plugins, given)
    rollout, execute = _rollout(plugins, given), _executor(plugins, given)
    clips = given.clips().resolve()
    ReferenceClips.load(clips)  # to know now that it can be read
    if (
        out.exists()
        and not (out / "sweep.json").is_file()
        and (not out.is_dir() or any(not p.name.startswith(LOCK) for p in out.iterdir()))
    ):
        raise DataError(f"{out}: is there and holds no sweep; choose another --out")
    return _Sweep(
        wanted=given,
        plugins=plugins,
        trainings=trainings,
        measures=to_measure,
        rollout=rollout,
        execute=execute,
        clips=clips,
        clips_hash=file_hash(clips),
        out=out,
    )


def _rollout(plugins: Plugins, sweep: Wanted) -> Mapping[str, Any] | None:
    """The settings of the rollouts, checked."""
    table = sweep.options.rollout
    if table is None and not sweep.options.analyze:
        return None
    stage = plugins.get("stage", "rollout")
    stage.decides(asked(stage, table or {}, plugins, f"{sweep.where}rollout").options, plugins)
    return {k: v for k, v in (table or {}).items() if k != "run"}


def _executor(plugins: Plugins, sweep: Wanted) -> Any:
    chosen = sweep.options.executor
    spec = plugins.choose("executor", chosen.name)
    return spec.build(structure(dict(chosen.settings), spec.config, f"{sweep.where}executor"))


def decides(options: SweepOptions, plugins: Plugins) -> Mapping[str, Any]:
    """What decides the outcome beside the options: everything that the sweep file says, and the files that it names."""
    given = wanted(options, None, plugins)
    plugins = plugins.preferring(given.options.prefer)
    trainings, files = expand(plugins, given), sorted(given.files.items())
    return {
        "trainings": value_hash([t.plan for t in trainings]),
        "measures": [attrs.asdict(m.decides) for m in measures(plugins, given)],
        "rollout": _rollout(plugins, given),
        "files": {kind: file_hash(path) for kind, path in files},
    }


def event_settings(options: SweepOptions, plugins: Plugins) -> Mapping[str, Any]:
    """What listeners are told of a sweep."""
    given = wanted(options, None, plugins).options
    return {"executor": plugins.choose("executor", given.executor.name).name, "title": given.title}


def _finished(folder: Path, marks: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a training's summary if it is finished, also with what is measured now."""
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


MAX_ROWS = 24
"""A terminal shows so many combinations; ``summary.csv`` has all."""


def lines(summary: Mapping[str, Any]) -> Iterator[Any]:
    """A row for every combination of settings."""
    points = summary["points"]
    paths = list(points[0]["values"]) if points else []
    names = list(dict.fromkeys(n for p in points for n in p["metrics"]))
    rows = [[*(str(p["values"][path]) for path in paths), *(_mean(p["metrics"].get(n)) for n in names)] for p in points]
    seeds = sorted({m["n"] for p in points for m in p["metrics"].values()})
    over = f"mean ± 95 % CI over {' or '.join(map(str, seeds))} seeds" if seeds else "nothing is finished"
    heads = [name.replace(".", "\n") for name in (*paths, *names)]  # a word a line, so that numbers stay whole
    yield Table(columns=heads, rows=rows[:MAX_ROWS], caption=over)
    yield f"all metrics: {Path(summary['out']) / 'summary.csv'}"


def _mean(m: Mapping[str, Any] | None) -> str:
    if m is None:
        return "-"
    return f"{m['mean']:.4g}" + ("" if m["ci95"] is None else f" ± {m['ci95']:.2g}")
