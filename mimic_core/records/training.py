"""What a training was: its settings, its body, and which clips it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from mimic_core.body.body import Body

SECTIONS = ("policy", "rewards", "observations", "terminations", "task", "actuation", "simulator")
"""Sections of a training's settings."""


_is_share = attrs.validators.and_(attrs.validators.ge(0.0), attrs.validators.lt(1.0))


def holdout_valid(record: Any, field: attrs.Attribute[Any], holdout: Any) -> None:
    """See that it is a share, a name, or a list of names; see `TrainPlan`."""
    if isinstance(holdout, (int, float)) and not isinstance(holdout, bool):
        return _is_share(record, field, holdout)
    names = [holdout] if isinstance(holdout, str) else holdout
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(n, str) and n for n in names):
        raise ValueError(f"must be a share, names of clips, or animal, got {holdout!r}")


@attrs.frozen(kw_only=True)
class TrainPlan:
    """Every choice of a training run, complete and checked: what a checkpoint carries to be loaded again.

    Attributes:
        settings: sections (`SECTIONS`) of plain data, defaults and preset filled in.
        policy, preset, actuation, simulator: the names chosen; ``simulator`` may be ``auto``.
        task: name of what is to be done; empty: what is done by default.
        seed: of everything random.
        holdout: which clips are kept from training: a share of them, drawn by the seed; names, with wildcards;
            ``animal`` for all of the last animal, ``animal:NAME`` of another; ``last:LENGTH`` for the end of each clip.
    """

    policy: str
    preset: str
    actuation: str
    simulator: str
    settings: dict[str, Any]
    task: str = ""
    seed: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    holdout: Any = attrs.field(default=0.2, validator=holdout_valid)


@attrs.frozen(kw_only=True)
class Training:
    """A training as ``run.json``, every checkpoint and every rollout tell it.

    Attributes:
        plan: all its settings.
        body: the body that was trained.
        train_clips, held_out_clips: names of the clips.
        train_animals, held_out_animals: whose clips these are, each once.
        clips: hash of the file of reference clips.
        versions: of mimic, its plugins and the libraries.
        schema: of this record.
    """

    plan: TrainPlan
    body: Body = attrs.field(repr=False)
    train_clips: tuple[str, ...] = ()
    held_out_clips: tuple[str, ...] = ()
    train_animals: tuple[str, ...] = ()
    held_out_animals: tuple[str, ...] = ()
    clips: str = ""
    versions: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    schema: int = 1
