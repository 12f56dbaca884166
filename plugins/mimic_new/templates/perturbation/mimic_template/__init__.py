"""A perturbation: a constant push on the last body of the model, from one instant to another."""

import attrs
import numpy as np

from mimic_core import Perturbation, PerturbationSpec, hookimpl


@attrs.frozen
class Template:
    """Settings of the push.

    Attributes:
        force_N: upwards (z), N.
        onset_ms: when it begins, since the clip's start.
        duration_ms: how long it lasts.
    """

    force_N: float = 0.01
    onset_ms: float = attrs.field(default=50.0, validator=attrs.validators.ge(0))
    duration_ms: float = attrs.field(default=50.0, validator=attrs.validators.gt(0))


def build(config, context):
    clips, steps = len(context.n_steps), int(context.n_steps.max())
    time_ms = 1e3 * np.arange(steps) / context.rate_hz
    force = np.zeros((clips, steps, 6))
    pushed = (time_ms > config.onset_ms) & (time_ms <= config.onset_ms + config.duration_ms)
    force[:, pushed, :3] = np.array([0.0, 0.0, config.force_N])
    return Perturbation(
        onset_ms=np.full(clips, config.onset_ms),
        end_ms=np.full(clips, config.onset_ms + config.duration_ms),
        force={context.model.body_names[-1]: force},
    )


@hookimpl
def mimic_perturbations():
    yield PerturbationSpec(name="template", config=Template, build=build, summary="a push on the last body")
