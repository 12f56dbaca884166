"""What an analysis is: records in; tables, figures and metrics out."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core.analysis.result import Result
from mimic_core.plugins.component import ComponentSpec
from mimic_core.plugins.context import Context
from mimic_core.plugins.inputs import Inputs, Reads

Analyse = Callable[[Inputs, Context], Result]


@attrs.frozen(kw_only=True)
class AnalysisSpec(ComponentSpec):
    """An analysis. ``build(config) -> analyse`` with ``analyse(inputs: Inputs, context: Context) -> Result``.

    ``inputs`` holds loaded records by kind: ``inputs.one("rollouts")`` is the only one, ``inputs.all("rollouts")`` a
    tuple, ``inputs.maybe("emg")`` one or None. Figures are drawn in the project's style, which is
    on already. ``context`` has the installed plugins, ``progress(done, total, metrics)`` for work that takes long, and
    the folder that the result goes to.

    Attributes:
        reads: kinds of record that it reads. The first is what it is an analysis of. In a run file each comes from the
            stage that writes it, unless the analysis's table names a file.
    """

    reads: tuple[Reads, ...] = attrs.field(default=(Reads("rollouts"),), converter=tuple)

    @reads.validator
    def _each_once(self, attribute: attrs.Attribute[tuple[Reads, ...]], reads: tuple[Reads, ...]) -> None:
        kinds = [r.kind for r in reads]
        if not kinds or len(set(kinds)) < len(kinds):
            raise ValueError(f"analysis {self.name}: reads {', '.join(kinds) or 'nothing'}; name each kind once")
