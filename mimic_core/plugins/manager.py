"""The plugins of a process: which components they offer, and choosing between these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pluggy

from mimic_core.errors import PluginError, did_you_mean
from mimic_core.plugins.component import ComponentSpec, Kind
from mimic_core.plugins.markers import PROJECT


@attrs.frozen
class Provided:
    """A component and the plugin (``distribution:entry point``) that offers it."""

    kind: str
    name: str
    record: Any
    plugin: str


@attrs.frozen
class Broken:
    """A plugin that could not be used, and why."""

    plugin: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"plugin {self.plugin} is broken and was left out: {self.reason}; {self.remedy}"


class Plugins:
    """The plugins of this process and the components they offer; `mimic_core.chain.LoadedPlugins` finds them."""

    def __init__(self, hooks: Sequence[ModuleType], preferences: Mapping[str, str] | None = None) -> None:
        """Start with no plugin.

        Args:
            hooks: modules of hook specifications; what each calls ``KINDS`` are the kinds of component that its hooks
                bring.
            preferences: ``kind.name`` → the plugin that shall provide it.
        """
        self.manager = pluggy.PluginManager(PROJECT)
        self._kinds: dict[str, Kind] = {}
        for module in hooks:
            self.manager.add_hookspecs(module)
            self._kinds |= {kind.name: kind for kind in module.KINDS}
        self.broken: list[Broken] = []
        self._provided: list[Provided] = []
        self._versions: dict[str, str] = {}
        self._added: set[str] = set()
        self._files: list[Path] = []
        self._preferences = dict(preferences or {})

    def preferring(self, preferences: Mapping[str, str]) -> Plugins:
        """Return a view of the same plugins with a run file's preferences."""
        for key, plugin in preferences.items():
            kind, _, name = key.partition(".")
            if kind not in self.kinds:
                raise PluginError(
                    f"prefer.{key}: expected KIND.NAME with a kind of component{did_you_mean(kind, self.kinds)}"
                )
            if not any(p.kind == kind and p.name == name and p.plugin == plugin for p in self._provided):
                who = [p.plugin for p in self._provided if p.kind == kind and p.name == name]
                raise PluginError(
                    f'prefer."{key}": {plugin!r} does not provide it; it is provided by {", ".join(who) or "nobody"}'
                )
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._preferences = {**self._preferences, **preferences}
        return view

    def having(self, kind: str, record: Any) -> Plugins:
        """Return a view of the same plugins in which a component of that name is the given record."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        others = [p for p in self._provided if (p.kind, p.name) != (kind, record.name)]
        view._provided = [*others, Provided(kind, record.name, record, "given")]
        view._preferences = {k: v for k, v in self._preferences.items() if k != f"{kind}.{record.name}"}
        return view

    @property
    def names(self) -> list[str]:
        """Names of the working plugins."""
        return sorted(name for name, plugin in self.manager.list_name_plugin() if plugin and name in self._added)

    @property
    def files(self) -> list[Path]:
        """Paths of one-file plugins; another process cannot find these by itself."""
        return list(self._files)

    @property
    def preferences(self) -> dict[str, str]:
        """``kind.name`` → the plugin that shall provide it; another process must be told of them."""
        return dict(self._preferences)

    @property
    def versions(self) -> dict[str, str]:
        """Plugin → version of its distribution (or hash of its file)."""
        return {n: self._versions.get(n, "unknown") for n in self.names}

    @property
    def kinds(self) -> list[str]:
        return list(self._kinds)

    def provided(self, kind: str | None = None) -> list[Provided]:
        """Everything offered, collisions included, in order of kind and name."""
        order = self.kinds
        return sorted(
            (p for p in self._provided if kind in (None, p.kind)), key=lambda p: (order.index(p.kind), p.name, p.plugin)
        )

    def find(self, name: str) -> list[Provided]:
        """Components of all kinds with this name (``name`` or ``kind.name``)."""
        kind, _, plain = name.rpartition(".")
        return [p for p in self.provided(kind or None) if p.name == plain]

    def provider(self, kind: str, name: str) -> Provided:
        """Return the component with this name and who provides it.

        Raises:
            PluginError: nobody provides it, or several do and no preference says which.
        """
        found = [p for p in self._provided if p.kind == kind and p.name == name]
        preferred = self._preferences.get(f"{kind}.{name}")
        if preferred is not None:
            chosen = [p for p in found if p.plugin == preferred]
            if not chosen:
                raise PluginError(
                    f'prefer."{kind}.{name}": {preferred!r} does not provide it; '
                    f"it is provided by {', '.join(p.plugin for p in found) or 'nobody'}"
                )
            return chosen[0]
        if not found:
            near = did_you_mean(name, {p.name for p in self._provided if p.kind == kind})
            broken = (
                f" (broken: {', '.join(b.plugin for b in self.broken)}; see 'mimic plugins list')"
                if self.broken
                else ""
            )
            raise PluginError(f"unknown {kind} {name!r}{near}{broken}")
        if len(found) > 1:
            who = " and ".join(sorted(p.plugin for p in found))
            raise PluginError(
                f"{kind} {name!r} is provided by {who}; remove one, or say in the run file: "
                f'prefer."{kind}.{name}" = "{found[0].plugin}"'
            )
        return found[0]

    def get(self, kind: str, name: str) -> Any:
        """Return the record of a component (see `provider` for the errors)."""
        return self.provider(kind, name).record

    def all(self, kind: str) -> list[Any]:
        """Return one record for each name of a kind; a name with several providers needs a preference."""
        return [self.get(kind, n) for n in sorted({p.name for p in self._provided if p.kind == kind})]

    def default(self, kind: str) -> ComponentSpec:
        """Return the component used when the user names none.

        Raises:
            PluginError: none is marked as the default, or several are.
        """
        names = sorted({p.name for p in self._provided if p.kind == kind and p.record.default})
        if len(names) != 1:
            offered = sorted({p.name for p in self._provided if p.kind == kind})
            raise PluginError(
                f"name a {kind}: {'several defaults' if names else 'no default'} among {', '.join(offered) or 'none'}"
            )
        return self.get(kind, names[0])

    def choose(self, kind: str, name: str | None) -> Any:
        """Return the named component, or the default where ``name`` is None."""
        return self.get(kind, name) if name else self.default(kind)
