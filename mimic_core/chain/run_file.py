"""Run files: stages composed in a TOML file, redone only where something changed.

A stage is redone when its settings, the contents of its inputs, or the version of a plugin changed, and
when its output is gone or altered. Every name and setting is checked before the first stage begins. The run
directory::

    manifest.json     config, plugin versions, input hashes, seed, one entry per stage
    keypoints.h5      generate
    clips.h5          register
    train/            train (checkpoints, curve.csv)
    rollouts.h5       rollout
    perturbed/NAME.h5 perturb.NAME
    emg.h5            emg
    analysis/NAME/    analyze.NAME (metrics.json, tables, figures)
    report.html       report
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimic_core import MIMIC_API
from mimic_core.chain import stages
from mimic_core.chain.run_stages import STAGES, Stage, check_kind, plan_stages, shown
from mimic_core.chain.stage_output import aside, output_hash
from mimic_core.config import merge, read_toml
from mimic_core.errors import ConfigError, DataError, did_you_mean
from mimic_core.files import file_hash, to_json, value_hash, write_json
from mimic_core.plugins.manager import Plugins

_TOP = {
    "title": str,
    "seed": int,
    "body": (str, Mapping),
    "prefer": Mapping,
    "log": Mapping,
    **dict.fromkeys(STAGES, Mapping),
}
_NAMED = ("perturb", "analyze")  # sections of tables that have names of their own


def load_run_file(path: str | Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read a run file, lay ``overrides`` over it and check its sections. One that is false is left out.

    Raises:
        ConfigError: bad TOML, an unknown section, or a section of the wrong kind.
    """
    config, overrides = read_toml(path), overrides or {}
    if isinstance(config.get("body"), str) and isinstance(overrides.get("body"), Mapping):
        config["body"] = {"name": config["body"]}
    config = {key: v for key, v in merge(config, overrides).items() if not (key in STAGES and v is False)}
    for section in _NAMED:
        if isinstance(config.get(section), Mapping):
            config[section] = {name: v for name, v in config[section].items() if v is not False}
    for key, v in config.items():
        if key not in _TOP:
            raise ConfigError(f"{path}: {key}: unknown section{did_you_mean(key, _TOP)}")
        check_kind(v, _TOP[key], f"{path}: {key}")
    for section in _NAMED:
        for name, v in config.get(section, {}).items():
            check_kind(v, Mapping, f"{path}: {section}.{name}")
    if not set(config) & set(STAGES):
        raise ConfigError(f"{path}: names no stage; add one of {', '.join(f'[{s}]' for s in STAGES)}")
    return config


def run(
    plugins: Plugins, path: str | Path, out: str | Path, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Run the stages of a run file into ``out``; a second call redoes only what changed."""
    path, out = Path(path), Path(out)
    config = load_run_file(path, overrides)
    plugins = plugins.preferring(config.get("prefer", {}))
    manifest_file = out / "manifest.json"
    old = _read_manifest(manifest_file)
    manifest = {
        "mimic": stages.versions(plugins)["mimic-neuro"],
        "api": MIMIC_API,
        "title": config.get("title", path.stem),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": config.get("seed", 0),
        "synthetic": "generate" in config,
        "config": to_json(config),
        "plugins": stages.versions(plugins),
        "inputs": {},
        "stages": [],
    }
    previous = {entry["name"]: entry for entry in (*old.get("left_out", []), *old.get("stages", []))}
    plan = list(plan_stages(plugins, config, path.parent, out))  # all of it first: it finds what is wrong
    planned = {stage.name for stage in plan}
    # what this run file leaves out is still there, for one that names it again
    manifest["left_out"] = [entry for name, entry in previous.items() if name not in planned]
    for stage in plan:
        before = previous.get(stage.name)
        if before is None and stage.output.exists():
            raise DataError(
                f"{stage.output}: is there, but no stage of this run made it; move it away or choose another --out"
            )
    for at, stage in enumerate(plan):
        # what is not reached yet stays in the manifest, so that a failure costs nothing that was done
        later = [previous[s.name] for s in plan[at + 1 :] if s.name in previous]
        entry = _do(stage, previous.get(stage.name), out, manifest, later, manifest_file)
        manifest["stages"].append(entry)
        write_json(manifest_file, {**manifest, "stages": [*manifest["stages"], *later]})
    done = [e["name"] for e in manifest["stages"] if e["status"] == "done"]
    return to_json(
        {
            "out": str(out),
            "manifest": str(manifest_file),
            "done": done,
            "reused": [e["name"] for e in manifest["stages"] if e["status"] == "reused"],
            "stages": {e["name"]: e["summary"] for e in manifest["stages"]},
        }
    )


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        if path.parent.is_dir() and any(path.parent.iterdir()):
            raise DataError(f"{path.parent}: is not empty and holds no run; choose another --out")
        return {}
    try:
        manifest = json.loads(path.read_text())
    except json.JSONDecodeError as e:
        raise DataError(f"{path}: not valid JSON; remove it to redo the run") from e
    if not isinstance(manifest, dict) or not {"mimic", "stages"} <= set(manifest):
        raise DataError(f"{path}: not a manifest that mimic wrote; choose another --out")
    return manifest


def _do(
    stage: Stage,
    before: Mapping[str, Any] | None,
    out: Path,
    manifest: dict[str, Any],
    later: list[Mapping[str, Any]],
    manifest_file: Path,
) -> dict[str, Any]:
    """Do a stage, or reuse what is there. If it fails, its earlier outcome is still there."""
    hashes = [(shown(p, out), file_hash(p)) for p in stage.inputs()]  # two files may have one name
    manifest["inputs"].update(hashes)
    decides = {
        "stage": stage.name,
        "settings": to_json(stage.settings),
        "inputs": hashes,
        "versions": manifest["plugins"],
        "prefer": manifest["config"].get("prefer", {}),
    }
    if stage.reads_manifest:
        decides["earlier"] = [e["key"] for e in manifest["stages"]]
    key = value_hash(decides)
    entry = {"name": stage.name, "key": key, "command": stage.command, "outputs": {"out": shown(stage.output, out)}}
    same = before is not None and before["key"] == key
    if same and before["status"] in ("done", "reused"):
        if stage.output.exists() and before.get("output_hash") == output_hash(stage.output):
            return {**before, "status": "reused", "command": stage.command}
    going_on = stage.resumable and same
    running = {**entry, "status": "running", "summary": {}} if stage.resumable or before is None else before
    write_json(manifest_file, {**manifest, "stages": [*manifest["stages"], running, *later]})
    began = time.perf_counter()
    with aside(None if going_on else stage.output, keep_new=stage.resumable):
        summary = stage.work()
    return {
        **entry,
        "status": "done",
        "seconds": round(time.perf_counter() - began, 3),
        "summary": summary,
        "output_hash": output_hash(stage.output),
    }
