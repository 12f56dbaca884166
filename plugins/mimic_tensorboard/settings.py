"""Settings of the TensorBoard logger."""

from __future__ import annotations

import attrs
from attrs.validators import gt


@attrs.frozen
class Settings:
    """Settings of the TensorBoard logger.

    Attributes:
        flush_s: s between writes to the file, which is how old the curves that TensorBoard shows may be.
    """

    flush_s: float = attrs.field(default=10.0, validator=gt(0))
