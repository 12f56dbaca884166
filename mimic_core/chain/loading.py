"""Finding plugins, and keeping broken ones apart.

Every component, the built-in ones included, arrives through an entry point of the group ``mimic``.
Each is loaded in its own try: a broken plugin is one line on stderr, stays visible in
``mimic plugins list``, and fails only a run that needs it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from mimic_core.errors import PluginError, did_you_mean
from mimic_core.files import file_hash
from mimic_core.plugins.manager import Broken, Plugins, Provided

GROUP = "mimic"


class LoadedPlugins(Plugins):
    """Plugins, and how they come in: from packages, from files, as objects."""

    def discover(self) -> None:
        """Load every installed plugin."""
        for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=_plugin_name):
            self.load_entry_point(entry)

    def load_entry_point(self, entry: importlib.metadata.EntryPoint) -> None:
        """Load one entry point; a failure is recorded in `broken`, never raised."""
        name = _plugin_name(entry)
        try:
            plugin = entry.load()
        except (Exception, SystemExit) as e:
            self._break(name, f"cannot be imported: {_short(e)}", f"repair or remove the package {_dist(entry)[0]}")
            return
        self._versions[name] = _dist(entry)[1]
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
            return f"unknown hook {hook!r}{did_you_mean(hook, (c.name for c in self._callers() if c.has_spec()))}"
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
                records: Any = impl.function()
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


def _dist(entry: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return _name_and_version(entry.dist) if entry.dist else ("unknown", "unknown")


@lru_cache(maxsize=32)
def _name_and_version(dist: importlib.metadata.Distribution) -> tuple[str, str]:
    """Read a package's metadata once, not for each of its dozens of entry points; each look at them parses them."""
    return dist.name, dist.version


def _plugin_name(entry: importlib.metadata.EntryPoint) -> str:
    return f"{_dist(entry)[0]}:{entry.name}"


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def _unknown_hooks(text: str) -> list[str]:
    return re.findall(r"unknown hook '([^']+)'", text)
