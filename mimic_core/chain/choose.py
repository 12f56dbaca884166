"""Choosing components by their names: the one place where engine and manager meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mimic_core.body.body import Body, BodySpec
from mimic_core.chain.description import MODEL, SUFFIX, body_from_description
from mimic_core.chain.recordings import checked, join
from mimic_core.config import structure
from mimic_core.control.perturbation import SECTION, PerturbationSpec
from mimic_core.errors import ConfigError, DataError, PluginError, blaming
from mimic_core.physics.simulator import SimulatorSpec
from mimic_core.plugins.manager import Plugins
from mimic_core.records.keypoints import Keypoints
from mimic_core.registration.readers import ReaderSpec


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


def read_keypoints(
    paths: Sequence[str | Path], plugins: Plugins, reader: str | None = None, settings: dict[str, Any] | None = None
) -> Keypoints:
    """Read keypoint files of one animal and join them into one set of clips; see `mimic_core.chain.checked`.

    Raises:
        DataError: no files, a missing file, a format no reader accepts, or files that do not agree.
    """
    return join([part for part, _ in read_recordings(paths, plugins, reader, settings)])


def read_recordings(
    paths: Sequence[str | Path], plugins: Plugins, reader: str | None = None, settings: dict[str, Any] | None = None
) -> list[tuple[Keypoints, list[str]]]:
    """Return the keypoints of each file, checked, and remarks on what was found in it.

    Raises:
        DataError: no files, a missing file, a format no reader accepts, or one that holds what cannot be.
    """
    if not paths:
        raise DataError("no keypoint files given; name at least one, e.g. mimic register trial*.h5 --body NAME")
    parts = []
    for path in map(Path, paths):
        if not path.is_file():
            raise DataError(f"{path}: no such file; check the path")
        spec = plugins.get("reader", reader) if reader else _choose(path, plugins)
        read = spec.build(structure(settings or {}, spec.config, f"reader.{spec.name}"))
        with blaming(f"the reader {spec.name} cannot read it; export it again", path):
            part = read(path)
        if not part.n_frames.size or not part.n_frames.all():
            raise DataError(f"{path}: holds no frames; export it again")
        parts.append(checked(part, path))
    return parts


def _choose(path: Path, plugins: Plugins) -> ReaderSpec:
    known = plugins.all("reader")
    fitting = [r for r in known if path.suffix.lower() in r.suffixes]
    if not fitting:
        endings = sorted({s for r in known for s in r.suffixes})
        raise DataError(
            f"{path}: no reader for {path.suffix or 'a file without ending'!r}; known endings: {', '.join(endings)}"
        )
    for spec in fitting:
        with blaming(f"the reader {spec.name} cannot tell whether it is one of its files; export it again", path):
            if spec.accepts(path):
                return spec
    raise DataError(
        f"{path}: none of the readers for {path.suffix} files ({', '.join(r.name for r in fitting)}) "
        f"recognises it; expected {' or '.join(r.summary for r in fitting)}"
    )


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
