"""Running an analysis as the stage `analyze` does, without files."""

from __future__ import annotations

from typing import Any

from mimic_core import Body, Context, Inputs, Plugins, Progress, Result
from mimic_core.chain import installed, plan_training
from mimic_core.records import Training
from mimic_core.testing import toy_body
from mimic_drawing import style


def analyse(
    name: str, settings: Any = None, *, plugins: Plugins | None = None, progress: Progress | None = None, **records: Any
) -> Result:
    """Return what an analysis finds.

    Args:
        name: of the analysis.
        settings: of its class of settings; None: its defaults.
        plugins: what is installed; None: what this process has.
        progress: is told how far the work is.
        records: kind → a record, or a tuple of several.
    """
    plugins = plugins or installed()
    spec = plugins.get("analysis", name)
    reads = {r.kind: r for r in spec.reads}
    given = {kind: value if isinstance(value, tuple) else (value,) for kind, value in records.items()}
    assert set(given) <= set(reads), f"{name} reads {', '.join(reads)}, given {', '.join(given)}"
    for kind, read in reads.items():
        n = len(given.get(kind, ()))
        assert (n or read.optional) and (n < 2 or read.several), f"{name}: {n} of {kind}"
    told = {} if progress is None else {"progress": progress}
    with style():
        return spec.build(settings or spec.config())(Inputs(given), Context(plugins=plugins, **told))


def training_of(given: dict[str, Any] | None = None, body: Body | None = None) -> Training:
    """A training of the toy body, with everything that is not given by default."""
    return Training(plan=plan_training(given or {}, installed()), body=body or toy_body())
