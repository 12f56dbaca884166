"""What reward terms, observations and terminations are."""

from __future__ import annotations

import attrs

from mimic_core.plugins.component import ComponentSpec


@attrs.frozen(kw_only=True)
class RewardSpec(ComponentSpec):
    """A reward term. ``build(config, model: BodyModel) -> f(step: StepView) -> scalar``, or a `Term`.

    The term is unweighted; the core multiplies it by the weight of the run file and logs it by name.

    Attributes:
        units: of the term.
        cost: True where the term is a cost: the core subtracts weight·term instead of adding it.
        weight: used if a run file does not name this term; with None such a term is left out.
    """

    units: str = "1"
    cost: bool = False
    weight: float | None = None


@attrs.frozen(kw_only=True)
class ObservationSpec(ComponentSpec):
    """Something the policy sees. ``build(config, model: BodyModel) -> f(step: StepView) -> (n,) array``.

    Attributes:
        role: ``reference`` for what is to be done, ``proprioception`` for the body's own state. A policy gets the two
            apart, e.g. for its encoder and its decoder.
    """

    role: str = attrs.field(validator=attrs.validators.in_(("reference", "proprioception")))


@attrs.frozen(kw_only=True)
class TerminationSpec(ComponentSpec):
    """A reason to end an episode early. ``build(config, model: BodyModel) -> f(step: StepView) -> bool``.

    The task itself ends every episode at the end of its clip.
    """
