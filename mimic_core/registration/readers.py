"""Where keypoints come from: readers of files, and generators of made-up movements."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from mimic_core.plugins.component import ComponentSpec


@attrs.frozen(kw_only=True)
class ReaderSpec(ComponentSpec):
    """A reader of one file format. ``build(config) -> read`` with ``read(path) -> Keypoints``.

    Positions stay in the file's own unit, which ``Keypoints.unit`` names ("" where the file does not tell).

    Attributes:
        suffixes: file endings, with the dot, lower case.
        accepts: looks into a file with such an ending and says whether it is this format.
        example: ``example(folder) -> path`` writes a small file of this format, for ``mimic plugins check``; None if
            there is none.
    """

    suffixes: tuple[str, ...]
    accepts: Callable[[Path], bool] = attrs.field(default=lambda path: True)
    example: Callable[[Path], Path] | None = None


@attrs.frozen(kw_only=True)
class GeneratorSpec(ComponentSpec):
    """A maker of keypoints. ``build(config, model: BodyModel, seed: int) -> make`` with ``make() -> Keypoints``.

    ``suits(model)`` says whether it moves such a body; where no generator is named, one that does is taken.
    """

    suits: Callable[..., bool] = attrs.field(default=lambda model: True)
