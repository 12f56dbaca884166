"""Settings of the analysis."""

from __future__ import annotations

import attrs
from attrs.validators import deep_iterable, ge, gt, in_, instance_of

DISTRIBUTIONS = ("auto", "poisson", "gaussian")


def _numbers(values: object) -> tuple[float, ...]:
    return tuple(float(v) for v in ([values] if isinstance(values, (int, float)) else values))  # type: ignore[union-attr]


@attrs.frozen(kw_only=True)
class Settings:
    """Settings of the encoding analysis.

    Attributes:
        sources: which sources predict, by name; empty for all that the rollouts have.
        folds: of the cross-validation; each holds whole trials.
        alphas: penalties among which an inner cross-validation chooses, for each neuron and source.
        components: a source of more columns is reduced to so many principal components (of the training trials).
        lags_ms: the source at these times after the neuron (negative: before), all in one regression.
        distribution: ``poisson`` for counts, ``gaussian`` for signals (ridge), or ``auto`` by what was recorded.
        least_events: a neuron with fewer spikes in all trials together is left out, and named.
        draws: how often trials and time are shuffled for each null model.
        seed: of folds and shuffles.
    """

    sources: tuple[str, ...] = attrs.field(default=(), converter=tuple, validator=deep_iterable(instance_of(str)))
    folds: int = attrs.field(default=5, validator=ge(2))
    alphas: tuple[float, ...] = attrs.field(
        default=(1e-3, 1e-2, 1e-1), converter=_numbers, validator=deep_iterable(gt(0))
    )
    components: int = attrs.field(default=24, validator=ge(1))
    lags_ms: tuple[float, ...] = attrs.field(default=(0.0,), converter=_numbers)
    distribution: str = attrs.field(default="auto", validator=in_(DISTRIBUTIONS))
    least_events: int = attrs.field(default=20, validator=ge(1))
    draws: int = attrs.field(default=2, validator=ge(1))
    seed: int = attrs.field(default=0, validator=ge(0))
