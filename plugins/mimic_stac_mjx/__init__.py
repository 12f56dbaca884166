"""The `stac_mjx` format: fits of STAC-MJX (.h5), which track-mjx trains on."""

from __future__ import annotations

from mimic_core import FormatSpec, hookimpl
from mimic_stac_mjx.settings import Settings


def build(config: Settings):
    from mimic_stac_mjx.layout import StacMjx

    return StacMjx(config)


@hookimpl
def mimic_formats():
    yield FormatSpec(
        name="stac_mjx",
        config=Settings,
        build=build,
        suffixes=(".h5",),
        reads=True,
        summary="fits of STAC-MJX (.h5), which track-mjx trains on",
        source="file layout of talmolab/stac-mjx (io.py) and talmolab/track-mjx (io/load.py)",
    )
