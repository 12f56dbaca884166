"""What a sweep may be told: the options of the stage, which are also what a sweep file says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from mimic_core import Choice, choice, flatten, option


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


def _table(help: str, **more: Any) -> Any:
    return option(attrs.Factory(dict), help=help, **more)


@attrs.frozen(kw_only=True)
class SweepOptions:
    """Train with every combination of settings and every seed, and compare. A second call goes on where it was.

    Example: `mimic sweep examples/sweep_control_cost.toml --out sweep`

    Anything of the file is changed with `--set`, e.g. `--set sweep.seeds=5` or `--set executor.name=ray`.
    """

    file: Path | None = option(None, argument=True, metavar="FILE", help="A sweep file (.toml).")
    title: str = option("", help="Above the figure.")
    seeds: Any = option(
        None,
        validator=attrs.validators.optional(_check_seeds),
        help="The seeds, or how many: 3, which is the default, is 0, 1 and 2.",
    )
    grid: Mapping[str, Any] = _table("Dotted path of a setting of the training → its values.", validator=_check_grid)
    max_together: int | None = option(
        None,
        validator=attrs.validators.optional(attrs.validators.ge(1)),
        help="At most so many trainings run as one compiled program (default 16).",
    )
    show: tuple[str, ...] = option(
        (), help="Metrics for the terminal and the figure, patterns as in 'train.*_mm' (default train.tracking_mm)."
    )
    train: Mapping[str, Any] = _table("What all trainings share.", like="train", shared=True)
    rollout: Mapping[str, Any] | None = option(
        None, like="rollout", shared=True, help="Given, or with analyze, every controller is rolled out."
    )
    analyze: Mapping[str, Any] = _table("Analyses of every controller's rollouts.", like="analyze", shared=True)
    executor: Choice = choice("executor", partial=True, shared=True, help="What runs the jobs, e.g. on a cluster.")
    prefer: Mapping[str, str] = _table("As in a run file.")
