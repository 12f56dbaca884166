"""Cost of jerky joint movements."""

from __future__ import annotations

from mimic_core import BodyModel, NoSettings, RewardSpec, Term
from mimic_rewards.history import over_last


def build(config: NoSettings, model: BodyModel) -> Term:
    """c = Σ_j (d³q_j/dt³)² over joints, in (krad/s³)² = 1e6 rad²/s⁶.

    The jerk is the second difference of the joint velocity over three control steps, divided by the square of their
    length; the first two steps of an episode have none and cost 0.
    """
    import jax.numpy as jnp

    def value(seen, last, step):
        jerk = jnp.diff(last, n=2, axis=0) / step.control_dt**2
        return seen.min() * ((1e-3 * jerk) ** 2).sum()

    return over_last(3, len(model.joint_names), lambda step: step.joint_vel, value)


spec = RewardSpec(
    name="jerk",
    build=build,
    units="krad²/s⁶",
    cost=True,
    summary="cost of jerk, Σ(third derivative of the joint angle)²",
    source="Flash & Hogan 1985, doi:10.1523/JNEUROSCI.05-07-01688.1985 (of a hand's path; here of joint angles)",
)
