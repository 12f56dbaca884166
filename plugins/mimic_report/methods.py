"""The methods of a run as text for a paper, and the publications that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from mimic_core import PluginError, Plugins, ReferenceClips, flatten
from mimic_report.finished_run import FinishedRun, StageEntry
from mimic_report.values import dig, duration, is_plain, name, show

ENGINE = "MuJoCo {version} (Todorov, Erez & Tassa 2012, doi:10.1109/IROS.2012.6386109)"
OPENING = (
    "Keypoints were registered to a musculoskeletal body, a controller was trained to imitate the registered movements "
    "in a physics simulation, and its muscle activity was analysed, after Leonardis et al. 2025 (arXiv:2511.21848) and "
    "MIMIC-MJX (Zhang et al. 2025, arXiv:2511.20532), with mimic {version}{engine}."
)

_NAME = r"[A-ZÀ-Ž][\w'’\-]+"
_CITATION = re.compile(
    rf"(?P<who>{_NAME}(?:(?:, | & | and |, and ){_NAME})*(?: et al\.?)?,? \(?\d{{4}}[a-z]?\)?)"
    r"(?P<title>[^;:().]{0,160}?)"
    r"[,;(\s]+(?P<id>doi:\s?10\.\S+|arXiv[: ]\s?\d{4}\.\d{4,5})"
)


@attrs.frozen
class Reference:
    """A publication that the methods name.

    Attributes:
        who: authors and year.
        label: its identifier as it is printed.
        url: where it is found.
    """

    who: str
    label: str
    url: str


def references(words: str) -> list[Reference]:
    """Every publication that is named with a DOI or an arXiv number, once, by author and year."""
    found: dict[str, Reference] = {}
    for match in _CITATION.finditer(words):
        kind, _, number = re.sub(r"arXiv[: ]\s?", "arXiv:", match["id"]).partition(":")
        number = _closed(number.strip())
        url = f"https://doi.org/{number}" if kind == "doi" else f"https://arxiv.org/abs/{number}"
        found.setdefault(url.lower(), Reference(match["who"] + match["title"].rstrip(" ,"), f"{kind}:{number}", url))
    return sorted(found.values(), key=lambda r: r.who.lower())


def _closed(number: str) -> str:
    """Without the punctuation of the sentence; a bracket stays where it was opened in the number."""
    number = number.rstrip(".,;")
    while number.endswith(")") and number.count("(") < number.count(")"):
        number = number[:-1].rstrip(".,;")
    return number


@attrs.frozen
class Methods:
    """The methods of a run.

    Attributes:
        opening: first paragraph.
        parts: heading and text of each part, in the order of the chain.
        references: every publication that they name, and those that the analyses give as their sources.
    """

    opening: str
    parts: tuple[tuple[str, str], ...]
    references: tuple[Reference, ...]


def methods(run: FinishedRun, plugins: Plugins) -> Methods | None:
    """Write the methods; None for a run without any.

    Args:
        plugins: give the sources of the components that were used.
    """
    parts = [
        ("Registration", _registration(run, plugins)),
        ("Body and physics", _physics(run, plugins)),
        ("Training", _training(run, plugins)),
        ("Rollouts", _rollouts(run)),
        *((f"{'Analysis' if s.is_analysis else 'Stage'}: {s.title}", s.result.methods) for s in _with_result(run)),
    ]
    parts = [(heading, words) for heading, words in parts if words]
    if not parts:
        return None
    version = dig(run.manifest, "plugins", "mujoco")
    engine = f" on {ENGINE.format(version=version)}" if version else ""
    opening = OPENING.format(version=run.manifest.get("mimic", ""), engine=engine)
    sources = [_component(plugins, "analysis", s.analysis) for s in run.analyses]
    named = references("; ".join([opening, *(words for _, words in parts), *sources]))
    return Methods(opening, tuple(parts), tuple(named))


def _with_result(run: FinishedRun) -> list[StageEntry]:
    return [s for s in run.stages if s.result and not s.is_analysis] + list(run.analyses)


def _registration(run: FinishedRun, plugins: Plugins) -> str:
    done, clips_file = run.summary("register"), run.output("register")
    if not done:
        return ""
    said = (
        f"{show(done.get('clips'))} clips ({show(done.get('frames'))} frames at {show(done.get('rate_hz'))} Hz) of the "
        f"keypoints {', '.join(done.get('keypoints', []))} were registered to the body {done.get('body', '')} by the "
        f"method {_component(plugins, 'registration', done.get('method'))}. The animal is {done.get('scale', 1.0):.3f} "
        f"times the size of the model. The mean distance of keypoints from the fitted body is "
        f"{show(dig(done, 'error_mm', 'mean'))} mm of the animal."
    )
    if clips_file is not None:
        settings = ReferenceClips.load(clips_file).provenance.get("settings")
        said += _listed("Settings", settings)
    return said


def _physics(run: FinishedRun, plugins: Plugins) -> str:
    body = run.training.get("body")
    if not isinstance(body, Mapping):
        return ""
    physics, muscles = body.get("physics", {}), body.get("muscles", [])
    variant = f", variant {body['variant']}" if body.get("variant") else ""
    named = _component(plugins, "body", body.get("name")) + variant
    drives = _component(plugins, "actuation", dig(run.training, "plan", "actuation"))
    return (
        f"The body is {named}, with {len(muscles)} muscles; it is driven by the actuation {drives}"
        f"{_in_brackets(dig(run.training, 'plan', 'settings', 'actuation'))}. It was integrated in steps of "
        f"{show(1e3 * physics.get('timestep', float('nan')))} ms ({physics.get('integrator')}; solver "
        f"{physics.get('solver')}, {show(physics.get('iterations'))} iterations with "
        f"{show(physics.get('ls_iterations'))} line-search iterations)."
    )


def _training(run: FinishedRun, plugins: Plugins) -> str:
    plan, done = run.training.get("plan"), run.summary("train")
    if not isinstance(plan, Mapping):
        return ""
    settings = plan.get("settings", {})
    n_train, n_held = (len(run.training.get(k, [])) for k in ("train_clips", "held_out_clips"))
    steps, seconds = dig(done, "training", "control_steps"), dig(done, "training", "seconds")
    took = f" Training took {show(steps)} control steps and {duration(seconds)}" if steps and seconds else ""
    if took:
        took += f" on {done.get('platform')} with the simulator {done.get('simulator')}."
    trained_on = run.training.get("train_animals", [])
    animals = [a for a in run.training.get("held_out_animals", []) if a not in trained_on]
    of_animals = f", all of animals that were not trained on ({', '.join(animals)})" if animals else ""
    preset = f", preset {plan['preset']}" if plan.get("preset") else ""
    return (
        f"The controller was trained by {_component(plugins, 'policy', plan.get('policy'))}{preset}, with seed "
        f"{show(plan.get('seed'))}, on {show(n_train)} clips; {show(n_held)} were held out{of_animals}.{took}"
        f"{_listed('Settings of the trainer', settings.get('policy'))}"
        f"{_listed('Reward terms', _terms(plugins, 'reward', settings.get('rewards')))}"
        f"{_listed('Observations', _terms(plugins, 'observation', settings.get('observations')))}"
        f"{_listed('Terminations', _terms(plugins, 'termination', settings.get('terminations')))}"
        f"{_listed('Task', settings.get('task'))}"
    ).replace("\N{NO-BREAK SPACE}", " ")


def _rollouts(run: FinishedRun) -> str:
    done, stage = run.summary("rollout"), run.stage("rollout")
    if not done or not stage:
        return ""
    checkpoint, seed = stage.options.get("checkpoint", "last"), stage.options.get("seed")
    chance = "the policy's mean action" if seed is None else f"actions drawn with seed {seed}"
    return (
        f"{show(done.get('clips'))} clips were rolled out from the {checkpoint} checkpoint in closed loop, from the "
        f"first to the last frame, with {chance}, in the simulator {done.get('simulator')} at "
        f"{show(done.get('rate_hz'))} control steps per second, with the body's own physics."
    )


def _component(plugins: Plugins, kind: str, called: Any) -> str:
    """A component's name with the source that it gives."""
    if not called:
        return "unknown"
    try:
        source = plugins.get(kind, str(called)).source
    except PluginError:  # the report is written where that plugin is not installed
        source = ""
    return f"{called} ({source})" if source else str(called)


def _terms(plugins: Plugins, kind: str, terms: Any) -> dict[str, Any]:
    """Terms by name and source, with their settings."""
    return {_component(plugins, kind, term): settings for term, settings in (terms or {}).items()}


def _listed(what: str, settings: Any) -> str:
    """A sentence with every setting."""
    if not isinstance(settings, Mapping) or not settings:
        return ""
    return f" {what}: {', '.join(_pairs(settings))}."


def _in_brackets(settings: Any) -> str:
    return f" ({', '.join(_pairs(settings))})" if isinstance(settings, Mapping) and settings else ""


def _pairs(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, v in settings.items():
        if isinstance(v, Mapping) and v:
            yield f"{name(key)} ({', '.join(_pairs(flatten(v)))})"
        else:
            words, _, unit = name(key).partition(" (")
            yield f"{words} {_said(v)}{unit and ' ' + unit.rstrip(')')}"


def _said(v: Any) -> str:
    if v is None or (isinstance(v, (list, Mapping)) and not v):
        return "none"
    return f"[{show(v)}]" if isinstance(v, list) and is_plain(v) else show(v)
