"""Trying a reward term, an observation or a termination on a body."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from mimic_core.body.model import BodyModel
from mimic_core.chain.choose import built_body
from mimic_core.errors import ConfigError, PluginError
from mimic_core.plugins.manager import Plugins
from mimic_core.testing.steps import actuations, floating_model, toy_model
from mimic_core.testing.terms import CHECKS, TermCase


def term_checks(kind: str) -> dict[str, Callable[[Any, Plugins], None]]:
    named = {name: check for name, check in CHECKS.items() if kind == "reward" or name != "memory"}
    built: dict[int, Any] = {}

    def bind(check: Callable[[Any], None]) -> Callable[[Any, Plugins], None]:
        def run(record: Any, plugins: Plugins) -> None:
            if id(record) not in built:
                built[id(record)] = term_case(kind, record, plugins)
            check(built[id(record)])

        run.__doc__ = check.__doc__
        return run

    return {name: bind(check) for name, check in named.items()}


def term_case(kind: str, record: Any, plugins: Plugins, config: Any = None) -> Any:
    """Build a reward, observation or termination on the first body that it accepts, the toy body before others.

    Raises:
        PluginError: it accepts neither the toy body nor any installed one.
    """
    refusals = []
    for model in _models(plugins):
        case = TermCase(kind, record, record.config() if config is None else config, model)
        try:
            _ = case.built
        except ConfigError as e:
            refusals.append(f"{model.body.name}: {e}")
            continue
        return case
    raise PluginError(f"it accepts no body that is here ({'; '.join(refusals)}); install a body that it is meant for")


def _models(plugins: Plugins) -> Iterator[BodyModel]:
    yield toy_model(plugins)
    yield floating_model(plugins)
    for spec in plugins.all("body"):
        for actuation in actuations(plugins):
            with contextlib.suppress(ConfigError):  # it may need a file, or another actuation
                body = built_body(plugins, spec)
                yield BodyModel.compile(body, actuation.build(actuation.config(), body))
                break
