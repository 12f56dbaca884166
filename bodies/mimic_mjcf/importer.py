"""From an MJCF file to a body.

The XML tree is edited and written as it is. ``MjSpec.to_xml()`` would round every number to six digits.
"""

from __future__ import annotations

from mimic_core import Body, Description
from mimic_mjcf import files
from mimic_modelling import parts
from mimic_modelling.make import make_body
from mimic_modelling.settings import Settings


def read(description: Description, settings: Settings | None = None) -> Body:
    """Make a body of an MJCF file, see `mimic_modelling.make.make_body`.

    Included files are put in, the files of meshes, textures and height fields packed into ``Body.assets``. Skins and
    textures without a file are left out, see ``Body.remarks``.

    Raises:
        DataError: a file is missing or is no MJCF, or no body can be made of it.
    """
    remarks: list[str] = []
    tree = files.read(description.model, remarks)
    if skins := parts.remove(tree, "skin"):
        remarks.append(f"skins left out: {', '.join(skins)}")
    assets = files.pack(tree, description.model, remarks)
    return make_body(tree, assets, description, settings or Settings(), remarks)
