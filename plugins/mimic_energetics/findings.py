"""What the energetics analysis finds."""

from __future__ import annotations

import attrs
import numpy as np


@attrs.frozen(eq=False)
class Work:
    """Work of muscles (or joints), each (clip, muscle) J.

    Attributes:
        positive: done while power was positive: a muscle shortens, a torque drives its joint.
        negative: while it was negative, as a negative number.
        peak: (clip, muscle) W, largest power.
        power: (clip, step, muscle) W, at the instants of the rollouts.
    """

    positive: np.ndarray
    negative: np.ndarray
    peak: np.ndarray
    power: np.ndarray

    @property
    def net(self) -> np.ndarray:
        return self.positive + self.negative


@attrs.frozen(eq=False)
class Balance:
    """Where the work went, each (clip,) J; what remains was taken up by joint limits and contacts.

    Attributes:
        stored: change of kinetic and potential energy.
        damped: what the joints' damping turned into heat.
    """

    stored: np.ndarray
    damped: np.ndarray


@attrs.frozen(eq=False)
class Energetics:
    """What one file of rollouts turned over.

    Attributes:
        names: of the muscles, or of the joints where torques drive the body.
        work: of these.
        joints: work at the joints, without that of reserves.
        metabolic_power: (clip, control step, muscle) W; None without muscles.
        metabolic: (clip, muscle) J; None without muscles.
        balance: None where the rollouts hold no body.
        held_still: (clip, muscle) J, metabolic energy of the same activity at constant length; None without muscles.
        reserves: work of the reserves at the joints, which is in no other number; None without reserves.
        passive: work of the same muscles if they were never active; None without muscles.
        rate_hz: of the powers, Hz.
    """

    names: tuple[str, ...]
    work: Work
    joints: Work
    metabolic_power: np.ndarray | None
    metabolic: np.ndarray | None
    balance: Balance | None
    held_still: np.ndarray | None = None
    passive: Work | None = None
    reserves: Work | None = None
    rate_hz: float = 1.0

    @property
    def efficiency(self) -> float:
        """Positive work over metabolic energy, of all clips together."""
        if self.metabolic is None or not self.metabolic.sum() > 0:
            return float("nan")
        return float(self.work.positive.sum() / self.metabolic.sum())
