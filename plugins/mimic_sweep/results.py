"""A finished sweep, read back from its folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import attrs

from mimic_core import DataError, flatten


@attrs.frozen(kw_only=True)
class Row:
    """A finished run: the settings that the sweep varies, and what was measured.

    Attributes:
        run: name of its folder.
        point: name of its combination of settings.
        values: dotted path → value.
        metrics: dotted name → number.
    """

    run: str
    point: str
    seed: int
    values: Mapping[str, Any]
    metrics: Mapping[str, float]


@attrs.frozen(kw_only=True)
class SweepResults:
    """Every finished run of a sweep.

    Attributes:
        directory: the sweep's folder; a run's own files are in ``directory / row.run``.
        config: the sweep file, all of it.
        rows: a row for every finished run.
    """

    KIND: ClassVar[str] = "sweep"

    directory: Path
    config: Mapping[str, Any]
    rows: tuple[Row, ...]

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read the folder that ``mimic sweep`` wrote.

        Raises:
            DataError: it is none, or has no finished run.
        """
        directory = Path(path)
        files = directory / "sweep.json", directory / "results.csv"
        for file in files:
            if not file.is_file():
                raise DataError(f"{file}: no such file; give the folder that 'mimic sweep FILE.toml --out' wrote")
        try:
            config = json.loads(files[0].read_text(encoding="utf-8"))["config"]
            with files[1].open(newline="", encoding="utf-8") as f:
                lines = list(csv.DictReader(f))
            rows = tuple(_row(line, list(flatten(config["sweep"]["grid"]))) for line in lines)
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as e:
            raise DataError(f"{directory}: not a sweep that this version wrote ({e!r}); run the sweep again") from e
        if not rows:
            raise DataError(f"{directory}: no run of this sweep is finished; run 'mimic sweep' again to go on with it")
        return cls(directory=directory, config=config, rows=rows)


def _row(line: Mapping[str, str], paths: list[str]) -> Row:
    other = {k: v for k, v in line.items() if k not in ("run", "seed", *paths) and v}
    return Row(
        run=line["run"],
        point=line["run"].rpartition("/")[0],
        seed=int(line["seed"]),
        values={p: _value(line[p]) for p in paths},
        metrics={k: float(v) for k, v in other.items()},
    )


def _value(cell: str) -> Any:
    """A setting as it was: a cell holds JSON, or plain text."""
    try:
        return json.loads(cell)
    except json.JSONDecodeError:
        return cell
