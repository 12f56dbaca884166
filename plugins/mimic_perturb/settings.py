"""Settings of the perturbations and of the analysis of recovery."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, in_, le, optional


def _a_direction(instance: object, attribute: attrs.Attribute, value: tuple[float, float, float]) -> None:
    if not any(value):
        raise ValueError("must have a length above 0")


@attrs.frozen
class ForcePulse:
    """A force on one body of the limb, of the same size from its beginning to its end.

    A pulse that begins or ends within a control step keeps its impulse (force times duration): that step gets its
    share. The force acts on the body as it is simulated, which has the size of the model, not of the animal.

    Attributes:
        body: what is pushed; not given, the last one of the model, which on a limb is its outermost segment.
        force_N: size of the force on the body's centre of mass.
        direction: of the force, along the world's axes; its length does not matter.
        at_ms: onset, since the clip's start; not given, the middle of each clip. Clips that end before are left alone.
        for_ms: duration.
    """

    body: str = ""
    force_N: float = attrs.field(default=0.05, validator=ge(0))
    direction: tuple[float, float, float] = attrs.field(default=(0.0, 0.0, 1.0), validator=_a_direction)
    at_ms: float | None = attrs.field(default=None, validator=optional(ge(0)))
    for_ms: float = attrs.field(default=20.0, validator=gt(0))


@attrs.frozen
class Ablation:
    """Muscles (or motors) that give no force, from the clip's start on.

    Attributes:
        muscles: their names; none named means all, a limp limb.
        passive: their passive force stays, as after a cut nerve; otherwise it goes too, as after a cut tendon.
    """

    muscles: tuple[str, ...] = ()
    passive: bool = False


@attrs.frozen
class Weakening:
    """Muscles (or motors) that give less force, active and passive alike, from the clip's start on.

    Attributes:
        muscles: their names; none named means all.
        strength: what is left of the maximum isometric force, as a share of it.
    """

    muscles: tuple[str, ...] = ()
    strength: float = attrs.field(default=0.5, validator=[ge(0), le(1)])


@attrs.frozen
class SensoryDelay:
    """Senses of the body that arrive later than in training; the reference is still known without delay.

    Attributes:
        extra_ms: how much later; a whole number of control steps.
    """

    extra_ms: float = attrs.field(default=10.0, validator=ge(0))


@attrs.frozen
class IntentionNoise:
    """Noise in the controller's intention, normally distributed and drawn anew in each control step.

    Attributes:
        sd: its standard deviation, in standard deviations of the intention's prior.
        at_ms: onset, since the clip's start.
        for_ms: duration; not given, until the clip's end.
        seed: of what is drawn.
    """

    sd: float = attrs.field(default=0.3, validator=ge(0))
    at_ms: float = attrs.field(default=0.0, validator=ge(0))
    for_ms: float | None = attrs.field(default=None, validator=optional(gt(0)))
    seed: int = attrs.field(default=0, validator=ge(0))


@attrs.frozen
class Lesion:
    """Units of the network that are silent: their activation is held back, and what follows gets less of it.

    The units are drawn once and stay silent; a larger dose with the same seed silences those of a smaller one too.

    Attributes:
        layer: whose units, e.g. ``decoder/layer_1``, or ``intention`` for its dimensions.
        dose: share of the units, rounded to whole units.
        depth: how much of a silenced unit's activation is held back, 0 to 1.
        at_ms: onset, since the clip's start.
        for_ms: duration; not given, until the clip's end.
        seed: of which units.
    """

    layer: str = "intention"
    dose: float = attrs.field(default=0.25, validator=[ge(0), le(1)])
    depth: float = attrs.field(default=1.0, validator=[ge(0), le(1)])
    at_ms: float = attrs.field(default=0.0, validator=ge(0))
    for_ms: float | None = attrs.field(default=None, validator=optional(gt(0)))
    seed: int = attrs.field(default=0, validator=ge(0))


@attrs.frozen
class SensorimotorNoise:
    """Noise in senses and muscles, beyond that of the training where the controller acts stochastically.

    It has the form of the training's ``task.noise``. The two are independent, so their variances add.

    Attributes:
        motor: standard deviation of excitation as a share of it (Harris & Wolpert 1998, doi:10.1038/29528).
        motor_constant: standard deviation of excitation that does not depend on it.
        joint_deg: standard deviation of the joint angles seen, degrees; hinges only.
        velocity: the same for the velocities of those joints, rad/s.
        activation: the same for activations.
        seed: of what is drawn, where the controller acts deterministically; otherwise the rollout's seed counts.
    """

    motor: float = attrs.field(default=0.2, validator=ge(0))
    motor_constant: float = attrs.field(default=0.0, validator=ge(0))
    joint_deg: float = attrs.field(default=1.0, validator=ge(0))
    velocity: float = attrs.field(default=0.0, validator=ge(0))
    activation: float = attrs.field(default=0.0, validator=ge(0))
    seed: int = attrs.field(default=0, validator=ge(0))


@attrs.frozen
class Recovery:
    """Settings of the analysis of recovery.

    Attributes:
        keypoints: whose positions are compared; none named means all that the body can move. A deviation is the mean of
            their distances.
        recovered_share: a movement has recovered when its deviation stays below this share of its peak,
        recovered_mm: or below this, whichever is larger.
        end_ms: what is left at the end is the mean over this much of a clip, or over all that follows a later onset.
        signal: where the muscles' response is looked for: ``excitation`` (what the controller sends) or ``activation``.
        response: a muscle responds once its signal differs by more than this from the undisturbed one.
        window_ms: the mean response is taken over this long after the onset.
    """

    keypoints: tuple[str, ...] = ()
    recovered_share: float = attrs.field(default=0.1, validator=[ge(0), le(1)])
    recovered_mm: float = attrs.field(default=0.1, validator=ge(0))
    end_ms: float = attrs.field(default=25.0, validator=gt(0))
    signal: str = attrs.field(default="excitation", validator=in_(("excitation", "activation")))
    response: float = attrs.field(default=0.02, validator=gt(0))
    window_ms: float = attrs.field(default=100.0, validator=gt(0))
