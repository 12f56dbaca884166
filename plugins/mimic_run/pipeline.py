"""Running a run file: stages are redone only where something changed.

A stage is redone when its settings, the contents of its inputs, or the version of a plugin changed, and when its output
is gone or altered. Every name and setting is checked before the first stage begins. The run directory::

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mimic_core import (
    MIMIC_API,
    DataError,
    Plugins,
    TrainingError,
    file_hash,
    to_json,
    value_hash,
    write_json,
)
from mimic_core.chain import done, versions
from mimic_guard.stopping import telling
from mimic_run.plan import RUN, Planned, plan_stages
from mimic_run.stage_output import (
    DONE,
    REPLACED,
    REPLACES,
    aside,
    check_below,
    forget,
    kept_aside,
    listed,
    output_hash,
    what_is_there,
)
from mimic_runs import LOCK, load_run_file, locked

MANIFEST = "manifest.json"


def run(
    plugins: Plugins, path: str | Path, out: str | Path, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Run the stages of a run file into the folder ``out``; a second call redoes only what changed.

    Args:
        overrides: settings laid over the file's, as nested tables.

    Returns:
        ``out``, ``manifest``, names of the stages ``done`` and ``reused``, and each one's summary in ``stages``.

    Raises:
        ConfigError, DataError, PluginError, TrainingError: one line with the mend.
    """
    path, out = Path(path), Path(out)
    config = load_run_file(path, overrides, plugins)
    plugins = plugins.preferring(config.get("prefer", {}))
    _read_manifest(out / MANIFEST)
    plan = plan_stages(plugins, config, out)  # plan everything first, so that a mistake is found before any work
    for stage in plan:
        check_below(stage.output, out, stage.name)
    with locked(out):
        return _run(plugins, config, plan, out, path.stem)


def _run(plugins: Plugins, config: Mapping[str, Any], plan: Sequence[Planned], out: Path, title: str) -> dict[str, Any]:
    manifest_file = out / MANIFEST
    old = _read_manifest(manifest_file)
    found = versions(plugins)
    manifest = {
        "mimic": found["mimic-neuro"],
        "api": MIMIC_API,
        "title": config.get("title", title),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": config.get("seed", 0),
        "synthetic": False,
        "config": to_json(config),
        "plugins": found,
        "inputs": {},
        "stages": [],
    }
    previous = {entry["name"]: entry for entry in (*old.get("left_out", []), *old.get("stages", []))}
    planned = {stage.name for stage in plan}
    # entries of stages that this run file leaves out stay, in case a later one names them again
    manifest["left_out"] = [entry for name, entry in previous.items() if name not in planned]
    for stage in plan:
        if stage.name not in previous and stage.output.exists():
            raise DataError(
                f"{stage.output}: is there, but no stage of this run made it; move it away or choose another --out"
            )
    for at, stage in enumerate(plan):
        # entries of stages not reached yet stay in the manifest, so that a failure loses no finished work
        later = [previous[s.name] for s in plan[at + 1 :] if s.name in previous]
        names = ", ".join(e["name"] for e in manifest["stages"])
        kept = f"finished and kept in {out}: {names}" if names else ""
        with telling(lambda kept=kept: kept):
            entry = _do(plugins, stage, previous.get(stage.name), out, manifest, later)
        manifest["stages"].append(entry)
        manifest["synthetic"] |= bool(stage.spec.writes == "keypoints" and entry["summary"].get("synthetic"))
        write_json(manifest_file, {**manifest, "stages": [*manifest["stages"], *later]})
        forget(stage.output, entry.get(REPLACED))
    return to_json(
        {
            "out": str(out),
            "manifest": str(manifest_file),
            "done": [e["name"] for e in manifest["stages"] if e["status"] == "done"],
            "reused": [e["name"] for e in manifest["stages"] if e["status"] == "reused"],
            "stages": {e["name"]: e["summary"] for e in manifest["stages"]},
        }
    )


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        if path.parent.is_dir() and any(not p.name.startswith(LOCK) for p in path.parent.iterdir()):
            raise DataError(f"{path.parent}: is not empty and holds no run; choose another --out")
        return {}
    try:
        manifest = json.loads(path.read_text())
    except (ValueError, RecursionError) as e:
        raise DataError(f"{path}: not valid JSON; remove it to redo the run") from e
    if not isinstance(manifest, dict) or not {"mimic", "stages"} <= set(manifest):
        raise DataError(f"{path}: not a manifest that mimic wrote; choose another --out")
    return manifest


def _do(
    plugins: Plugins,
    stage: Planned,
    before: Mapping[str, Any] | None,
    out: Path,
    manifest: dict[str, Any],
    later: list[Mapping[str, Any]],
) -> dict[str, Any]:
    """Do a stage, or reuse what is there. If it fails, its earlier outcome is still there."""
    hashes = [(_inside(p, out), file_hash(p)) for p in stage.read_files(out)]  # two files may have one name
    manifest["inputs"].update(hashes)
    decides = {
        "stage": stage.name,
        "settings": to_json(stage.settings),
        "inputs": hashes,
        "versions": manifest["plugins"],
        "prefer": manifest["config"].get("prefer", {}),
    }
    if RUN in stage.inputs:  # a report depends on the whole run: its title, every setting, each stage's summary
        decides["run"] = manifest["config"]
        decides["earlier"] = [e["key"] for e in manifest["stages"]]
    key = value_hash(decides)
    entry = {
        "name": stage.name,
        "stage": stage.spec.name,
        "label": stage.label,
        "options": to_json(stage.given.options),
        "key": key,
        "command": stage.command,
        "outputs": {"out": _inside(stage.output, out)},
    }
    there = what_is_there(stage.output, before, key)
    same = there is not None and there["key"] == key
    if same and there["status"] in DONE:
        if stage.output.exists() and there.get("output_hash") == output_hash(stage.output, there.get("files")):
            return {**there, **entry, "status": "reused"}
    going_on = stage.spec.resumable and same
    if there is None or kept_aside(stage.output).exists():
        replaces = there and there.get(REPLACES)
    else:
        replaces = None if going_on else {k: v for k, v in there.items() if k != REPLACES}
    running = {**entry, "status": "running", "summary": {}, REPLACES: replaces}
    _note(out, manifest, [running, *later])
    began = time.perf_counter()
    try:
        with aside(stage.output, going_on, keep_new=stage.spec.resumable):
            summary = done(
                plugins,
                stage.spec,
                stage.given,
                lambda: stage.inputs,
                stage.output,
                where=stage.name,
                label=stage.label,
            )
    except BaseException:
        if replaces is not None and not kept_aside(stage.output).exists():
            _note(out, manifest, [replaces, *later])
        raise
    if summary.get("error"):
        raise TrainingError(f"{stage.name}: {summary['error']}")
    return {
        **entry,
        "status": "done",
        "seconds": round(time.perf_counter() - began, 3),
        "summary": summary,
        "output_hash": output_hash(stage.output),
        "files": listed(stage.output),
        REPLACED: replaces and replaces.get("files"),
    }


def _note(out: Path, manifest: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> None:
    """Write the manifest with entries that are not final."""
    write_json(out / MANIFEST, {**manifest, "stages": [*manifest["stages"], *entries]})


def _inside(path: Path, out: Path) -> str:
    """A path from the run's own folder, or the file's name alone."""
    return str(path.relative_to(out)) if path.is_relative_to(out) else path.name
