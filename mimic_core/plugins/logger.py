"""What a logger is: it records a training, step by step, where people can watch it."""

from __future__ import annotations

import attrs

from mimic_core.plugins.component import ComponentSpec


@attrs.frozen(kw_only=True)
class LoggerSpec(ComponentSpec):
    """A logger. ``build(config, out: Path) -> logger``, an object with any of the event hooks as methods.

    The methods are marked ``@hookimpl``: ``mimic_stage_started``, ``mimic_progress``, ``mimic_stage_finished`` and
    ``mimic_stage_failed`` (see `mimic_core.plugins.hooks`). One of the last two comes last, and is where the logger
    closes what it opened.

    ``out`` is the folder of the run's logs, which may not be there yet. A logger writes below ``out / name`` and
    nothing before the stage started. ``build`` raises `ConfigError` where the logger cannot work, e.g. for want of a
    package; an error in a later call costs only the log: it is said in one line and the logger is left out.
    """
