"""A stage, with the kind of record that it writes: how long each clip lasts, and how far its keypoints travel."""

import json

import attrs

from mimic_core import Headline, Reads, RecordSpec, ReferenceClips, StageSpec, hookimpl, option, write_json


@attrs.frozen(kw_only=True)
class Template:
    """Measure how long registered clips last, and how far their keypoints travel.

    Example: `mimic template clips.h5 --out template.json`
    """

    least_s: float = option(0.0, validator=attrs.validators.ge(0), help="Shorter clips are left out, s.")


def work(options, inputs, context):
    import numpy as np

    clips = ReferenceClips.load(inputs.one("clips"))
    seconds = (clips.n_frames - 1) / clips.rate_hz
    kept = seconds >= options.least_s
    steps = np.linalg.norm(np.diff(clips.site_pos, axis=1), axis=-1)  # (clip, frame, keypoint) m
    path_mm = 1e3 * clips.body.scale * np.nansum(steps, axis=1).mean(axis=-1)
    rows = {
        n: {"seconds": s, "path_mm": p}
        for n, s, p, k in zip(clips.clip_names, seconds, path_mm, kept, strict=True)
        if k
    }
    write_json(context.out, {"template": rows})
    mean = float(path_mm[kept].mean()) if kept.any() else None
    headlines = [Headline("path of a keypoint", mean, "mm", "mean over clips", nulls={"a body that keeps still": 0.0})]
    return {"clips": len(rows), "left_out": int((~kept).sum()), "headlines": headlines}


def holds(path):
    return path.suffix == ".json" and path.is_file() and path.read_bytes().lstrip().startswith(b'{\n  "template"')


@hookimpl
def mimic_stages():
    yield StageSpec(
        name="template",
        config=Template,
        work=work,
        reads=(Reads("clips", argument=True, help="Reference clips from 'mimic register'."),),
        writes="template",
        output="template.json",
        summary="how long clips last and how far keypoints travel",
    )


@hookimpl
def mimic_records():
    yield RecordSpec(
        name="template",
        build=lambda path: json.loads(path.read_text(encoding="utf-8"))["template"],
        holds=holds,
        made_by="mimic template",
        summary="durations and paths of clips",
    )
