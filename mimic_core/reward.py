"""What a reward term is."""

from __future__ import annotations

import attrs

from mimic_core.component import ComponentSpec


@attrs.frozen(kw_only=True)
class RewardSpec(ComponentSpec):
    """A reward term. ``build(config, model: BodyModel) -> f(step: StepView) -> scalar``, or a `Term`.

    The term is unweighted; the core multiplies it by the weight of the run file and logs it by name.

    Attributes:
        units: of the term.
        cost: True where the term is a cost: the core subtracts weight·term instead of adding it.
        weight: used when a run file does not speak of this term; None leaves the term out by default.
    """

    units: str = "1"
    cost: bool = False
    weight: float | None = None
