"""How often a training is measured and saved, and how exactly it computes."""

from __future__ import annotations

import attrs

_AT_LEAST_ONE = attrs.validators.ge(1)


@attrs.frozen(kw_only=True)
class LoopSettings:
    """Settings of the loop. Settings of a policy that inherit them let the user choose; else the defaults hold.

    Attributes:
        evaluations: how often tracking is measured, evenly spread.
        checkpoints_kept: the newest ones are kept, and the best.
        checkpoint_interval_s: a checkpoint is also written when the last is older than this.
        matmul_precision: of float32 products on accelerators: ``highest`` computes in float32, ``default`` may round
            factors to fewer digits.
    """

    evaluations: int = attrs.field(default=10, validator=_AT_LEAST_ONE)
    checkpoints_kept: int = attrs.field(default=2, validator=_AT_LEAST_ONE)
    checkpoint_interval_s: float = attrs.field(default=120.0, validator=attrs.validators.gt(0))
    matmul_precision: str = attrs.field(
        default="highest", validator=attrs.validators.in_(("default", "high", "highest"))
    )

    @classmethod
    def of(cls, config: object) -> LoopSettings:
        """Return what the settings of a policy say of the loop."""
        return config if isinstance(config, LoopSettings) else cls()
