"""STAC-MJX fits as reference clips of a body."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np

from mimic_core import Body, BodyModel, DataError, ReferenceClips
from mimic_core.records import error_summary
from mimic_core.registration import match_keypoints
from mimic_kinematics.rates import velocity
from mimic_recordings import join
from mimic_stac_mjx.carriers import Movement, carried_by, carriers_of, find_carriers
from mimic_stac_mjx.fit import Fit, read_fit
from mimic_stac_mjx.pose import is_length, poses, qpos_names
from mimic_stac_mjx.settings import Settings

_MM = 1000.0


def read_clips(paths: Sequence[Path], body: Body, settings: Settings) -> ReferenceClips:
    """Read fits of one animal as movements of ``body``.

    Joint angles are the files'. Velocities are computed anew at the frame rate: STAC-MJX takes them at the model's time
    step, not the camera's, and cuts them off at 20 rad/s. A keypoint sits where the file's ``marker_sites`` have it in
    the frame of the body's segment, so that it does not matter how the fitted skeleton divides rigid parts into
    bodies. Clips share one position for each keypoint, the mean over files fitted with positions of their own.

    Raises:
        DataError: a file lacks a dataset or does not agree with itself, with the other files or with the body.
    """
    fits = [read_fit(Path(path), settings) for path in paths]
    keypoints, animal = match_keypoints(join([fit.keypoints for fit in fits]), body)
    given = BodyModel.compile(_sized(animal, fits))
    moves = [_movement(fit, given, settings.joints) for fit in fits]
    carriers = find_carriers(fits, moves, given, settings.tolerance_mm)
    own = {k: given.mj_model.body(int(b)).name for k, b in zip(given.keypoint_names, carriers_of(given), strict=True)}
    elsewhere = {k: b for k, b in carriers.items() if b != own[k]}
    model = BodyModel.compile(carried_by(given.body, elsewhere))

    names, n_frames, scale = model.keypoint_names, keypoints.n_frames, model.body.scale
    segments = carriers_of(model)
    places = np.array([m.offsets(segments) for m in moves])
    offsets = places.mean(0)
    qpos = np.concatenate([m.qpos for m in moves])
    clips = np.split(qpos, np.cumsum(n_frames)[:-1])
    shrink = 1 / fits[0].scale_factor
    tracked = keypoints.positions * shrink

    def padded(x: np.ndarray) -> np.ndarray:
        inside = np.arange(n_frames.max()) < n_frames[:, None]
        out = np.full((*inside.shape, *x.shape[1:]), np.nan)
        out[inside] = x
        return out

    def error_mm(sites: np.ndarray) -> np.ndarray:
        return np.linalg.norm(tracked - sites, axis=-1) * scale * _MM

    sites = padded(np.concatenate([m.place(segments, offsets) for m in moves]))
    spread_mm = np.linalg.norm(places - offsets, axis=-1).max(0) * scale * _MM
    return ReferenceClips(
        body=attrs.evolve(
            model.body, keypoint_pos={k: tuple(map(float, o)) for k, o in zip(names, offsets, strict=True)}
        ),
        rate_hz=keypoints.rate_hz,
        clip_names=keypoints.clip_names,
        joint_names=model.joint_names,
        keypoint_names=names,
        n_frames=n_frames,
        qpos=padded(qpos),
        qvel=padded(np.concatenate([velocity(q, model, keypoints.rate_hz) for q in clips])),
        site_pos=sites,
        tracked_pos=tracked,
        error_mm=error_mm(sites),
        remarks=tuple(dict.fromkeys(fit.assumed for fit in fits if fit.assumed)),
        alignment=np.tile(np.diag([shrink, shrink, shrink, 1.0]), (len(n_frames), 1, 1)),
        provenance={
            "source": "STAC-MJX",
            "fitted_error_mm": error_summary(error_mm(padded(np.concatenate([m.sites for m in moves]))), names),
            "offset_spread_mm": dict(zip(names, spread_mm.tolist(), strict=True)),
            "renamed_joints": dict(moves[0].renamed),
            "keypoints_on_other_segments": elsewhere,
        },
    )


def _sized(body: Body, fits: Sequence[Fit]) -> Body:
    """The body in the size of the animal, keypoints where its skeleton has them."""
    first = fits[0]
    for fit in fits:
        if fit.size != first.size:
            raise DataError(
                f"{fit.path}: was fitted to a skeleton of another size than {first.path.name}; read each of them alone"
            )
    return attrs.evolve(
        body, scale=first.scale * first.scale_factor, segment_scale=dict(first.segment_scale), keypoint_pos={}
    )


def _movement(fit: Fit, model: BodyModel, given: Mapping[str, str]) -> Movement:
    """Match joints by name and bring the fit to the body's size.

    Raises:
        DataError: the fit and the body do not have the same joints.
    """
    mj = model.mj_model
    wanted = qpos_names(mj)
    found = [_body_joint(name, wanted, given) for name in fit.qpos_names]
    if Counter(found) != Counter(wanted):
        has, lacks = Counter(found) - Counter(wanted), Counter(wanted) - Counter(found)
        raise DataError(
            f"{fit.path}: its joints are not those of body {model.body.name}: it has {', '.join(has) or 'none'} "
            f"besides, and lacks {', '.join(lacks) or 'none'}; choose the body of the fit, or say which joint is which "
            "with --set joints.FILE=BODY"
        )
    columns: dict[str, list[int]] = {}  # a free joint has seven entries of one name, in the same order on both sides
    for column, name in enumerate(found):
        columns.setdefault(name, []).append(column)
    qpos = fit.qpos[:, [columns[name].pop(0) for name in wanted]]
    qpos = np.where(is_length(mj), qpos / fit.scale_factor, qpos)
    sites = fit.sites_of(model.keypoint_names) / fit.scale_factor
    renamed = {a: b for a, b in zip(fit.qpos_names, found, strict=True) if a != b}
    return Movement(qpos, *poses(mj, qpos), sites, renamed)


def _body_joint(name: str, wanted: Sequence[str], given: Mapping[str, str]) -> str:
    """The body's name of a joint of the file; names may differ in case, punctuation and the word ``joint``."""
    if name in given or name in wanted:
        return given.get(name, name)
    close = {w for w in wanted if _plain(w) == _plain(name)}
    return close.pop() if len(close) == 1 else name


def _plain(joint: str) -> str:
    return re.sub(r"joint|[^a-z0-9]", "", joint.lower())
