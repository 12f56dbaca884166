"""The templates of the page. They escape every text; only the page's own style and programs are put in as they are."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mimic_report.values import duration, show


@cache
def environment() -> Environment:
    """Templates by name, with the filters that they use.

    The filter ``tojson`` comes with Jinja; it writes ``<``, ``>``, ``&`` and ``'`` as escapes of JSON, so that no text
    in the data can end the element that it stands in.
    """
    made = Environment(
        loader=PackageLoader("mimic_report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    made.filters |= {"show": show, "duration": duration, "indented_json": indented_json}
    made.globals["static"] = static
    return made


def static(name: str) -> Markup:
    """The text of a file of this plugin's folder ``static``."""
    return Markup(files("mimic_report").joinpath("static", name).read_text(encoding="utf-8"))


def indented_json(v: Any) -> str:
    """Values exactly as the run's JSON has them, to be read."""
    return json.dumps(v, indent=2, ensure_ascii=False)
