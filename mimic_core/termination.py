"""What a termination is."""

from __future__ import annotations

import attrs

from mimic_core.component import ComponentSpec


@attrs.frozen(kw_only=True)
class TerminationSpec(ComponentSpec):
    """A reason to end an episode early. ``build(config, model: BodyModel) -> f(step: StepView) -> bool``.

    The end of a clip always ends an episode, and is the task's own business.
    """
