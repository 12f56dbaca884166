"""A reason to end an episode: a joint is far from where it should be."""

import attrs

from mimic_core import TerminationSpec, hookimpl


@attrs.frozen
class Template:
    """Settings of the termination.

    Attributes:
        limit_deg: distance of a joint from the reference that ends the episode, degrees.
    """

    limit_deg: float = attrs.field(default=90.0, validator=attrs.validators.gt(0))


def build(config, model):
    import jax.numpy as jnp

    hinges = model.is_hinge

    def far(step):
        away = jnp.where(hinges, jnp.abs(step.joint_pos - step.ref.joint_pos), 0.0)
        return jnp.rad2deg(away).max() > config.limit_deg

    return far


@hookimpl
def mimic_terminations():
    yield TerminationSpec(name="template", config=Template, build=build, summary="a joint is far from the reference")
