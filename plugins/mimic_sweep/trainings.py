"""Which trainings a sweep has, and which of them may be one program."""

from __future__ import annotations

import fnmatch
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import attrs

from mimic_core import ConfigError, Plugins, flatten, merge, value_hash
from mimic_core.chain import asked
from mimic_core.config import nest
from mimic_sweep.sweep_file import Wanted

_LONGEST_NAME = 100


@attrs.frozen(kw_only=True)
class Planned:
    """One training of a sweep.

    Attributes:
        point: name of its combination of settings.
        values: dotted path → value, of the settings that the sweep varies.
        given: its settings as the stage `train` takes them.
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
        """Of the training."""
        return self.given["seed"]

    @property
    def name(self) -> str:
        """Its folder, below that of the sweep."""
        return f"{self.point}/seed-{self.seed}" if self.point else f"seed-{self.seed}"


def expand(plugins: Plugins, sweep: Wanted) -> list[Planned]:
    """Return a training for every combination of the grid and every seed, seeds varying fastest.

    Raises:
        ConfigError: a setting of one of them is wrong; the message begins with its name.
    """
    stage, shared = plugins.get("stage", "train"), sweep.options.train
    if "seed" in shared:
        raise ConfigError(f"{sweep.where}train.seed: a sweep takes its seeds from sweep.seeds; leave this one out")
    found = []
    for point, values in _points(flatten(sweep.options.grid)):
        given = reduce(lambda table, item: merge(table, nest(item[0].split("."), item[1])), values.items(), shared)
        for seed in sweep.seeds:
            table = {**given, "seed": seed}
            try:
                plan = stage.decides(asked(stage, table, plugins, "train").options, plugins)
            except ConfigError as e:
                raise ConfigError(f"{point}: {e}" if point else str(e)) from e
            names = {f"{kind}.name": plan[kind] for kind in ("policy", "actuation", "simulator", "task")}
            whole = flatten({**plan["settings"], **{k: plan[k] for k in ("seed", "holdout", "preset")}}) | names
            found.append(Planned(point=point, values=values, given=table, plan=whole, policy=plan["policy"]))
    return found


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


def grouped(plugins: Plugins, trainings: Sequence[Planned], at_most: int) -> list[list[Planned]]:
    """Group the trainings that can be one compiled program: those that differ in traced settings alone."""
    if plugins.get("stage", "train").together is None:
        at_most = 1
    groups: dict[str, list[Planned]] = {}
    for t in trainings:
        traced = plugins.get("policy", t.policy).traced
        # a traced setting that only one of them has is another program
        fixed = {k: None if any(fnmatch.fnmatch(k, p) for p in traced) else [v] for k, v in t.plan.items()}
        groups.setdefault(value_hash(fixed), []).append(t)
    return [group[i : i + at_most] for group in groups.values() for i in range(0, len(group), at_most)]
