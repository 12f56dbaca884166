"""Settings that every task has."""

from __future__ import annotations

import attrs

from mimic_core.physics.randomisation import Randomisation

not_negative = attrs.validators.ge(0.0)


@attrs.frozen
class Noise:
    """Noise of muscles and senses, normally distributed and drawn anew in each control step.

    Training has it, and so have rollouts with a seed. Whatever the policy sees of joint angles, velocities and
    activations is noisy, also the difference of a reference angle from the present one; other observations are exact.

    Attributes:
        motor: standard deviation of excitation as a share of it, the signal-dependent noise of Harris & Wolpert
            (1998, doi:10.1038/29528).
        motor_constant: standard deviation of excitation that does not depend on it. What reaches the actuators
            stays within their range.
        joint_deg: standard deviation of the joint angles seen, degrees; hinges only.
        velocity: the same for the velocities of those joints, rad/s.
        activation: the same for activations.
    """

    motor: float = attrs.field(default=0.0, validator=not_negative)
    motor_constant: float = attrs.field(default=0.0, validator=not_negative)
    joint_deg: float = attrs.field(default=0.0, validator=not_negative)
    velocity: float = attrs.field(default=0.0, validator=not_negative)
    activation: float = attrs.field(default=0.0, validator=not_negative)

    @property
    def in_muscles(self) -> bool:
        return bool(self.motor or self.motor_constant)

    @property
    def in_senses(self) -> bool:
        return bool(self.joint_deg or self.velocity or self.activation)


@attrs.frozen
class TaskSettings:
    """Settings that every task has; a task with more inherits them.

    Attributes:
        control_rate_hz: how often the policy acts.
        window: how many coming instants of the reference the policy sees.
        window_step_ms: their spacing.
        reference_lowpass_hz: the imitated reference is low-passed here, since tracked frames jump by more than a limb
            can follow; 0: not. Tracking errors are always measured against the registered reference.
        servo_span: with 0 an action is an excitation, over the actuator's whole range. Above 0 it is added, over this
            share of the range, to the excitation with which a servo would follow the reference, so that a policy which
            does nothing already follows roughly. Other actuators than servos are not affected.
        excerpt_s: rollouts begin anew after so long, in the reference's state; 0: they last as long as their clip.
        initial_joint_noise: in training, hinges begin this far from the reference, rad (standard deviation).
        initial_velocity_noise: the same for joint velocities, rad/s.
        initial_activation: what a clip begins with: ``hold``, the least that holds its first pose at rest; ``move``,
            that of its first instant in movement, with the mean acceleration of 20 ms; or ``relaxed``.
        initial_activation_max: in training, episodes that begin otherwise draw activations uniformly up to this.
        sensory_delay_ms: the policy sees the body as it was this long ago, and the reference without delay.
            A whole number of control steps, in training and in rollouts.
        motor_delay_ms: the excitation that the policy chooses reaches the actuators this much later. Rewards and
            records hold the excitation that reaches them.
        noise: noise of muscles and senses.
        randomise: how far the bodies that training uses differ from the given one.
    """

    control_rate_hz: float = attrs.field(default=400.0, validator=attrs.validators.gt(0))
    window: int = attrs.field(default=10, validator=attrs.validators.ge(1))
    window_step_ms: float = attrs.field(default=5.0, validator=attrs.validators.gt(0))
    reference_lowpass_hz: float = attrs.field(default=25.0, validator=attrs.validators.ge(0))
    servo_span: float = attrs.field(default=0.0, validator=[attrs.validators.ge(0), attrs.validators.le(1)])
    excerpt_s: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    initial_joint_noise: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    initial_velocity_noise: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    initial_activation: str = attrs.field(default="hold", validator=attrs.validators.in_(("hold", "move", "relaxed")))
    initial_activation_max: float = attrs.field(default=0.2, validator=[attrs.validators.ge(0), attrs.validators.le(1)])
    sensory_delay_ms: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    motor_delay_ms: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    noise: Noise = attrs.field(factory=Noise)
    randomise: Randomisation = attrs.field(factory=Randomisation)

    @property
    def control_steps(self) -> dict[str, int]:
        """Spacing of the window, sensory and motor delay, as the nearest numbers of control steps."""
        least = {"window_step_ms": 1, "sensory_delay_ms": 0, "motor_delay_ms": 0}
        step_ms = 1.0 / self.control_rate_hz * 1e3
        return {name: max(round(getattr(self, name) / step_ms), n) for name, n in least.items()}

    @property
    def remarks(self) -> tuple[str, ...]:
        """A line for each time that is no whole number of control steps, and so is taken as another."""
        step_ms, said = 1.0 / self.control_rate_hz * 1e3, "task.{}: {:g} ms is taken as {:g} ms, {} control steps"
        times = [(name, getattr(self, name), n * step_ms, n) for name, n in self.control_steps.items()]
        return tuple(said.format(*t) for t in times if abs(t[2] - t[1]) > 1e-6 * step_ms)
