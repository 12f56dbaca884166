"""Finding plugins, keeping broken ones apart, and choosing between components.

Every component, the built-in ones included, arrives through an entry point of the group ``mimic``.
Each is loaded in its own try: a broken plugin is one line on stderr, stays visible in
``mimic plugins list``, and fails only a run that needs it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pluggy

from mimic_core.errors import PluginError, did_you_mean
from mimic_core.files import file_hash
from mimic_core.plugins.component import ComponentSpec, Kind
from mimic_core.plugins.markers import PROJECT

GROUP = "mimic"


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
    """The plugins of this process and the components they offer."""

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

    def discover(self) -> None:
        """Load every installed plugin."""
        for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=_plugin_name):
            self.load_entry_point(entry)

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
        view = object.__new__(Plugins)
        view.__dict__.update(self.__dict__)
        view._preferences = {**self._preferences, **preferences}
        return view

    def having(self, kind: str, record: Any) -> Plugins:
        """Return a view of the same plugins in which a component of that name is the given record."""
        view = object.__new__(Plugins)
        view.__dict__.update(self.__dict__)
        others = [p for p in self._provided if (p.kind, p.name) != (kind, record.name)]
        view._provided = [*others, Provided(kind, record.name, record, "given")]
        view._preferences = {k: v for k, v in self._preferences.items() if k != f"{kind}.{record.name}"}
        return view

    def load_entry_point(self, entry: importlib.metadata.EntryPoint) -> None:
        """Load one entry point; a failure is recorded in `broken`, never raised."""
        name = _plugin_name(entry)
        try:
            plugin = entry.load()
        except (Exception, SystemExit) as e:
            self._break(name, f"cannot be imported: {_short(e)}", f"repair or remove the package {_dist(entry)}")
            return
        self._versions[name] = entry.dist.version if entry.dist else "unknown"
        self.add(plugin, name)

    def load_file(self, path: str | Path) -> None:
        """Load a one-file plugin.

        Raises:
            PluginError: it cannot be read or is broken; a file that was asked for is never left out silently.
        """
        path = Path(path)
        if not path.is_file():
            raise PluginError(f"--plugin {path}: no such file")
        spec = importlib.util.spec_from_file_location(f"mimic_file_plugin_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise PluginError(f"--plugin {path}: not a Python file; its name must end in .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as e:
            raise PluginError(f"--plugin {path}: cannot be imported: {_short(e)}") from e
        name = f"file:{path.name}"
        if name in self.names:
            name = f"file:{path}"
        self._versions[name] = file_hash(path)
        before = len(self.broken)
        self.add(module, name)
        if len(self.broken) > before:
            raise PluginError(f"--plugin {path}: {self.broken[-1].reason}")
        self._files.append(path.resolve())

    def add(self, plugin: ModuleType | object, name: str) -> None:
        """Register a plugin object and collect what it offers; a failure is recorded in `broken`."""
        remedy = f"see 'mimic plugins check {name}', then upgrade or remove it"
        try:
            self.manager.register(plugin, name)
            self.manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as e:
            self._break(name, self._explain(e), remedy)
            self._forget(name)
            return
        try:
            offered = list(self._collect(name))
        except (Exception, SystemExit) as e:
            self._break(name, _short(e), remedy)
            self._forget(name)
            return
        if not any(impl.plugin_name == name for caller in self._callers() for impl in caller.get_hookimpls()):
            self._break(name, "implements no hook", "mark its functions with @mimic_core.hookimpl")
            self._forget(name)
            return
        self._provided += offered
        self._added.add(name)

    def _explain(self, error: Exception) -> str:
        text = " ".join(str(error).split())
        for hook in _unknown_hooks(text):
            return f"unknown hook {hook!r}{did_you_mean(hook, (c.name for c in self._callers()))}"
        return text

    def _callers(self) -> Iterator[pluggy.HookCaller]:
        for name in vars(self.manager.hook):
            if name.startswith("mimic_"):
                yield getattr(self.manager.hook, name)

    def _collect(self, name: str) -> Iterator[Provided]:
        for kind in self._kinds.values():
            hook, cls = kind.hook, kind.record
            for impl in getattr(self.manager.hook, hook).get_hookimpls():
                if impl.plugin_name != name:
                    continue
                seen = set()
                records = impl.function()
                if records is None:
                    raise TypeError(f"{hook} returns None, expected records; yield them")
                for record in records:
                    if not isinstance(record, cls):
                        raise TypeError(f"{hook} yields {type(record).__name__}, expected {cls.__name__}")
                    if record.name in seen:
                        raise ValueError(f"{hook} yields {record.name!r} twice")
                    seen.add(record.name)
                    yield Provided(kind.name, record.name, record, name)

    def _break(self, name: str, reason: str, remedy: str) -> None:
        self.broken.append(Broken(name, reason, remedy))

    def _forget(self, name: str) -> None:
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)

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


def _dist(entry: importlib.metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown"


def _plugin_name(entry: importlib.metadata.EntryPoint) -> str:
    return f"{_dist(entry)}:{entry.name}"


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def _unknown_hooks(text: str) -> list[str]:
    return re.findall(r"unknown hook '([^']+)'", text)
