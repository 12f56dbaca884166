"""A velocity-dependent force field on the hand."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from mimic_core import BodyModel, ConfigError, StepView, Term
from mimic_reach.body import hand_of
from mimic_reach.settings import CurlField


class Last(NamedTuple):
    """The hand one control step ago."""

    place: Float[Array, "3"]
    """m"""
    known: Float[Array, ""]
    """0 at the beginning of an episode, else 1"""


def curl_field(config: CurlField, model: BodyModel) -> Term:
    """Return the push F = curl · axis × v on the hand, where v is its mean velocity over the last control step.

    The force acts on the hand itself: on the body that carries it acts the force, and the torque of its lever arm from
    the centre of mass, which is taken along the line from the body's origin to the hand. What of the centre lies beside
    that line is neglected.

    Raises:
        ConfigError: the body has no such keypoint, or it is on no body that moves.
    """
    m, hand = model.mj_model, hand_of(model, config.keypoint)
    site = model.keypoint_site_ids[hand]
    carries = np.flatnonzero(model.body_ids == m.site_bodyid[site])
    if not carries.size:
        raise ConfigError(
            f"curl_field: keypoint {model.keypoint_names[hand]} of {model.body.name} is on no moving body"
        )
    body = int(carries[0])
    axis = jnp.asarray(config.curl * np.array(config.axis) / np.linalg.norm(config.axis))
    to_hand, to_centre = m.site_pos[site], m.body_ipos[m.site_bodyid[site]]
    along = float(to_centre @ to_hand / max(to_hand @ to_hand, 1e-18))  # the centre's share of the way to the hand

    def step(last: Last, view: StepView) -> tuple[Last, Float[Array, "body 6"]]:
        place = view.site_pos[hand]
        velocity = last.known * (place - last.place) / view.control_dt
        force = jnp.cross(axis, velocity)
        arm = (1.0 - along) * (place - view.body_pos[body])
        wrench = jnp.concatenate([force, jnp.cross(arm, force)])
        push = jnp.zeros((len(model.body_names), 6)).at[body].set(wrench)
        return Last(place, jnp.ones_like(last.known)), push

    return Term(init=lambda: Last(jnp.zeros(3), jnp.zeros(())), step=step)
