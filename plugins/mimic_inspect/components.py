"""``mimic plugins``: what is installed, what it can be told, and whether it works."""

from __future__ import annotations

from typing import Annotated, Any

import attrs
import typer

from mimic_core import PluginError, Table, did_you_mean
from mimic_core.cli import Json, emit, load_plugins, working
from mimic_core.plugins import Plugins, Provided

components = typer.Typer(no_args_is_help=True, help="See what is installed, and whether it works.")
Name = Annotated[
    str, typer.Argument(help="A component (joint, reward.joint) or a plugin (distribution:name).", show_default=False)
]


@components.command("list")
def list_(json: Json = False) -> None:
    """List every component, who provides it, and the plugins that are broken.

    Example: `mimic plugins list`
    """
    plugins = load_plugins()
    rows = [
        [p.kind, p.name + (" *" if getattr(p.record, "default", False) else ""), p.plugin, _told(p)]
        for p in plugins.provided()
    ]
    clashes = _clashes(plugins)
    summary = {
        "components": [
            {
                "kind": p.kind,
                "name": p.name,
                "plugin": p.plugin,
                "summary": _told(p),
                "default": bool(getattr(p.record, "default", False)),
            }
            for p in plugins.provided()
        ],
        "plugins": plugins.versions,
        "broken": [attrs.asdict(b) for b in plugins.broken],
        "clashes": clashes,
    }
    lines: list[Any] = [Table(columns=("kind", "name", "plugin", ""), rows=rows, caption="Components (* default)")]
    lines += [f"broken {b}" for b in plugins.broken] + [f"clash {c}" for c in clashes]
    emit(summary, json, lines)


def _told(p: Provided) -> str:
    """The summary; of a command without one, the first line of its help."""
    import inspect

    if p.record.summary or p.kind != "command":
        return p.record.summary
    return (inspect.getdoc(p.record.function) or "").partition("\n")[0]


def _clashes(plugins: Plugins) -> list[str]:
    out = []
    for kind, name in sorted({(p.kind, p.name) for p in plugins.provided()}):
        try:
            plugins.provider(kind, name)
        except PluginError as e:
            out.append(str(e))
    return out


@components.command("show")
def show(name: Name, json: Json = False) -> None:
    """Show a component: what it is, where its method comes from, and every setting with its default.

    Example: `mimic plugins show reward.joint`
    """
    plugins = load_plugins()
    found = plugins.find(name) or [p for p in plugins.provided() if p.plugin == name]
    if not found:
        raise PluginError(f"no component or plugin {name!r}{did_you_mean(name, _names(plugins))}")
    shown = [_describe(p) for p in found]
    lines: list[Any] = []
    for s in shown:
        lines.append(
            f"{s['kind']} {s['name']} from {s['plugin']}\n{s['summary']}"
            + (f"\nsource: {s['source']}" if s["source"] else "")
            + (f"\nreads: {s['reads']}" if s["reads"] else "")
        )
        if s["settings"]:
            lines.append(
                Table(
                    columns=("name", "default", "type"),
                    rows=[[x["name"], x["default"], x["type"]] for x in s["settings"]],
                    caption="Settings",
                )
            )
        for key in ("variants", "presets"):
            if s[key]:
                lines.append(f"{key}: {', '.join(s[key])}")
        if s["help"]:
            lines.append(s["help"])
    emit({"components": shown}, json, lines)


def _describe(p: Provided) -> dict[str, Any]:
    import inspect

    config = getattr(p.record, "config", None)
    fields = attrs.fields(config) if config else ()
    return {
        "kind": p.kind,
        "name": p.name,
        "plugin": p.plugin,
        "summary": _told(p),
        "source": getattr(p.record, "source", ""),
        "settings": [{"name": f.name, "default": _default(f), "type": str(f.type)} for f in fields],
        "variants": dict(getattr(p.record, "variants", {})),
        "presets": list(getattr(p.record, "presets", {})),
        "help": inspect.getdoc(config) if config and fields else "",
        "reads": _reads(p),
    }


def _reads(p: Provided) -> str:
    """What an analysis, or a reader of EMG, takes."""
    if p.kind == "emg_reader":
        return p.record.reads
    if p.kind != "analysis":
        return ""
    return "; ".join(r.kind + ", any number" * r.several + " (may be left out)" * r.optional for r in p.record.reads)


def _default(f: attrs.Attribute) -> str:
    if f.default is attrs.NOTHING:
        return "(must be given)"
    return str(f.default.factory()) if isinstance(f.default, attrs.Factory) else str(f.default)  # type: ignore[arg-type]


def _names(plugins: Plugins) -> set[str]:
    return {p.name for p in plugins.provided()} | set(plugins.names)


@components.command("check")
def check(name: Name, json: Json = False) -> None:
    """Check a plugin or component: that it loads, names its settings, and that its defaults are accepted.

    Example: `mimic plugins check my-package:effort`
    """
    plugins = load_plugins()
    for broken in plugins.broken:
        if broken.plugin == name:
            raise PluginError(str(broken))
    found = plugins.find(name) or [p for p in plugins.provided() if p.plugin == name]
    if not found:
        raise PluginError(f"no component or plugin {name!r}{did_you_mean(name, _names(plugins))}")
    from mimic_core.testing import check_component

    checked, failed = [], []
    with working(plugins):
        for p in found:
            try:
                plugins.provider(p.kind, p.name)
                passed = check_component(p, plugins)
            except PluginError as e:
                failed.append(e)
            else:
                checked.append({"kind": p.kind, "name": p.name, "plugin": p.plugin, "checks": passed})
    if failed:
        raise PluginError("; ".join(map(str, failed))) from failed[0]
    emit(
        {"checked": checked, "ok": True},
        json,
        [f"ok {c['kind']} {c['name']} ({c['plugin']}): {', '.join(c['checks'])}" for c in checked],
    )
