"""Published figures beside those of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import attrs
from attrs.validators import ge, min_len

from mimic_core import flatten, read_toml, structure
from mimic_report.finished_run import FinishedRun, StageEntry
from mimic_report.values import dig, show


@attrs.frozen(kw_only=True)
class Figure:
    """One published figure, and where a run has its own.

    Attributes:
        what: the quantity.
        published: its value as it is printed.
        unit: of both.
        read: places of the run's own value, the first that is there: ``STAGE: path.to.number`` or, of an analysis,
            ``NAME: path.to.number`` with its name or its section's; the path's names are parted by dots, several
            paths by commas. A list of numbers is shown as such.
        times: factor that brings the run's value into ``unit``.
        first: of a list, only so many; 0 for all.
        when: settings of the training (dotted paths) that the run must have for the value to be comparable; a number
            that is not set counts as 0.
        command: makes the value, for runs that lack it.
        why: why the two may differ.
    """

    what: str = attrs.field(validator=min_len(1))
    published: str = attrs.field(validator=min_len(1))
    unit: str = ""
    read: tuple[str, ...] = attrs.field(default=())
    times: float = 1.0
    first: int = attrs.field(default=0, validator=ge(0))
    when: dict[str, float] = attrs.field(factory=dict)
    command: str = ""
    why: str = ""

    @read.validator
    def _named(self, attribute: attrs.Attribute, places: tuple[str, ...]) -> None:
        for place in places:
            stage, _, path = place.partition(":")
            if not stage.strip() or not path.strip():
                raise ValueError(f"must be 'STAGE: path.to.number', got {place!r}")


@attrs.frozen(kw_only=True)
class Published:
    """The figures of one publication.

    Attributes:
        source: author, year, title, doi.
        body: name of the body that it studies.
    """

    source: str
    body: str
    figures: tuple[Figure, ...]


def published_for(run: FinishedRun, file: str) -> Published | None:
    """Return the figures of ``file``, or those that come with the report for the body of this run.

    Raises:
        ConfigError: ``file`` is not what it should be.
    """
    if file:
        return _load(Path(file))
    for entry in files("mimic_report").joinpath("published").iterdir():
        if entry.name.endswith(".toml"):
            with as_file(entry) as path:
                found = _load(path)
            if found.body == body_name(run):
                return found
    return None


def _load(path: Path) -> Published:
    return structure(read_toml(path), Published, str(path))


def body_name(run: FinishedRun) -> str:
    """The body's name without its variant; empty if the run does not say."""
    registered = run.summary("register").get("body") or dig(run.training, "body", "name") or ""
    return str(registered).partition(":")[0]


@attrs.frozen
class Own:
    """The run's own value of a published figure, and the stage that made it."""

    value: str
    stage: StageEntry


def own(run: FinishedRun, figure: Figure) -> Own | None:
    """Find the run's own value; None if it has none that can be compared."""
    settings = flatten(dig(run.training, "plan", "settings") or {})
    if any(settings.get(path, 0) != wanted for path, wanted in figure.when.items()):
        return None
    for place in figure.read:
        name, _, path = (part.strip() for part in place.partition(":"))
        for stage, numbers in _holding(run, name):
            values = _values(numbers, path, figure.first)
            if values:
                return Own(" / ".join(show(v if figure.times == 1 else v * figure.times) for v in values), stage)
    return None


def _values(numbers: Mapping[str, Any], paths: str, first: int) -> list[float]:
    """The numbers at the paths; none unless all are there."""
    found = [dig(numbers, *path.strip().split(".")) for path in paths.split(",")]
    values = [v for f in found for v in (f[: first or None] if isinstance(f, list) else [f])]
    whole = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    return values if whole else []


def _holding(run: FinishedRun, name: str) -> Iterator[tuple[StageEntry, Mapping[str, Any]]]:
    """Every stage that goes by that name with its numbers, and then every analysis, but for synthetic records."""
    found = [(s, s.summary) for s in run.stages if name in (s.name, s.stage)]
    found += [(s, s.result.metrics) for s in run.analyses if name in (s.title, s.analysis)]
    # what is synthetic says nothing of an animal
    return ((stage, numbers) for stage, numbers in found if numbers.get("synthetic") is not True)


@attrs.frozen
class Row:
    """A published figure beside the run's own value, which may be None."""

    figure: Figure
    own: Own | None

    @property
    def what(self) -> str:
        """The quantity with its unit."""
        return f"{self.figure.what} ({self.figure.unit})" if self.figure.unit else self.figure.what

    @property
    def command(self) -> str:
        """The command that makes the value; empty where none is known."""
        return self.own.stage.command if self.own else self.figure.command


def compare(run: FinishedRun, published: Published) -> list[Row]:
    """Each published figure beside the run's own."""
    return [Row(figure, own(run, figure)) for figure in published.figures]
