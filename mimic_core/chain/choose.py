"""Choosing components by their names: the one place where engine and manager meet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimic_core.body.body import Body, BodySpec
from mimic_core.chain.description import MODEL, SUFFIX, body_from_description
from mimic_core.config import structure
from mimic_core.control.perturbation import SECTION, PerturbationSpec
from mimic_core.errors import ConfigError, DataError, PluginError
from mimic_core.physics.simulator import SimulatorSpec
from mimic_core.plugins.manager import Plugins


def parse_body(plugins: Plugins, text: str) -> tuple[BodySpec, str, str | None]:
    """Take ``NAME[:VARIANT]`` or ``FILE[:VARIANT]`` apart.

    Returns:
        the body, the description file (empty for a name), and the variant (None where none is named).

    Raises:
        ConfigError: the file is not called as a description is.
        PluginError: no such body, or several.
    """
    name, variant = text, ""
    if Path(text).suffix.lower() != SUFFIX and ":" in text:
        name, _, variant = text.rpartition(":")
    ending = Path(name).suffix.lower()
    if ending == SUFFIX:
        return BodySpec(name="described", description=Path(name)), name, variant or None
    if ending:
        raise ConfigError(
            f"{name}: a body is named by its name, or by the file that describes it ({SUFFIX}); write one, with "
            f'{MODEL} = "{Path(name).name}"'
        )
    if any(p.kind == "importer" for p in plugins.find(name)) and not plugins.find(f"body.{name}"):
        raise ConfigError(f"body {name}: is an importer; name the file that describes the body: --body animal{SUFFIX}")
    return plugins.get("body", name), "", variant or None


def make_body(plugins: Plugins, text: str, settings: Mapping[str, Any] | None = None) -> Body:
    """Build the body that ``text`` names (see `parse_body`).

    Args:
        settings: of the body itself; of one that a file describes, they are laid over the description.

    Raises:
        ConfigError: an unknown variant, or an unknown or wrong setting.
        DataError: the description file, or the model that it names, does not exist or cannot be used.
        PluginError: no such body, or several.
    """
    spec, file, variant = parse_body(plugins, text)
    if file and not Path(file).is_file():
        raise DataError(f"{file}: no such description of a body; check the path")
    return built_body(plugins, spec, variant, settings, file or f"body {spec.name}")


def built_body(
    plugins: Plugins,
    spec: BodySpec,
    variant: str | None = None,
    settings: Mapping[str, Any] | None = None,
    where: str = "",
) -> Body:
    """Build a body that a plugin offers, or that a file describes; see `make_body`.

    Args:
        where: who names the description, for messages.
    """
    if spec.description is None:
        return spec.make(variant, structure(dict(settings or {}), spec.config, "body"))
    spec.chosen_variant(variant, where.removeprefix("body "))
    return body_from_description(spec.description, plugins.all("importer"), settings, where or f"body {spec.name}")


def choose_simulator(name: str, plugins: Plugins, platform: str, *, differentiable: bool = False) -> SimulatorSpec:
    """Return the named simulator, or for ``auto`` the one that suits the platform best.

    Raises:
        PluginError: none is installed that can do it.
        ConfigError: the named one has no gradient and one is needed.
    """
    if name != "auto":
        spec = plugins.get("simulator", name)
        if differentiable and not spec.differentiable:
            able = [s.name for s in plugins.all("simulator") if s.differentiable]
            raise ConfigError(
                f"simulator: {name!r} has no gradient, which this policy trains with; "
                f"use auto{' or ' + ', '.join(able) if able else ''}, or another policy"
            )
        return spec
    able = [s for s in plugins.all("simulator") if platform in s.rank and (s.differentiable or not differentiable)]
    if not able:
        raise PluginError(
            f"no installed simulator runs on {platform}{' with gradients' if differentiable else ''}; "
            "see 'mimic plugins list'"
        )
    return max(able, key=lambda s: s.rank[platform])


def chosen_perturbation(
    plugins: Plugins, name: str, settings: Mapping[str, Any], where: str = SECTION
) -> tuple[PerturbationSpec, Any]:
    """Return the named perturbation and its checked settings.

    Raises:
        PluginError: there is none of that name.
        ConfigError: a wrong setting, with its path from ``where`` on.
    """
    spec = plugins.get("perturbation", name)
    return spec, structure(dict(settings), spec.config, where)
