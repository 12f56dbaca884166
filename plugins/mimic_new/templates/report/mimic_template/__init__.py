"""A report: the headlines of every stage of a run, as a text file."""

import json

from mimic_core import ReportSpec, hookimpl, write_text


def build(config):
    def write(run, out, context):
        manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
        lines = [manifest.get("title") or run.name, ""]
        for stage in manifest["stages"]:
            lines.append(f"{stage['name']}: {stage['status']}")
            lines += [told(h) for h in headlines(run, stage)]
        return write_text(out, "\n".join(lines) + "\n")

    return write


def headlines(run, stage):
    """Of a stage's summary, and of the result in its output, if there is one."""
    found = list((stage.get("summary") or {}).get("headlines") or [])
    result = run / (stage.get("outputs") or {}).get("out", "") / "result.json"
    if result.is_file():
        found += json.loads(result.read_text(encoding="utf-8"))["headlines"]
    return found


def told(headline):
    nulls = ", ".join(f"{name} {value:.3g}" for name, value in headline["nulls"].items() if value is not None)
    value = "–" if headline["value"] is None else f"{headline['value']:.3g}"
    return f"  {headline['label']}: {value} {headline['unit']}" + (f" (beside: {nulls})" if nulls else "")


@hookimpl
def mimic_reports():
    yield ReportSpec(name="template", build=build, summary="the headlines of a run as text")
