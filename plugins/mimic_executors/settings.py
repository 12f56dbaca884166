"""Settings of the executors."""

from __future__ import annotations

import attrs


@attrs.frozen
class LocalSettings:
    """Settings of the local executor.

    Attributes:
        workers: jobs that run at the same time. One training uses every core already; more of them pay where
            trainings are small or wait for something.
        retries: how often a job whose process dies is begun again.
    """

    workers: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    retries: int = attrs.field(default=1, validator=attrs.validators.ge(0))


@attrs.frozen
class RaySettings:
    """Settings of the Ray executor.

    Attributes:
        address: of the cluster: ``auto`` is the one that this machine belongs to, ``HOST:PORT`` another one's head,
            ``local`` a cluster of this machine alone, begun for the sweep.
        cpus: cores that a job needs; so many jobs share a machine as its cores allow.
        gpus: accelerators that a job needs; a fraction shares one.
        retries: how often a job whose process or machine dies is begun again.
    """

    address: str = "auto"
    cpus: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    gpus: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    retries: int = attrs.field(default=3, validator=attrs.validators.ge(0))
