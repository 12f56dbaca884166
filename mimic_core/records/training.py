"""What a training was: its settings, its body, and which clips it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from mimic_core.body.body import Body

SECTIONS = ("policy", "rewards", "observations", "terminations", "task", "actuation", "simulator")
"""Sections of a training's settings."""


@attrs.frozen(kw_only=True)
class TrainPlan:
    """Every choice of a training run, complete and checked: what a checkpoint carries to be loaded again.

    Attributes:
        settings: sections (`SECTIONS`) of plain data, defaults and preset filled in.
        policy, preset, actuation, simulator: the names chosen; ``simulator`` may be ``auto``.
        seed: of everything random.
        holdout: share of the clips kept from training.
    """

    policy: str
    preset: str
    actuation: str
    simulator: str
    settings: dict[str, Any]
    seed: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    holdout: float = attrs.field(default=0.2, validator=[attrs.validators.ge(0), attrs.validators.lt(1)])


@attrs.frozen(kw_only=True)
class Training:
    """A training as ``run.json``, every checkpoint and every rollout tell it.

    Attributes:
        plan: all its settings.
        body: the body that was trained.
        train_clips, held_out_clips: names of the clips.
        clips: hash of the file of reference clips.
        versions: of mimic, its plugins and the libraries.
        schema: of this record.
    """

    plan: TrainPlan
    body: Body = attrs.field(repr=False)
    train_clips: tuple[str, ...] = ()
    held_out_clips: tuple[str, ...] = ()
    clips: str = ""
    versions: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    schema: int = 1

    @property
    def force_scale(self) -> float:
        """Factor on the muscles' forces that the actuation was set to; 1 where it has no such setting."""
        return float(self.plan.settings.get("actuation", {}).get("force_scale", 1.0))

    @property
    def motor_delay_ms(self) -> float:
        """By how much excitation reaches the muscles later than it is sent."""
        return float(self.plan.settings.get("task", {}).get("motor_delay_ms", 0.0))
