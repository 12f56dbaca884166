"""Settings of the Weights & Biases logger."""

from __future__ import annotations

import attrs
from attrs.validators import in_, min_len, optional


@attrs.frozen
class Settings:
    """Settings of the Weights & Biases logger.

    Attributes:
        project: where the run is listed.
        entity: user or team; not given, the account's own.
        name: of the run; not given, its folder and the one above.
        mode: ``online``, or ``offline``, which keeps everything in the run folder for ``wandb sync`` and sends nothing;
            not given, what the environment variable WANDB_MODE says, else ``online``.
    """

    project: str = attrs.field(default="mimic", validator=min_len(1))
    entity: str | None = None
    name: str | None = None
    mode: str | None = attrs.field(default=None, validator=optional(in_(("online", "offline"))))
