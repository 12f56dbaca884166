"""What a result depends on, for the record."""

from __future__ import annotations

import re

from mimic_core.plugins.manager import Plugins


def versions(plugins: Plugins) -> dict[str, str]:
    """Return the versions that a result depends on."""
    from importlib.metadata import requires, version

    named = (
        "mimic-neuro",
        *(re.split(r"[ <>=!~;\\[]", r, maxsplit=1)[0] for r in requires("mimic-neuro") or () if "extra" not in r),
    )
    return {**{n: version(n) for n in named}, **plugins.versions}
