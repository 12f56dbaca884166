"""When the root of a free animal is lost."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from free_case import FREE_BODY, free_model
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mimic_core.errors import ConfigError
from mimic_core.testing import random_step, step_on_reference


@pytest.fixture(scope="module")
def model():
    return free_model()


@pytest.fixture(scope="module")
def spec(plugins):
    return plugins.get("termination", "root_lost")


def built(spec, model, **settings):
    return spec.build(spec.config(**settings), model)


@examples(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), mm=st.floats(1.0, 400.0), deg=st.floats(1.0, 179.0), joint=st.floats(1.0, 90.0))
def test_it_is_lost_beyond_any_of_its_limits(spec, model, seed, mm, deg, joint):
    step = random_step(model, seed)
    step = step._replace(root_pos=step.ref.root_pos + 0.1 * (step.root_pos - step.ref.root_pos))
    far = 1e3 * np.linalg.norm(step.root_pos - step.ref.root_pos)
    one, two = (Rotation.from_quat(np.array(now.root_quat, float), scalar_first=True) for now in (step, step.ref))
    angle = np.rad2deg((one.inv() * two).magnitude())
    off = np.rad2deg(np.sqrt(np.mean((np.asarray(step.joint_pos) - step.ref.joint_pos) ** 2)))
    margin = min(abs(far / mm - 1), abs(angle / deg - 1), abs(off / joint - 1))
    if margin > 1e-3:
        lost = built(spec, model, max_mm=mm, max_deg=deg, max_joint_deg=joint)(step)
        assert bool(lost) == (far > mm or angle > deg or off > joint)


def test_limits_can_be_left_out_and_follow_the_animal(spec, model):
    step = step_on_reference(model, 4)
    away = step._replace(root_pos=step.root_pos + np.array([0.09, 0.0, 0.0]))
    assert not built(spec, model)(step)
    assert built(spec, model)(away)  # more than half of the 150 mm between a foot and the nose
    assert not built(spec, model, max_share=None)(away)
    larger = free_model(attrs.evolve(FREE_BODY, scale=2.0))
    assert built(spec, larger, max_mm=170.0)(away) and not built(spec, larger, max_mm=190.0)(away)
    other = step._replace(root_quat=-step.root_quat)  # the same orientation
    assert not built(spec, model, max_deg=0.5)(other)


def test_a_body_fixed_in_space_has_no_root_to_lose(spec, toy_model):
    with pytest.raises(ConfigError, match=r"terminations.root_lost = false"):
        built(spec, toy_model)
