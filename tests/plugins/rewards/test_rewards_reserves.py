"""What reserves cost, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import attrs
import jax.numpy as jnp
import pytest

from mimic_core import BodyModel
from mimic_core.testing.toy import toy_body

SLIDING = toy_body().mjcf.replace(
    '<joint name="shoulder" range="-60 60"/>',
    '<joint name="shoulder" range="-60 60"/><joint name="glide" type="slide" axis="1 0 0" range="-.01 .01"/>',
)


@pytest.fixture(scope="module")
def model(plugins) -> BodyModel:
    """The toy arm on a slide, with reserves of 0.5 N on it and 0.001 N·m at the elbow: shoulder, glide, elbow."""
    spec, body = plugins.get("actuation", "hill"), attrs.evolve(toy_body(), mjcf=SLIDING)
    return BodyModel.compile(body, spec.build(spec.config(reserve={"glide": 0.5, "elbow": 1e-3}), body))


def cost(plugins, model, name, **fields) -> float:
    spec = plugins.get("reward", name)
    step = SimpleNamespace(**{k: jnp.asarray(v, float) for k, v in fields.items()})
    return float(spec.build(spec.config(), model)(step))


def test_reserves_are_charged_by_the_square_of_their_excitation(plugins, model, toy_model):
    """0.5² + 0.2² beside what `control` charges for all four; a body without reserves pays nothing."""
    assert model.actuator_names == ("flexor", "extensor", "reserve_glide", "reserve_elbow")
    excitation = [0.9, 0.1, 0.5, -0.2]
    assert cost(plugins, model, "reserve", excitation=excitation) == pytest.approx(0.29)
    assert cost(plugins, model, "control", excitation=excitation) == pytest.approx(0.81 + 0.01 + 0.29)
    assert cost(plugins, toy_model, "reserve", excitation=[0.9, 0.1]) == 0.0


def test_work_counts_what_reserves_drive(plugins, model):
    """Muscles 6 mW; the slide's 0.25 N at 0.1 m/s 25 mW; the elbow's reserve is driven back and costs nothing."""
    given = {
        "muscle_force": [0.3, 0.4],
        "muscle_velocity": [-0.02, 0.05],
        "activation": [0.4, 0.4, 0.5, -0.2],
        "joint_vel": [3.0, 0.1, 5.0],
    }
    assert cost(plugins, model, "mechanical_work", **given) == pytest.approx(0.006 + 0.025)
    assert cost(plugins, model, "mechanical_work", **{**given, "joint_vel": [3.0, -0.1, -5.0]}) == pytest.approx(
        0.006 + 0.001
    )


def test_force_counts_that_of_a_slide(plugins, model):
    """Tensions of 0.3 and 0.4 N and 0.25 N of the slide; a torque is no force."""
    given = {"muscle_force": [0.3, 0.4], "activation": [0.4, 0.4, -0.5, -0.2]}
    assert cost(plugins, model, "actuator_effort", **given) == pytest.approx(0.95)
