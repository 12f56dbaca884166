"""The built-in perturbations: from settings to what is done to body, senses and controller."""

from __future__ import annotations

import attrs
import numpy as np

from mimic_core import BodyModel, ConfigError, Perturbation, RolloutContext, did_you_mean
from mimic_perturb.settings import (
    Ablation,
    ForcePulse,
    IntentionNoise,
    Lesion,
    SensorimotorNoise,
    SensoryDelay,
    Weakening,
)
from mimic_variation import MUSCLE_FORCE, AlteredBodies

INTENTION_SHIFT = "intention_shift"
"""Input of a controller that is added to its intention, in standard deviations of the prior."""

SILENCED = "silenced/"
"""How inputs of a controller begin that hold back units of a layer, 0 to 1: ``silenced/decoder/layer_1``."""


def pulse(context: RolloutContext, at_ms: float | None, for_ms: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place a pulse in each clip of a rollout.

    Args:
        context: of the rollout.
        at_ms: its beginning since the clip's; None: the last control step before the middle of each clip.
        for_ms: its duration.

    Returns:
        onset and end, each (clip,) ms, NaN for a clip that ends before the onset; and (clip, step) the share of
        each control step that the pulse covers, for the step that ends at the entry. A pulse that begins or ends
        within a control step so keeps its integral over time.
    """
    step_ms = 1e3 / context.rate_hz
    onset = (context.n_steps - 1) // 2 * step_ms if at_ms is None else np.full(len(context.n_steps), float(at_ms))
    onset = np.where(onset < context.duration_ms, onset, np.nan)
    end = np.minimum(onset + for_ms, context.duration_ms)
    after = step_ms * np.arange(int(context.n_steps.max()))
    covered = np.minimum(after, end[:, None]) - np.maximum(after - step_ms, onset[:, None])
    return onset, end, np.nan_to_num(np.clip(covered / step_ms, 0.0, 1.0))


def force_pulse(config: ForcePulse, context: RolloutContext) -> Perturbation:
    """F(t) = force · direction between onset and end."""
    onset, end, share = pulse(context, config.at_ms, config.for_ms)
    _check_onset(config.at_ms, onset, context)
    direction = np.array(config.direction) / np.linalg.norm(config.direction)
    wrench = np.concatenate([config.force_N * direction, np.zeros(3)])  # no torque
    body = config.body or context.model.body_names[-1]
    return Perturbation(onset_ms=onset, end_ms=end, force={body: share[..., None] * wrench})


def ablation(config: Ablation, context: RolloutContext) -> Perturbation:
    return Perturbation(altered=_weaker(context.model, config.muscles, 0.0, passive=1.0 if config.passive else 0.0))


def weakening(config: Weakening, context: RolloutContext) -> Perturbation:
    return Perturbation(altered=_weaker(context.model, config.muscles, config.strength, passive=config.strength))


def sensory_delay(config: SensoryDelay, context: RolloutContext) -> Perturbation:
    steps = config.extra_ms * 1e-3 * context.rate_hz
    if abs(steps - round(steps)) > 1e-6:
        raise ConfigError(
            f"perturb.extra_ms: {config.extra_ms:g} ms is not a whole number of control steps of "
            f"{1e3 / context.rate_hz:g} ms; give a multiple"
        )
    return Perturbation(
        task=attrs.evolve(context.task, sensory_delay_ms=context.task.sensory_delay_ms + config.extra_ms)
    )


def intention_noise(config: IntentionNoise, context: RolloutContext) -> Perturbation:
    if INTENTION_SHIFT not in context.inputs:
        raise ConfigError(
            f"perturb: intention_noise needs a controller with the input {INTENTION_SHIFT!r}, which this one has not; "
            "train one, e.g. bottleneck_apg, or choose another perturbation"
        )
    size = context.inputs[INTENTION_SHIFT]
    onset, end, share = pulse(context, config.at_ms, np.inf if config.for_ms is None else config.for_ms)
    _check_onset(config.at_ms, onset, context)
    drawn = np.random.default_rng(config.seed).standard_normal((*share.shape, size))
    return Perturbation(onset_ms=onset, end_ms=end, inputs={INTENTION_SHIFT: config.sd * share[..., None] * drawn})


def lesion(config: Lesion, context: RolloutContext) -> Perturbation:
    known = {name.removeprefix(SILENCED): n for name, n in context.inputs.items() if name.startswith(SILENCED)}
    if not known:
        raise ConfigError(
            f"perturb: lesion needs a controller with inputs {SILENCED}LAYER, which this one has not; train one, e.g. "
            "bottleneck_apg, or choose another perturbation"
        )
    if config.layer not in known:
        raise ConfigError(f"perturb.layer: no layer {config.layer!r}{did_you_mean(config.layer, known)}")
    n = known[config.layer]
    onset, end, share = pulse(context, config.at_ms, np.inf if config.for_ms is None else config.for_ms)
    _check_onset(config.at_ms, onset, context)
    units = np.zeros(n, np.float32)
    units[np.random.default_rng(config.seed).permutation(n)[: round(config.dose * n)]] = config.depth
    held = share.astype(np.float32)[..., None] * units
    return Perturbation(onset_ms=onset, end_ms=end, inputs={SILENCED + config.layer: held})


def sensorimotor_noise(config: SensorimotorNoise, context: RolloutContext) -> Perturbation:
    """Independent of the trained noise: variances add."""
    trained = context.task.noise
    added = {f.name: getattr(config, f.name) for f in attrs.fields(type(trained))}
    if context.stochastic:
        added = {name: float(np.hypot(getattr(trained, name), sd)) for name, sd in added.items()}
    task = attrs.evolve(context.task, noise=attrs.evolve(trained, **added))
    return Perturbation(task=task, noise_seed=config.seed)


BUILDERS = {
    ForcePulse: force_pulse,
    Ablation: ablation,
    Weakening: weakening,
    SensoryDelay: sensory_delay,
    IntentionNoise: intention_noise,
    Lesion: lesion,
    SensorimotorNoise: sensorimotor_noise,
}
"""class of settings → ``build(settings, context) -> Perturbation``"""


def _check_onset(at_ms: float | None, onset_ms: np.ndarray, context: RolloutContext) -> None:
    if np.isnan(onset_ms).all():
        raise ConfigError(
            f"perturb.at_ms: at {at_ms:g} ms every clip has ended; the longest lasts "
            f"{context.duration_ms.max():g} ms, so give less"
        )


def _weaker(model: BodyModel, names: tuple[str, ...], active: float, passive: float) -> AlteredBodies:
    """One body whose named actuators give the given shares of active and passive force."""
    able = [n for n in model.actuator_names if n not in model.driven_by.reserves]  # those stand for other muscles
    for name in names:
        if name not in able:
            raise ConfigError(
                f"perturb.muscles: body {model.body.name} has no muscle {name!r}{did_you_mean(name, able)}"
            )
    chosen = np.array([model.actuator_names.index(n) for n in names or able])
    muscles = np.intersect1d(chosen, model.muscle_ids)
    motors = np.setdiff1d(chosen, muscles)
    # an actuator's force is gain · control + bias; a muscle's bias is its passive force
    gain, bias = model.mj_model.actuator_gainprm.copy(), model.mj_model.actuator_biasprm.copy()
    gain[muscles, MUSCLE_FORCE] *= active
    bias[muscles, MUSCLE_FORCE] *= passive
    gain[motors] *= active
    bias[motors] *= passive
    return AlteredBodies({"actuator_gainprm": gain[None], "actuator_biasprm": bias[None]})
