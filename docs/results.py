"""Write the pages of results and reliability, and the figures in the README.

Words are from ``*.md.j2``, numbers from ``docs/measured``, where the benchmarks of reliability and scale write theirs.

python docs/results.py collect mouse RUN     # what a run found → docs/measured/mouse.json
python docs/results.py collect presets SWEEP # the same of a sweep
python docs/results.py collect simulators simulators.json  # what a benchmark wrote (--json), as it is
python docs/results.py                       # write the pages
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

HERE = Path(__file__).parent
MEASURED, README = HERE / "measured", HERE.parent / "README.md"
PAGES = (HERE / "results.md", HERE / "reliability.md")
BEGIN, END = "<!-- figures: written by docs/results.py -->\n", "<!-- end of figures -->"
"""What stands between these in the README is made of ``readme.md.j2``."""
MOST_ROWS = 40
"""Longer tables are not kept."""
_HELD = "rollout.tracking.by_window.reference.held_out"
TRACKING = {
    "preset": "preset",
    **{
        f"{_HELD}.{window}{what}": f"{window}{heading}"
        for window in ("whole", "reach", "first 100 ms")
        for what, heading in ((".mean", ""), (".nulls.mean training movement", ": mean movement"))
    },
    f"{_HELD}.whole.nulls.limp body": "whole: limp body",
}
MUSCLES = {
    "preset": "preset",
    "spectral.reach.effort.mean": "Σu² in the reach",
    "spectral.share.mean": "share above 10 Hz",
    "emg.triceps.activation.mae": "triceps MAE",
    "emg.triceps.activation.r2_affine": "triceps R² affine",
    "emg.biceps.activation.mae": "biceps MAE",
    "emg.biceps.activation.r2_affine": "biceps R² affine",
}
SEGMENTS = {
    "policy.horizon": "control steps per segment",
    "policy.bootstrap": "critic",
    f"{_HELD}.whole.mean": "held out",
    f"{_HELD}.whole.nulls.mean training movement": "mean movement",
    f"{_HELD}.whole.nulls.limp body": "limp body",
}
"""Setting or metric of a sweep → what its column is called; only these metrics are kept."""
_OF_A_METRIC = ("metric", "seeds", "mean", "sd", "ci95_low", "ci95_high")


def collect(folder: Path) -> dict[str, Any]:
    """What a run's or a sweep's folder says, small enough to be kept; what a benchmark wrote into a file, as it is.

    Raises:
        FileNotFoundError: it is none of these.
    """
    if folder.suffix == ".json":
        return json.loads(folder.read_text())
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    if (folder / "manifest.json").is_file():
        return {"machine": machine, **_run(folder)}
    with (folder / "summary.csv").open(newline="") as f:
        rows = list(csv.DictReader(f))
    points: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        settings = {k: v for k, v in row.items() if k not in _OF_A_METRIC}
        point = points.setdefault(tuple(settings.values()), {"settings": settings, "metrics": {}})
        if row["metric"] not in {**TRACKING, **MUSCLES}:
            continue
        low, high = row["ci95_low"], row["ci95_high"]
        half = (float(high) - float(low)) / 2 if high else None
        point["metrics"][row["metric"]] = {"mean": float(row["mean"]), "half": half, "seeds": int(row["seeds"])}
    return {"machine": machine, "points": list(points.values())}


def _run(folder: Path) -> dict[str, Any]:
    manifest = json.loads((folder / "manifest.json").read_text())
    stages = {}
    for entry in manifest["stages"]:
        plain = {k: v for k, v in entry["summary"].items() if isinstance(v, (int, float))}
        kept = {"seconds": entry.get("seconds"), "summary": plain}
        result = folder / entry["outputs"]["out"] / "result.json"
        if result.is_file():
            found = json.loads(result.read_text())
            tables = {name: _table(result.with_name(f"{name}.csv")) for name in found["tables"]}
            kept["headlines"] = found["headlines"]
            kept["tables"] = {name: t for name, t in tables.items() if len(t["rows"]) <= MOST_ROWS}
        else:
            kept["headlines"] = entry["summary"].get("headlines", [])
        stages[entry["name"]] = kept
    return {"title": manifest["title"], "seed": manifest["seed"], "versions": manifest["plugins"], "stages": stages}


def _table(path: Path) -> dict[str, Any]:
    with path.open(newline="") as f:
        columns, *rows = csv.reader(f)
    return {"columns": columns, "rows": rows}


# -- what the template calls ----------------------------------------------------------------------------------


def number(v: Any, digits: int = 3) -> str:
    """A number with so many digits; text stays text, and nothing is a dash."""
    try:
        v = float(v)
    except (TypeError, ValueError):
        return "–" if v in (None, "") else str(v)
    if not math.isfinite(v):
        return "–"
    if v and abs(v) >= 10**digits:
        return f"{v:,.0f}"
    return f"{v:.{digits}g}" if not v.is_integer() or abs(v) >= 10**digits else f"{v:.0f}"


def markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(map(str, columns))} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *(f"| {' | '.join(number(c) for c in row)} |" for row in rows)])


def headlines(measured: Mapping[str, Any], *names: str) -> str:
    """The numbers of some stages, each beside its null models; those that do as well are in bold."""
    rows = []
    for name in names or measured["stages"]:
        for h in measured["stages"][name]["headlines"]:
            unit = "" if h["unit"] == "1" else f" {h['unit']}"
            nulls = "; ".join(_null(h, n, v) for n, v in h["nulls"].items())
            rows.append((f"`{name}`: {h['label']}", f"{number(h['value'])}{unit}", nulls or "–"))
    return markdown(("", "measured", "null models (bold: as good or better)"), rows)


def _null(headline: Mapping[str, Any], name: str, v: float | None) -> str:
    sign = {"lower": 1, "higher": -1, "": 0}[headline["better"]]
    text = f"{name} {number(v)}"
    as_good = sign and None not in (v, headline["value"]) and sign * v <= sign * headline["value"]
    return f"**{text}**" if as_good else text


def table(measured: Mapping[str, Any], stage: str, name: str, columns: Sequence[str] = ()) -> str:
    """A table that a stage saved, or some of its columns."""
    found = measured["stages"][stage]["tables"][name]
    pick = [found["columns"].index(c) for c in columns] or range(len(found["columns"]))
    return markdown([found["columns"][i] for i in pick], [[row[i] for i in pick] for row in found["rows"]])


def points(measured: Mapping[str, Any], heads: Mapping[str, str], where: Mapping[str, str] | None = None) -> str:
    """Rows of a sweep: setting or metric → heading; a metric is its mean ± half a 95 % interval over seeds."""
    rows = [p for p in measured["points"] if all(p["settings"][k] == v for k, v in (where or {}).items())]
    return markdown(list(heads.values()), [[_over_seeds(p, column) for column in heads] for p in rows])


def _over_seeds(point: Mapping[str, Any], column: str) -> str:
    if column in point["settings"]:
        return f"`{point['settings'][column]}`"
    found = point["metrics"].get(column)
    if found is None:
        return "–"
    return number(found["mean"]) + ("" if found["half"] is None else f" ± {number(found['half'], 2)}")


def figure(measured: Mapping[str, Any], row: str, quantity: str) -> Any:
    """One quantity that a row of a benchmark measured.

    Raises:
        KeyError: the benchmark has no such quantity.
    """
    for f in measured["figures"]:
        if (f["row"], f["quantity"]) == (row, quantity):
            return f["value"]
    raise KeyError(f"{row}: {quantity}")


def figures(measured: Mapping[str, Any], rows: Mapping[str, tuple[str, str]], columns: Mapping[str, str]) -> str:
    """A table of a benchmark: heading → row of the benchmark and how its quantities begin; quantity → heading."""
    made = [[h, *(figure(measured, row, begin + q) for q in columns)] for h, (row, begin) in rows.items()]
    return markdown(["", *columns.values()], made)


def records(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """A table of records: key → heading; what a record lacks is a dash."""
    return markdown(list(columns.values()), [[r.get(k) for k in columns] for r in rows])


def fuzzed(formats: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A record for each format whose broken files were read."""
    faults = ("tracebacks", "hangs", "crashes", "memory")
    return [
        {**c, "format": f"`{what}`", "faulty": sum(c[k] for k in faults), "mb": c["peak_bytes"] // 10**6}
        for what, c in formats.items()
    ]


def written() -> dict[Path, str]:
    """The page and the README, as their templates and the figures make them."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    environment.globals |= {"headlines": headlines, "table": table, "points": points, "records": records}
    environment.globals |= {"figure": figure, "figures": figures, "fuzzed": fuzzed}
    environment.globals |= {"TRACKING": TRACKING, "MUSCLES": MUSCLES, "SEGMENTS": SEGMENTS}
    environment.filters["n"] = number
    measured = {p.stem: json.loads(p.read_text()) for p in sorted(MEASURED.glob("*.json"))}
    *pages, block = (
        environment.from_string((HERE / name).read_text(encoding="utf-8")).render(**measured)
        for name in (*(f"{page.name}.j2" for page in PAGES), "readme.md.j2")
    )
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    written = before + BEGIN + block + END + rest.partition(END)[2]
    return {**dict(zip(PAGES, pages, strict=True)), README: written}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("collect",))
    parser.add_argument("name", nargs="?")
    parser.add_argument("folder", nargs="?", type=Path)
    given = parser.parse_args()
    if given.what:
        if given.folder is None or not re.fullmatch(r"\w+", given.name):
            parser.error("collect NAME FOLDER: a name of letters, and a run's or sweep's folder or a benchmark's .json")
        MEASURED.mkdir(exist_ok=True)
        (MEASURED / f"{given.name}.json").write_text(json.dumps(collect(given.folder), indent=1) + "\n")
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
