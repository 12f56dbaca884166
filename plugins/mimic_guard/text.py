"""Settings and lists that strangers wrote: TOML and YAML whose parsing neither takes hours nor fills the memory."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from mimic_guard import Refused

MOST_LETTERS, DEEPEST = 1 << 18, 30
"""A settings file has so many letters, and tables in one another, at most."""
_STRING = re.compile(r"""[ \t]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_LONG_KEY = re.compile(rf"(?:[\w-]{{1,64}}\.){{{DEEPEST}}}")


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        tomllib.TOMLDecodeError: it is none.
        Refused: it is longer, or nested more deeply, than settings are.
    """
    too_much = Refused("is longer or nested more deeply than settings are; shorten it")
    if len(text) > MOST_LETTERS or _LONG_KEY.search(_STRING.sub(lambda m: "" if m[0].isspace() else "q", text)):
        raise too_much  # whose parsing would take hours
    try:
        found = tomllib.loads(text)
    except RecursionError as e:
        raise too_much from e
    level: list[Any] = [found]
    for _ in range(DEEPEST):
        level = [v for x in level if isinstance(x, (dict, list)) for v in (x.values() if isinstance(x, dict) else x)]
    if level:
        raise too_much
    return found


def parse_yaml(text: str) -> Any:
    """Parse YAML without aliases, by which a few lines grow to gigabytes.

    Raises:
        Refused: it is none, has aliases, or is longer, or nested more deeply, than settings are.
    """
    import yaml

    loader, depth = getattr(yaml, "CSafeLoader", yaml.SafeLoader), 0
    try:
        for event in yaml.parse(text[: MOST_LETTERS + 1], Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > DEEPEST or len(text) > MOST_LETTERS:
                raise Refused("has aliases, or is longer or deeper than settings are; shorten it")
        return yaml.load(text, Loader=loader)
    except Refused:
        raise
    except (yaml.YAMLError, ValueError) as e:
        raise Refused(f"not valid YAML; correct it ({' '.join(str(e).split())[:80]})") from e
