"""Checking that a component does what its kind promises: what ``mimic plugins check`` and `mimic_core.testing` run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mimic_core.errors import MimicError, PluginError
from mimic_core.plugins.manager import Plugins, Provided
from mimic_core.testing.checks import analyses, bodies, every, files, running, simulators, stages, tasks
from mimic_core.testing.checks.policies import policy_checks
from mimic_core.testing.checks.terms import term_checks
from mimic_core.testing.perturbations import check_perturbation

Check = Callable[[Any, Plugins], str | None]
"""``check(record, plugins)``: raises where it fails; may return a remark, e.g. why there was nothing to check."""


def check_component(provided: Provided, plugins: Plugins) -> list[str]:
    """Check one component and return the names of the checks that it passed, with remarks in brackets.

    Whatever can be tried is tried on the toy body (`mimic_core.testing.toy`) with the default actuation; a term that
    refuses the toy body is tried on the installed bodies, a task on a body that moves freely. A check that fails does
    not keep the others from being made.

    Raises:
        PluginError: checks failed; one line that says of each what was found, and the mend.
    """
    passed: list[str] = []
    failed: dict[str, tuple[Exception, str]] = {}
    for name, check in checks(provided.kind, provided.record).items():
        try:
            remark = check(provided.record, plugins)
            passed.append(f"{name} ({remark})" if remark else name)
        except MimicError as e:
            failed[name] = e, str(e)
        except Exception as e:  # whatever a plugin's code raises is a finding
            said = f"it raises {type(e).__name__}: {' '.join(str(e).split())}"[:300]
            mend = f"run 'mimic --debug plugins check {provided.plugin}' for the place, and mend it there"
            failed[name] = e, f"{said}; {mend}"
    if failed:
        different = {said: name for name, (_, said) in reversed(failed.items())}  # one fault may fail several checks
        told = [f"check {name!r} failed: {said}" for name, (_, said) in failed.items() if different[said] == name]
        first = next(error for error, _ in failed.values())
        raise PluginError(f"{provided.kind} {provided.name} ({provided.plugin}): {'; '.join(told)}") from first
    return passed


def checks(kind: str, record: Any) -> dict[str, Check]:
    """Name of each check of a component → the check."""
    if kind == "command":
        return {"function": every.check_command}
    found: dict[str, Check] = {"settings": every.check_settings, "summary": every.check_summary}
    own: Mapping[str, Check] = _OWN.get(kind, {})
    if kind == "policy":
        own = policy_checks()
    if kind == "emg_reader" and record.of_rollouts:
        own = {"builds": every.check_builds}
    found |= term_checks(kind) if kind in ("reward", "observation", "termination") else own
    if kind == "simulator" and record.differentiable:
        found["gradient"] = simulators.check_gradient
    if kind == "simulator" and record.forces:
        found["forces"] = simulators.check_forces
    return found


_OWN: dict[str, dict[str, Check]] = {
    "body": {
        "compiles": bodies.check_body_compiles,
        "keypoints": bodies.check_body_keypoints,
        "saved and read": bodies.check_body_saves,
        "driven": bodies.check_body_driven,
    },
    "actuation": {"actuators": bodies.check_actuators, "excitation": bodies.check_excitation},
    "simulator": {"simulation": simulators.check_simulation},
    "importer": {
        "builds": every.check_builds,
        "suffixes": every.check_suffixes,
        "foreign file": files.check_importer_foreign,
    },
    "reader": {
        "builds": every.check_builds,
        "suffixes": every.check_suffixes,
        "example file": files.check_reader_example,
        "foreign file": files.check_reader_foreign,
    },
    "emg_reader": {
        "builds": every.check_builds,
        "example files": files.check_emg_example,
        "foreign file": files.check_emg_foreign,
    },
    "format": {"suffixes": every.check_suffixes, "written": files.check_exchange},
    "analysis": {"synthetic records": analyses.check_analysis},
    "report": {"reports a run": running.check_report},
    "executor": {"runs jobs": running.check_executor},
    "logger": {"hears": running.check_logger},
    "display": {"shows": running.check_display},
    "stage": {"options": stages.check_options, "reads and writes": stages.check_flow},
    "record": {"recognised": stages.check_record},
    "registration": {"registers the toy body": files.check_registration},
    "generator": {"makes keypoints": files.check_generator},
    "perturbation": {"builds": check_perturbation},
    "task": {
        "settings and terms": tasks.check_task_terms,
        "episodes": tasks.check_task_episodes,
        "push": tasks.check_task_push,
    },
}
