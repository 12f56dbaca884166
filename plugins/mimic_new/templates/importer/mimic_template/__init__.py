"""An importer: chains of links as JSON: ``{"links": [{"name": "thigh", "length": 0.04, "mass": 0.01}, …]}``."""

import json

from mimic_core import Body, DataError, ImporterSpec, hookimpl


def read(description):
    """Return the body: a hinge before each link, which hangs down from the link before."""
    try:
        links = json.loads(description.model.read_text(encoding="utf-8"))["links"]
        names = {link["name"]: (float(link["length"]), float(link["mass"])) for link in links}
    except (UnicodeDecodeError, ValueError, LookupError, TypeError) as e:
        raise DataError(
            f"{description.where}: {description.model}: no chain of links, expected a list 'links' with name, "
            "length (m) and mass (kg) of each"
        ) from e
    sites = {name: [] for name in names}
    for keypoint, place in description.keypoints.items():
        if place.body not in names:
            raise DataError(f"{description.where}: keypoints.{keypoint}: no link {place.body!r}; name one of the model")
        at = place.pos or (0.0, 0.0, -names[place.body][0])
        sites[place.body].append(f'<site name="{keypoint}" pos="{at[0]} {at[1]} {at[2]}"/>')
    inner, above = "", ""
    for name, (length, mass) in reversed(names.items()):
        before = list(names)[: list(names).index(name)]
        above = f"0 0 {-names[before[-1]][0]}" if before else "0 0 0"
        inner = (
            f'<body name="{name}" pos="{above}"><joint name="{name}" axis="0 1 0" range="-90 90" limited="true"/>'
            f'<geom type="capsule" size="{length / 20}" fromto="0 0 0 0 0 {-length}" mass="{mass}"/>'
            f"{''.join(sites[name])}{inner}</body>"
        )
    return Body(
        name=description.name,
        mjcf=f"<mujoco><worldbody>{inner}</worldbody></mujoco>",
        keypoints={keypoint: keypoint for keypoint in description.keypoints},
        keypoint_spread=description.keypoint_spread,
        torque_limits=dict(description.torque_limits),
    )


@hookimpl
def mimic_importers():
    yield ImporterSpec(
        name="template", suffixes=(".template",), build=lambda config: read, summary="chains of links, as JSON"
    )
