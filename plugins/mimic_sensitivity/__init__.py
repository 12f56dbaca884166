"""Muscle parameters that nobody measured in this animal: bodies that differ in them, and what a number does then.

A library that plugins share; it offers no component.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import attrs
import numpy as np

from mimic_core import BodyModel, DataError, Rollouts, value_hash
from mimic_core.physics import Randomisation
from mimic_core.records import Record, Training, array, value
from mimic_variation import AlteredBodies, draw_bodies

PARAMETERS = {
    "strength": "maximum force",
    "operating_range": "operating range",
    "activation_time": "time constants",
    "tendon_slack": "tendon slack",
    "all": "all at once",
}
"""What is varied, and what it is in tables and figures."""

ALL = "all"
"""The one of them that error bars are of."""


def altered_bodies(parameter: str, model: BodyModel, *, spread: float, bodies: int, seed: int) -> AlteredBodies:
    """Draw bodies whose muscles differ in a parameter (or ``all``) by up to ``spread``, see `Randomisation`."""
    kinds = [k for k in PARAMETERS if k != ALL and parameter in (k, ALL)]
    return draw_bodies(Randomisation(bodies=bodies, seed=seed, **dict.fromkeys(kinds, spread)), model)


@attrs.frozen(eq=False)
class Spread:
    """Where a number, or an array of numbers, lies in altered bodies.

    Attributes:
        unchanged: in the body as it is.
        mean, sd: mean and standard deviation over the altered bodies.
    """

    unchanged: Any
    mean: Any
    sd: Any

    @classmethod
    def of(cls, values: Sequence[Any] | np.ndarray, unchanged: Any) -> Spread:
        """Return the spread of ``values`` (body, …); the standard deviation of a single body is 0."""
        v = np.asarray(values, float)
        return cls(np.asarray(unchanged, float)[()], v.mean(axis=0), v.std(axis=0, ddof=min(1, len(v) - 1)))

    def around(self, at: Any) -> tuple[Any, Any]:
        """Return the ends of an error bar, mean ± SD, of a number that is ``at`` in the body as it is.

        ``at`` is not ``unchanged`` where it is a mean over more clips or controllers; the bar moves with it.
        """
        middle = np.asarray(at) + self.mean - self.unchanged
        return middle - self.sd, middle + self.sd

    def bar(self, at: Any) -> tuple[Any, Any]:
        """Return the middle of that error bar and half its length."""
        low, high = self.around(at)
        return 0.5 * (low + high), 0.5 * (high - low)

    @property
    def numbers(self) -> dict[str, float]:
        """Of a single number, for metrics."""
        return {"unchanged": float(self.unchanged), "mean": float(self.mean), "sd": float(self.sd)}


@attrs.frozen(kw_only=True)
class Sensitivity(Record):
    """What a controller does in bodies whose muscles differ from those that it was trained with.

    The first body is the one of the training; then come ``bodies`` for each of ``parameters``, in their order. Arrays
    over steps are as in `mimic_core.Rollouts`.

    Attributes:
        parameters: see `PARAMETERS`.
        bodies: how many for each.
        spread, seed: of the draw, see `altered_bodies`.
        error_mm: mean distance of the keypoints that move from the registered reference.
        training, checkpoint: of the controller.
    """

    KIND: ClassVar[str] = "sensitivity"

    parameters: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    bodies: int = value()
    spread: float = value(converter=float)
    seed: int = value()
    rate_hz: float = value(converter=float)
    simulator: str = value()
    clip_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    n_steps: np.ndarray = array(("clip",), "control step")
    excitation: np.ndarray = array(("body", "clip", "step", "actuator"), "1")
    activation: np.ndarray = array(("body", "clip", "step", "actuator"), "1")
    muscle_force: np.ndarray = array(("body", "clip", "step", "muscle"), "N")
    muscle_length: np.ndarray = array(("body", "clip", "step", "muscle"), "m")
    muscle_velocity: np.ndarray = array(("body", "clip", "step", "muscle"), "m/s")
    error_mm: np.ndarray = array(("body", "clip"), "mm")
    training: Training = value(type=Training)
    checkpoint: str = value()
    provenance: dict[str, Any] = value(default=attrs.Factory(dict))

    @property
    def said(self) -> str:
        """What an error bar is, for captions and notes."""
        return (
            f"mean ± SD over {self.bodies} bodies whose muscles differ by up to ±{100 * self.spread:g} % in "
            "maximum force, operating range, time constants and tendon slack"
        )

    def places(self, parameter: str) -> range:
        """Where the bodies of a parameter are on the axis ``body``."""
        first = 1 + self.parameters.index(parameter) * self.bodies
        return range(first, first + self.bodies)

    def spread_of(self, per_body: Callable[[int], Any]) -> dict[str, Spread]:
        """Return parameter → the spread of ``per_body(place on the axis body)``."""
        unchanged = per_body(0)
        return {p: Spread.of([per_body(b) for b in self.places(p)], unchanged) for p in self.parameters}

    def rollouts(self, like: Rollouts) -> tuple[Rollouts, ...]:
        """Return rollouts of every body, over the clips of this record.

        What is not kept here, the body's movement above all, is that of ``like`` (see `controller_among`).
        """
        at = [like.clip_names.index(n) for n in self.clip_names]
        base = of_clips(like, at)
        kept = ("excitation", "activation", "muscle_force", "muscle_length", "muscle_velocity")
        missing = base.qpos.shape[1] - self.activation.shape[2]
        pad = ((0, 0), (0, 0), (0, missing), (0, 0))
        arrays = {k: np.pad(getattr(self, k), pad, constant_values=np.nan) for k in kept}
        return tuple(attrs.evolve(base, **{k: a[b] for k, a in arrays.items()}) for b in range(len(self.activation)))

    def models(self, model: BodyModel) -> tuple[BodyModel, ...]:
        """Return the compiled bodies; ``model`` is the one of the training."""
        how = {"spread": self.spread, "bodies": self.bodies, "seed": self.seed}
        altered = [m for p in self.parameters for m in altered_bodies(p, model, **how).models(model.mj_model)]
        return (model, *(attrs.evolve(model, mj_model=m) for m in altered))

    def controller_among(self, rollouts: Sequence[Rollouts]) -> Rollouts:
        """Return the rollouts of the controller whose sensitivity this is.

        Raises:
            DataError: they are not among them, or lack a clip.
        """
        mine = value_hash(self.training)
        of = [r for r in rollouts if value_hash(r.training) == mine and r.checkpoint == self.checkpoint]
        if not of:
            raise DataError(
                "sensitivity: is of another controller than the rollouts; make it of the same training and checkpoint "
                "with 'mimic sensitivity', or leave it out"
            )
        missing = [n for n in self.clip_names if n not in of[0].clip_names]
        if missing or of[0].rate_hz != self.rate_hz:
            raise DataError(
                f"sensitivity: its clips {', '.join(missing[:3]) or 'have another rate'} are not those of the "
                "rollouts; make both of the same clips"
            )
        return of[0]


def of_clips(record: Any, at: Sequence[int] | np.ndarray, names: Sequence[str] | None = None) -> Any:
    """Return a record of clips with the clips ``at``, in that order; ``names`` renames them, if one comes twice."""
    at = np.asarray(at, int)
    changed: dict[str, Any] = {}
    for field in attrs.fields(type(record)):
        here = getattr(record, field.name)
        if here is None or field.metadata.get("axes", ("",))[0] != "clip":
            continue
        changed[field.name] = {k: a[at] for k, a in here.items()} if isinstance(here, dict) else here[at]
    for name in ("clip_names", "animals", "split"):
        if hasattr(record, name):
            changed[name] = tuple(getattr(record, name)[i] for i in at)
    return attrs.evolve(record, **(changed if names is None else {**changed, "clip_names": tuple(names)}))


def evenly(clips: int, wanted: int) -> np.ndarray:
    """Choose ``wanted`` of so many clips, evenly; all, where there are no more or 0 are wanted."""
    n = min(wanted or clips, clips)
    return np.unique(np.linspace(0, clips - 1, n).round().astype(int))
