"""What an analysis is: records in; tables, figures and metrics out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mimic_core import figures as drawing
from mimic_core.component import ComponentSpec
from mimic_core.records import KINDS
from mimic_core.rollouts import Rollouts
from mimic_core.storage import atomic_path, write_json, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@attrs.frozen(kw_only=True)
class Table:
    """Rows under named columns; units belong into the column names."""

    columns: tuple[str, ...] = attrs.field(converter=tuple)
    rows: tuple[tuple[Any, ...], ...] = attrs.field(converter=lambda rows: tuple(map(tuple, rows)))
    caption: str = ""

    @rows.validator
    def _rectangular(self, attribute: attrs.Attribute, rows: tuple[tuple[Any, ...], ...]) -> None:
        for row in rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row has {len(row)} entries, expected {len(self.columns)} ({', '.join(self.columns)})"
                )


@attrs.frozen(kw_only=True)
class Result:
    """What an analysis found.

    Attributes:
        metrics: numbers by name, JSON-able; what ``--json`` prints.
        tables: name → table.
        figures: name → matplotlib figure.
        captions: figure name → what it shows, for the report.
        methods: how it was computed, with settings and sources, for the report.
    """

    metrics: dict[str, Any] = attrs.field(factory=dict)
    tables: dict[str, Table] = attrs.field(factory=dict)
    figures: dict[str, Figure] = attrs.field(factory=dict)
    captions: dict[str, str] = attrs.field(factory=dict)
    methods: str = ""

    def save(self, directory: str | Path) -> Path:
        """Write ``metrics.json``, one csv per table, and each figure as png, svg and pdf into ``directory``."""
        import csv
        import io

        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(table.columns)
            writer.writerows(table.rows)
            write_text(directory / f"{name}.csv", text.getvalue())
        with drawing.style():
            for name, figure in self.figures.items():
                for ending in drawing.FORMATS:
                    undated = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[ending]
                    with atomic_path(directory / f"{name}.{ending}") as tmp:
                        figure.savefig(tmp, format=ending, metadata=undated)
        write_json(
            directory / "result.json",
            {
                "tables": {n: t.caption for n, t in self.tables.items()},
                "figures": {n: self.captions.get(n, "") for n in self.figures},
                "methods": self.methods,
            },
        )
        write_json(directory / "metrics.json", self.metrics)
        return directory


@attrs.frozen(kw_only=True)
class AnalysisSpec(ComponentSpec):
    """An analysis. ``build(config) -> analyse`` with ``analyse(record, …) -> Result``, drawn in `mimic_core.figures`.

    What ``analyse`` is given: one record of the kind ``of``, or a tuple of them with ``several``; by keyword, a record
    of each kind in ``uses``, None where the user gave none (never, if it is among ``needs``); and with
    ``tells_progress`` the keyword ``progress``, to be called with how much is done, of how much.

    Attributes:
        of: the kind of what it reads, see `mimic_core.records.KINDS`: ``rollouts`` (`Rollouts`), ``clips``
            (`ReferenceClips`), ``emg`` (`Emg`) or ``sweep`` (`SweepResults`).
        several: it reads any number of them, e.g. one for each seed.
        perturbed: of rollouts, and several: a run file gives it the run's rollouts and all that are perturbed.
        uses: kinds of other records that it reads beside.
        needs: those of them that it cannot do without.
        tells_progress: it takes long, and says how far it is.
    """

    of: str = attrs.field(default=Rollouts.KIND, validator=attrs.validators.in_(tuple(KINDS)))
    several: bool = False
    perturbed: bool = False
    uses: tuple[str, ...] = attrs.field(
        default=(), converter=tuple, validator=attrs.validators.deep_iterable(attrs.validators.in_(tuple(KINDS)))
    )
    needs: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    tells_progress: bool = False

    def __attrs_post_init__(self) -> None:
        for kind in self.needs:
            if kind not in self.uses:
                raise ValueError(f"analysis {self.name}: needs {kind}, which is not among what it uses")
        if self.of in self.uses:
            raise ValueError(f"analysis {self.name}: uses {self.of}, which it already reads; say several=True")
