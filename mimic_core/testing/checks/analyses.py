"""Checks of analyses and reports."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from mimic_core.analysis.result import Result
from mimic_core.analysis.spec import AnalysisSpec
from mimic_core.errors import MimicError, PluginError
from mimic_core.files import to_json
from mimic_core.plugins.context import Context
from mimic_core.plugins.inputs import Inputs
from mimic_core.plugins.manager import Plugins
from mimic_core.testing.checks.every import check_builds
from mimic_core.testing.records import toy_records


def check_analysis(record: AnalysisSpec, plugins: Plugins) -> str:
    """Synthetic records go through it, and what it finds can be saved.

    Returns:
        why it was not tried on synthetic records: it reads something that the kit cannot make, or refuses them in one
        line, as an analysis of one animal's muscles does.
    """
    check_builds(record, plugins)
    made = toy_records(plugins)
    for read in record.reads:
        if read.kind not in {p.name for p in plugins.provided("record")}:
            raise PluginError(f"reads records of kind {read.kind!r}, which nothing makes; see 'mimic plugins list'")
        if read.kind not in made and not read.optional:
            return f"not tried: there are no synthetic {read.kind}"
    whole, needed = (
        {r.kind: (made[r.kind],) * (2 if r.several else 1) for r in record.reads if r.kind in made and r.optional in of}
        for of in ((True, False), (False,))
    )
    with TemporaryDirectory() as folder:
        context = Context(plugins=plugins, out=Path(folder))
        analyse = record.build(record.config())
        try:
            found = analyse(Inputs(whole), context)
        except MimicError:  # synthetic records of different kinds are of different bodies
            try:
                found = analyse(Inputs(needed), context)
            except MimicError as e:
                return f"not tried: it refuses synthetic records ({e})"
        if not isinstance(found, Result):
            raise PluginError(f"returns {type(found).__name__}; return mimic_core.Result")
        if not (found.metrics or found.tables or found.figures):
            raise PluginError("finds neither metrics nor tables nor figures; put what it finds into the Result")
        beside = any(h.nulls for h in found.headlines) or '"nulls"' in json.dumps(to_json(found.metrics), default=str)
        if found.metrics and not beside:
            raise PluginError(
                "puts none of its numbers beside a null model; say what a trivial answer (the mean, a constant, a "
                "shuffle) gets: Headline(label, value, unit, nulls={'the mean': …}, better='lower')"
            )
        found.save(folder)
        json.loads((Path(folder) / "metrics.json").read_text())
    missing = sorted(set(found.captions) - set(found.figures))
    if missing:
        raise PluginError(f"has a caption for figure {missing[0]!r}, which it does not draw; name them alike")
    return ""
