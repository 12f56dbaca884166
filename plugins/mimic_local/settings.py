"""Settings of the processes."""

from __future__ import annotations

import attrs


@attrs.frozen
class Settings:
    """Settings of the local executor.

    Attributes:
        workers: jobs that run at the same time. One training uses every core already; more of them pay where
            trainings are small or wait for something.
        retries: how often a job whose process dies is begun again.
    """

    workers: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    retries: int = attrs.field(default=1, validator=attrs.validators.ge(0))
