"""What differs between trainings that shall run as one program."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

from mimic_core import ConfigError, Plugins, flatten, unstructure
from mimic_core.records import TrainPlan

_NAMED = ("policy", "actuation", "simulator", "task")
"""Sections of a plan whose component is named beside its settings."""


def differences(plugins: Plugins, plans: Sequence[TrainPlan]) -> list[dict[str, float]]:
    """Return, of each training, the traced settings that are not the same in all.

    Raises:
        ConfigError: they differ in something that is no value of the policy's program.
    """
    flat = [_flat(unstructure(plan)) for plan in plans]
    spec = plugins.get("policy", plans[0].policy)
    paths = [p for p in sorted(set().union(*flat)) if any(f.get(p) != flat[0].get(p) for f in flat)]
    for path in paths:
        if not any(fnmatch.fnmatch(path, pattern) for pattern in spec.traced) or any(path not in f for f in flat):
            raise ConfigError(
                f"{path}: differs between trainings that shall run together, but policy {spec.name} takes only "
                f"{', '.join(spec.traced) or 'nothing'} as values; train them one by one"
            )
    return [{p: f[p] for p in paths if p != "seed"} for f in flat]


def _flat(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's settings as dotted path → value."""
    return flatten(
        {
            **plan["settings"],
            **{k: v for k, v in plan.items() if k not in ("settings", *_NAMED)},
        }
    ) | {f"{k}.name": plan[k] for k in _NAMED}
