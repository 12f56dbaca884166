"""An analysis: how fast each keypoint moves at most."""

import attrs

from mimic_core import AnalysisSpec, Headline, Reads, Result, Table, hookimpl


@attrs.frozen
class Template:
    """Settings of the analysis.

    Attributes:
        share: of the time that a keypoint is slower than what is reported; 1 for the very peak.
    """

    share: float = attrs.field(default=0.95, validator=[attrs.validators.gt(0), attrs.validators.le(1)])


def build(config):
    def analyse(inputs, context):
        import numpy as np

        rollouts = inputs.one("rollouts")

        def speeds(pos):
            """(keypoint,) mm/s of positions (clip, step, keypoint, xyz) in m."""
            away = np.linalg.norm(np.diff(pos, axis=1), axis=-1) * rollouts.rate_hz * 1e3
            return np.nanquantile(away, config.share, axis=(0, 1))

        found, wanted = speeds(rollouts.site_pos), speeds(rollouts.ref_site_pos)
        rows = [(n, float(f), float(w)) for n, f, w in zip(rollouts.keypoint_names, found, wanted, strict=True)]
        fastest = int(found.argmax())
        return Result(
            tables={
                "speeds": Table(
                    columns=("keypoint", "speed (mm/s)", "of the reference (mm/s)"),
                    rows=rows,
                    caption=f"Speed that each keypoint stays below for {config.share:.0%} of the time",
                )
            },
            metrics={"speed_mm_s": {name: f for name, f, _ in rows}},
            headlines=[
                Headline(
                    f"speed of {rollouts.keypoint_names[fastest]}",
                    float(found[fastest]),
                    "mm/s",
                    f"{config.share:.0%} of the time it is slower",
                    nulls={"a body that keeps still": 0.0, "the reference": float(wanted[fastest])},
                )
            ],
            methods=f"Speeds are differences of positions; the {config.share:.0%} quantile over clips and time.",
        )

    return analyse


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="template", config=Template, build=build, reads=(Reads("rollouts"),), summary="how fast keypoints move"
    )
