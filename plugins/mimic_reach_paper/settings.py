"""Settings of the format and of the analysis."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs.validators import ge, gt, in_


@attrs.frozen
class Layout:
    """Settings of the `reach_paper` format.

    Attributes:
        compat: write the arrays as the paper's own files had them: ``actions`` are the raw output of the policy in
            [-1, 1], the reference is held between camera frames, and rate and names are left out. By default
            ``actions`` are excitations in [0, 1] and the reference is the one that was tracked.
        lengths: the layout holds clips of one length. Where they differ, ``nan`` leaves NaN past the end of the
            shorter ones and ``cut`` cuts all of them to the shortest one.
        camera_hz: rate of the camera, Hz; only used with ``compat``.
    """

    compat: bool = False
    lengths: str = attrs.field(default="nan", validator=in_(("nan", "cut")))
    camera_hz: float = attrs.field(default=200.0, validator=gt(0))


@attrs.frozen
class Compat:
    """Settings of the `paper_compat` analysis. The defaults are those of the paper's notebooks.

    Attributes:
        drawn_steps: control steps that are stretched over ``drawn_ms`` in the published comparison with EMG.
        drawn_ms: length of the EMG that they were drawn beside, ms.
        camera_hz: rate at which the reach was filmed, Hz.
        model_step_ms: time step by which differences of angles were divided to get velocities, ms.
        cutoff_rad_s: velocities were cut off at this speed, rad/s.
        muscles: recorded muscle → simulated muscle, where the body does not say it or another one is meant.
        mislabelled: name of a simulated muscle → the muscle whose column bore that name.
        joint_copies: copies of each joint angle in the embedding of the forecast.
        action_copies: copies of each muscle's command in the embedding.
        Tp: how far ahead is forecast, camera frames.
        shuffles: repeats of the shuffled control.
        seed: of the shuffles.
    """

    drawn_steps: int = attrs.field(default=59, validator=ge(2))
    drawn_ms: float = attrs.field(default=250.0, validator=gt(0))
    camera_hz: float = attrs.field(default=200.0, validator=gt(0))
    model_step_ms: float = attrs.field(default=1.0, validator=gt(0))
    cutoff_rad_s: float = attrs.field(default=20.0, validator=gt(0))
    muscles: Mapping[str, str] = attrs.field(factory=dict)
    mislabelled: Mapping[str, str] = attrs.field(factory=lambda: {"Triceps_Long": "Triceps_Lateral"})
    joint_copies: int = attrs.field(default=2, validator=ge(1))
    action_copies: int = attrs.field(default=3, validator=ge(1))
    Tp: int = attrs.field(default=5, validator=ge(0))
    shuffles: int = attrs.field(default=5, validator=ge(1))
    seed: int = attrs.field(default=0, validator=ge(0))
