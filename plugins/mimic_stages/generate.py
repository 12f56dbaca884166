"""The stage `generate`: synthetic keypoints, to try the chain without a recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from mimic_core import Choice, Context, Inputs, Keypoints, Plugins, StageSpec, choice, option, structure, value_hash
from mimic_core.chain import make_body


@attrs.frozen(kw_only=True)
class GenerateOptions:
    """Make synthetic keypoints, to try the chain without a recording.

    Example: `mimic generate --body mouse_forelimb --out keypoints.h5`

    Settings of the generator are given with `--set KEY=VALUE` and listed by `mimic plugins show GENERATOR`, those of
    the body with `--set body.KEY=VALUE`.
    """

    body: Choice = choice(
        "body",
        shared=True,
        required=True,
        metavar="NAME[:VARIANT]|FILE",
        help="The body that moves, or the file that describes it.",
    )
    generator: Choice = choice("generator", flat=True, help="The maker of movements; default: the default one.")
    seed: int = option(
        0,
        shared=True,
        validator=attrs.validators.ge(0),
        help="Seed of everything random; the same seed gives the same result.",
    )


def body_of(chosen: Choice, plugins: Plugins) -> dict[str, str]:
    """What decides a stage beside its options: the body that its choice builds, as a hash."""
    return {"built_body": value_hash(make_body(plugins, chosen.name, chosen.settings))} if chosen.name else {}


def work(options: GenerateOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Make keypoints and keep them as a keypoint file."""
    from mimic_core import BodyModel

    model = BodyModel.compile(make_body(context.plugins, options.body.name, options.body.settings))
    spec = context.plugins.choose("generator", options.generator.name)
    if options.generator.name is None and not spec.suits(model):
        spec = next((s for s in context.plugins.all("generator") if s.suits(model)), spec)
    config = structure(dict(options.generator.settings), spec.config, "generate")
    make = spec.build(config, model, context.seed)
    keypoints: Keypoints = make()
    keypoints.save(context.out)
    return {
        "generator": spec.name,
        "clips": len(keypoints.clip_names),
        "frames": int(keypoints.n_frames.sum()),
        "rate_hz": keypoints.rate_hz,
        "keypoints": list(keypoints.names),
        "origin": keypoints.origin,
        "synthetic": True,
        "remarks": list(getattr(make, "remarks", ())),
    }


def lines(summary: Mapping[str, Any]) -> Iterator[str]:
    yield from summary["remarks"]
    yield (
        f"{summary['clips']} synthetic clips, {summary['frames']} frames at {summary['rate_hz']:g} Hz "
        f"→ {summary['out']}"
    )


SPEC = StageSpec(
    name="generate",
    config=GenerateOptions,
    work=work,
    writes=Keypoints.KIND,
    output="keypoints.h5",
    decides=lambda options, plugins: body_of(options.body, plugins),
    lines=lines,
    summary="make synthetic keypoints",
)
