"""What is played: rollouts from a file, the newest in a run's folder, or made on the spot."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import attrs

from mimic_core import BodyModel, DataError, Plugins, ReferenceClips, Rollouts, did_you_mean
from mimic_core.chain import TrainedRun, build_model
from mimic_core.records import open_hdf5


@attrs.frozen(eq=False)
class Recording:
    """Rollouts and the body that made them.

    Attributes:
        source: the rollouts' file, or the run that was rolled out.
        clip: the clip to begin with.
    """

    source: str
    rollouts: Rollouts
    model: BodyModel
    clip: int


def open_recording(plugins: Plugins, path: Path, clip: str | None) -> Recording:
    """Read rollouts, or roll a run out where it holds none.

    A run is rolled out on the clip that is named, else on its held-out clips.

    Args:
        path: rollouts, the folder of a training, or that of ``mimic run``.
        clip: name of the clip to begin with, or a part of it that no other has; None: the (held-out) clip with the
            median error.

    Raises:
        DataError: nothing to play there, no such clip, or rollouts that do not fit the body that made them.
    """
    file = _newest_rollouts(path) if path.is_dir() else path
    # a name without an ending that does not exist is taken for a run: the error then says what one is
    if file is not None and (file.exists() or file.suffix):
        rollouts, source = Rollouts.load(file), str(file)
    else:
        rollouts, source = _roll_out(plugins, path, clip), str(path)
    names = rollouts.clip_names
    index = rollouts.median_clip() if clip is None else names.index(find_clip(clip, names, source))
    return Recording(source, rollouts, _body(plugins, rollouts, source), index)


def _newest_rollouts(folder: Path) -> Path | None:
    for file in sorted(folder.glob("*.h5"), key=lambda f: f.stat().st_mtime, reverse=True):
        with contextlib.suppress(DataError), open_hdf5(file) as f:  # what is no HDF5 holds no rollouts
            if f.attrs.get("mimic_kind") == Rollouts.KIND:
                return file
    return None


def _roll_out(plugins: Plugins, folder: Path, clip: str | None) -> Rollouts:
    run = TrainedRun.open(folder / "train" if (folder / "train").is_dir() else folder, plugins)
    held_out = run.training.held_out_clips
    every = (*held_out, *run.training.train_clips)
    wanted = [find_clip(clip, every, str(run.folder))] if clip is not None else held_out or every
    return run.on(only(run.clips, wanted)).roll_out()


def only(clips: ReferenceClips, names: Sequence[str]) -> ReferenceClips:
    """Return the named clips, in the order of ``names``."""
    rows = [clips.clip_names.index(name) for name in names]
    per_clip = [f.name for f in attrs.fields(ReferenceClips) if f.metadata.get("axes", ())[:1] == ("clip",)]
    arrays = {name: getattr(clips, name) for name in per_clip}
    animals = [clips.animals[row] for row in rows]
    kept = {k: None if a is None else a[rows] for k, a in arrays.items()}
    return attrs.evolve(clips, clip_names=names, animals=animals, **kept)


def find_clip(clip: str, names: Sequence[str], where: str) -> str:
    """Return the name that is ``clip``, or the only one with ``clip`` in it.

    Raises:
        DataError: there is none, or several.
    """
    having = [name for name in names if clip in name]
    if clip in names or len(having) == 1:
        return clip if clip in names else having[0]
    if having:
        raise DataError(
            f"{where}: {len(having)} clips have {clip!r} in their name: {', '.join(having)}; give more of it"
        )
    raise DataError(f"{where}: no clip {clip!r}{did_you_mean(clip, names)}")


def _body(plugins: Plugins, rollouts: Rollouts, source: str) -> BodyModel:
    if rollouts.training is None:
        raise DataError(f"{source}: does not say which body made it; make it again with 'mimic rollout'")
    if rollouts.ref_qpos is None:
        raise DataError(f"{source}: has no reference poses (ref_qpos); make it again with 'mimic rollout'")
    model = build_model(rollouts.body or rollouts.training.body, rollouts.training.plan, plugins)
    for what, found, expected in (
        ("coordinates", rollouts.qpos.shape[-1], model.mj_model.nq),
        ("actuators", rollouts.actuator_names, model.actuator_names),
        ("keypoints", rollouts.keypoint_names, model.keypoint_names),
    ):
        if found != expected:
            raise DataError(
                f"{source}: its {what} are {found}, but its body has {expected}; make it again with 'mimic rollout'"
            )
    return model
