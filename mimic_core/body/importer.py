"""What an importer is: something that makes a body of a model file in some format."""

from __future__ import annotations

import attrs

from mimic_core.plugins.component import ComponentSpec


@attrs.frozen(kw_only=True)
class ImporterSpec(ComponentSpec):
    """An importer. ``build(config) -> read``, and ``read(description: Description) -> Body``.

    The core reads the description (see `mimic_core.Description`) and finds the model's file, ``description.model``; the
    importer makes the body of it: the skeleton as MJCF text, a site for each keypoint, the torque limits that the
    model has under those that the description gives. ``config`` holds settings of its own, which stand in the
    description beside the others.

    ``read`` raises `DataError` where the model cannot be used, or where the description names a body, joint or site
    that it does not have; the message begins with ``description.where`` and the key.

    Attributes:
        suffixes: endings (lower case, with the dot) of the files that it imports: ``model = "arm.osim"`` goes to the
            importer that has ``.osim``. A description may also name the importer: ``osim = "arm.osim"``.
    """

    suffixes: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))
