"""The control difference under the name that it has in the Al Borno lab's trainer."""

from __future__ import annotations

import attrs

from mimic_core import RewardSpec
from mimic_rewards.control_difference import build
from mimic_rewards.sources import AL_BORNO


@attrs.frozen
class ActionChange:
    """The action change has nothing to set but its weight."""


spec = RewardSpec(
    name="action_change",
    config=ActionChange,
    build=build,
    cost=True,
    summary="cost of changing the excitation between control steps; the same number as control_difference",
    source=AL_BORNO,
)
