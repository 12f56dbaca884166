"""Several rollouts side by side, e.g. one for each seed: what they are called, and whether they belong together."""

from __future__ import annotations

from collections.abc import Sequence

from mimic_core.errors import DataError
from mimic_core.records.rollouts import Rollouts


def labels(rollouts: Sequence[Rollouts]) -> tuple[str, ...]:
    """Return a short name for each: its seed where these tell them apart, else its number."""
    seeds = [r.training.plan.seed if r.training else None for r in rollouts]
    if None in seeds or len(set(seeds)) < len(seeds):
        return tuple(f"rollouts {i}" for i in range(1, len(rollouts) + 1))
    return tuple(f"seed {s}" for s in seeds)


def check_same(rollouts: Sequence[Rollouts], field: str) -> None:
    """Refuse rollouts that differ in ``field``, e.g. ``muscle_names``.

    Raises:
        DataError: they differ.
    """
    first, name = getattr(rollouts[0], field), field.replace("_", " ")
    for i, r in enumerate(rollouts[1:], 2):
        found = getattr(r, field)
        if found != first:
            raise DataError(
                f"rollouts {i}: its {name} are {_listed(found)}, those of the first are {_listed(first)}; "
                "compare rollouts of one body and one rate"
            )


def _listed(v: object) -> str:
    return ", ".join(v) if isinstance(v, tuple) else f"{v:g}" if isinstance(v, float) else str(v)
