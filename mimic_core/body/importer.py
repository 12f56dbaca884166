"""What an importer is: something that makes a body of a model file in some format, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from mimic_core.body.body import positive
from mimic_core.plugins.component import ComponentSpec

ROOTS = ("model", "free", "fixed")
"""How a body is held: as the model says, free to move, or fixed in space."""


@attrs.frozen(kw_only=True)
class Place:
    """Where a keypoint sits on a model: on a body, at a joint, or at a site.

    Attributes:
        body: body that the keypoint moves with. With ``joint``, either of the two that it connects; without, the one
            nearer the root (the other one where that is the world).
        pos: position in the body's frame, m; its origin where left out.
        joint: the keypoint is at this joint's anchor.
        site: the keypoint is at this site.
    """

    body: str = ""
    pos: tuple[float, float, float] | None = None
    joint: str = ""
    site: str = ""

    def __attrs_post_init__(self) -> None:
        named = [key for key in ("body", "pos", "joint", "site") if getattr(self, key)]
        if named not in (["body"], ["body", "pos"], ["joint"], ["body", "joint"], ["site"]):
            raise ValueError(
                f"must be a body (with or without pos), a joint (with or without body) or a site, got "
                f"{' and '.join(named) or 'none of them'}"
            )


@attrs.frozen(kw_only=True)
class Description:
    """A description of a body, as an importer is given it.

    In a file the model is named by ``model = "FILE"`` or by ``IMPORTER = "FILE"``: a path, relative to the description,
    or ``package:NAME/PATH`` in an installed Python package. Settings of the importer stand beside the others.

    Attributes:
        name: the body's name.
        model: the model's file.
        root: ``free`` gives the first body a free joint if the model has none, ``fixed`` takes free joints away,
            ``model`` changes nothing.
        keypoint_spread_mm: how far a registration should expect a keypoint to be from the place given here.
        keypoints: keypoint → its place.
        torque_limits: joint → N·m (N for a slide), where the model's own actuators do not say it or say it wrong.
        install: the command that installs the package that the model is in.
        sources: name → where numbers of the description come from; for people.
        where: who says all this, for messages; not in the file.
    """

    name: str = attrs.field(validator=attrs.validators.min_len(1))
    model: Path
    root: str = attrs.field(default="model", validator=attrs.validators.in_(ROOTS))
    keypoint_spread_mm: float = attrs.field(validator=positive)
    keypoints: Mapping[str, Place] = attrs.field(validator=attrs.validators.min_len(2))
    torque_limits: Mapping[str, float] = attrs.field(
        factory=dict, validator=attrs.validators.deep_mapping(value_validator=positive)
    )
    install: str = ""
    sources: Mapping[str, str] = attrs.field(factory=dict)
    where: str = ""

    @property
    def keypoint_spread(self) -> float:
        """As in `mimic_core.Body`, m."""
        return self.keypoint_spread_mm * 1e-3


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
