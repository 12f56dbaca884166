"""What an observation is."""

from __future__ import annotations

import attrs

from mimic_core.component import ComponentSpec


@attrs.frozen(kw_only=True)
class ObservationSpec(ComponentSpec):
    """Something the policy sees. ``build(config, model: BodyModel) -> f(step: StepView) -> (n,) array``.

    Attributes:
        role: ``reference`` for what is to be done (goes to the encoder), ``proprioception`` for the
            body's own state (goes to the decoder).
    """

    role: str = attrs.field(validator=attrs.validators.in_(("reference", "proprioception")))
