"""What is measured in every training of a sweep: analyses of its rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from mimic_core import AnalysisSpec, ConfigError, Plugins, Rollouts, file_hash
from mimic_core.chain import Asked, asked
from mimic_sweep.sweep_file import Wanted

_TAKEN = ("train", "rollout")  # what metrics of trainings and rollouts are called


@attrs.frozen
class Measure:
    """An analysis of every training's rollouts.

    Attributes:
        label: what its metrics are called.
        version: of the plugin that provides the analysis: another one may find something else.
        beside: other files that it reads, and ``hashes`` of their contents.
    """

    label: str
    analysis: str
    settings: Mapping[str, Any]
    version: str
    beside: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()

    @property
    def decides(self) -> Measure:
        """What of it decides the outcome: contents of files, not their names."""
        return attrs.evolve(self, beside=())


def measures(plugins: Plugins, sweep: Wanted) -> list[Measure]:
    """The analyses, each checked.

    Raises:
        ConfigError: a wrong setting, or an analysis that cannot be done for every training.
    """
    found = []
    for label, table in sweep.options.analyze.items():
        if table is False:
            continue
        where = f"{sweep.where}analyze.{label}"
        if not isinstance(table, Mapping):
            raise ConfigError(f"{where}: must be a table, got {table!r}")
        given = asked(plugins.get("stage", "analyze"), table, plugins, where, label)
        spec: AnalysisSpec = plugins.get("analysis", given.options.analysis.name)
        refusal = _refusal(plugins, spec, sweep, given, label)
        if not refusal:
            found.append(_measure(plugins, spec, sweep, given, label))
        elif sweep.strict:
            raise ConfigError(f"{where}: {refusal}")
    return found


def _refusal(plugins: Plugins, spec: AnalysisSpec, sweep: Wanted, given: Asked, label: str) -> str:
    """Why an analysis cannot be done for every training; empty where it can."""
    kinds = [r.kind for r in spec.reads if not r.optional]
    if Rollouts.KIND not in [r.kind for r in spec.reads]:
        return f"reads {' and '.join(kinds)}, which no training changes; leave it out of the sweep"
    if any(plugins.get("record", kind).special == Rollouts.KIND for kind in kinds):
        return "compares perturbed rollouts, which a sweep does not make; leave it out of the sweep"
    for kind in kinds:
        if kind != Rollouts.KIND and kind not in given.inputs and kind not in sweep.files:
            return f'needs {kind}; add {kind} = "{kind}.h5", or leave it out of the sweep'
    return "a name of the sweep; call its table otherwise" if label in _TAKEN else ""


def _measure(plugins: Plugins, spec: AnalysisSpec, sweep: Wanted, given: Asked, label: str) -> Measure:
    beside = []
    for r in spec.reads:
        if r.kind != Rollouts.KIND and r.key in given.inputs:
            beside += given.inputs[r.key]
        elif r.kind in sweep.files and r.kind != "clips":
            beside.append(sweep.files[r.kind])
    return Measure(
        label=label,
        analysis=spec.name,
        settings=given.options.analysis.settings,
        version=plugins.versions[plugins.provider("analysis", spec.name).plugin],
        beside=tuple(str(path.resolve()) for path in beside),
        hashes=tuple(map(file_hash, beside)),
    )
