"""Settings of the page."""

from __future__ import annotations

import attrs
from attrs.validators import ge


@attrs.frozen
class Settings:
    """Settings of the page.

    Attributes:
        title: heading of the page; empty takes the run's title.
        max_rows: longer tables are cut here; the csv file beside the run holds all rows.
        published: TOML file of published figures that the summary compares with, laid out as those in the folder
            ``published`` of this plugin; empty takes the one for the run's body, where there is one.
        clips: how many clips the replay shows: the best, the median and the worst held-out clip, and others between
            them; 0 leaves the replay out.
        show: names of clips that the replay shows beside them.
    """

    title: str = ""
    max_rows: int = attrs.field(default=60, validator=ge(1))
    published: str = ""
    clips: int = attrs.field(default=6, validator=ge(0))
    show: tuple[str, ...] = ()
