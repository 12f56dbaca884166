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
        weight: used when a run file does not speak of this term; None leaves the term out by default.
    """

    units: str = "1"
    cost: bool = False
    weight: float | None = None


@attrs.frozen(kw_only=True)
class ObservationSpec(ComponentSpec):
    """Something the policy sees. ``build(config, model: BodyModel) -> f(step: StepView) -> (n,) array``.

    Attributes:
        role: ``reference`` for what is to be done (goes to the encoder), ``proprioception`` for the
            body's own state (goes to the decoder).
    """

    role: str = attrs.field(validator=attrs.validators.in_(("reference", "proprioception")))


@attrs.frozen(kw_only=True)
class TerminationSpec(ComponentSpec):
    """A reason to end an episode early. ``build(config, model: BodyModel) -> f(step: StepView) -> bool``.

    The end of a clip always ends an episode, and is the task's own business.
    """
