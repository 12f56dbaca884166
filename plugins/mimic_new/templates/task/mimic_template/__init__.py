"""A task: hold one posture of each recorded movement, beginning in another."""

import attrs
import numpy as np

from mimic_core import Goal, TaskSpec, hookimpl
from mimic_core.task import TaskSettings


@attrs.frozen(kw_only=True)
class Template(TaskSettings):
    """Settings of the task, beside those that every task has.

    Attributes:
        begin_share: when the posture was taken that an episode begins in, as a share of the movement's length.
        hold_share: the same of the posture that is to be held.
    """

    begin_share: float = attrs.field(default=0.0, validator=[attrs.validators.ge(0), attrs.validators.le(1)])
    hold_share: float = attrs.field(default=1.0, validator=[attrs.validators.ge(0), attrs.validators.le(1)])


def build(config, model):
    def episodes(clips):
        every, last = np.arange(len(clips.clip_names)), clips.n_frames - 1
        begin, hold = (np.round(share * last).astype(int) for share in (config.begin_share, config.hold_share))
        still = {name: np.repeat(a[every, hold][:, None], a.shape[1], axis=1) for name, a in _of_frames(clips).items()}
        commanded = attrs.evolve(clips, **still, qvel=np.zeros_like(clips.qvel), start=clips.qpos[every, begin])
        return commanded, every

    return Goal(episodes=episodes)


def _of_frames(clips):
    return {name: getattr(clips, name) for name in ("qpos", "site_pos", "tracked_pos", "error_mm")}


@hookimpl
def mimic_tasks():
    yield TaskSpec(name="template", config=Template, build=build, summary="hold one posture of each recorded movement")
