"""The cost of metabolic power: heat and work of one muscle, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import attrs
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import compile_body

from mimic_core.errors import ConfigError
from mimic_core.testing.checks.every import check_settings, check_summary
from mimic_core.testing.steps import floating_model, random_step
from mimic_core.testing.terms import CHECKS, TermCase
from mimic_core.testing.toy import toy_body


def build(plugins, model, **config):
    spec = plugins.get("reward", "metabolic")
    assert spec.cost
    return spec.build(spec.config(**config), model)


def step(**fields):
    return SimpleNamespace(**{k: jnp.asarray(v, float) for k, v in fields.items()})


def test_the_plugin_that_analyses_energy_offers_the_term(plugins):
    offered = plugins.provider("reward", "metabolic")
    assert offered.plugin == plugins.provider("analysis", "energetics").plugin
    check_settings(offered.record)
    check_summary(offered.record)
    assert offered.record.source and offered.record.units == "W" and offered.record.weight is None


@pytest.mark.parametrize(
    "body", [pytest.param("floating", marks=pytest.mark.conformance), pytest.param("mouse", marks=pytest.mark.slow)]
)
def test_term_conforms(plugins, mouse_model, body):
    spec = plugins.get("reward", "metabolic")
    case = TermCase("reward", spec, spec.config(), floating_model(plugins) if body == "floating" else mouse_model)
    for check in CHECKS.values():
        check(case)


def one_muscle(plugins):
    """The toy arm's flexor alone: 0.5 N, path of 5.563 to 15.932 mm, fibres of 0.7 to 1.2 times 20.74 mm."""
    body = toy_body()
    return compile_body(plugins, attrs.evolve(body, muscles=body.muscles[:1]))


@pytest.fixture(scope="module")
def flexor(plugins):
    model = one_muscle(plugins)
    (shortest, longest) = model.mj_model.actuator("flexor").lengthrange
    optimal = (longest - shortest) / 0.5
    assert optimal == pytest.approx(0.02074, rel=1e-3)

    def at(fibre=1.0, force=0.0, velocity=0.0, excitation=0.0, activation=None):
        return step(
            excitation=[excitation],
            activation=[excitation if activation is None else activation],
            muscle_force=[force],
            muscle_length=[shortest + (fibre - 0.7) * optimal],
            muscle_velocity=[velocity],
        )

    return SimpleNamespace(model=model, at=at, mass=0.5 / 250e3 * optimal * 1059.7)


def test_activation_and_maintenance_heat_by_hand(plugins, flexor):
    """Fully excited, isometric, at optimal length: 133 + 111 W/kg if all fast, 40 + 74 if all slow, of 44 mg.

    Half excited: 1 − cos 45° = 0.292893 of the fast fibres, sin 45° = 0.707107 of the slow ones.
    """
    fast, slow = (build(plugins, flexor.model, slow_twitch=s) for s in (0.0, 1.0))
    assert flexor.mass == pytest.approx(44e-6, rel=0.01)
    full, half = (flexor.at(force=0.5 * u, excitation=u) for u in (1.0, 0.5))
    assert float(fast(full)) == pytest.approx(244 * flexor.mass, rel=1e-4)
    assert float(slow(full)) == pytest.approx(114 * flexor.mass, rel=1e-4)
    assert float(fast(half)) == pytest.approx(0.292893 * 244 * flexor.mass, rel=1e-4)
    assert float(slow(half)) == pytest.approx(0.707107 * 114 * flexor.mass, rel=1e-4)
    mixed = build(plugins, flexor.model, slow_twitch=0.25)
    assert float(mixed(half)) == pytest.approx((0.75 * 0.292893 * 244 + 0.25 * 0.707107 * 114) * flexor.mass, rel=1e-4)


def test_maintenance_heat_depends_on_length(plugins, flexor):
    """Of 111 W/kg 3/4 at 0.75 optimal lengths, half at 1.25, none at 1.5; the activation heat of 133 stays."""
    term = build(plugins, flexor.model)
    for fibre, share in ((0.4, 0.5), (0.75, 0.75), (1.0, 1.0), (1.25, 0.5), (1.5, 0.0)):
        found = float(term(flexor.at(fibre=fibre, excitation=1.0)))
        assert found == pytest.approx((133 + share * 111) * flexor.mass, rel=1e-4), fibre


def test_shortening_heat_and_work_by_hand(plugins, flexor):
    """Relaxed nerve, activation 0.8, optimal length: F_iso = 0.4 N. The force is 0.2 N while it shortens at 0.1 m/s.

    Heat (0.16·0.4 + 0.18·0.2)·0.1 = 10 mW, work 0.2·0.1 = 20 mW.
    """
    term = build(plugins, flexor.model)
    assert float(term(flexor.at(force=0.2, velocity=-0.1, activation=0.8))) == pytest.approx(0.030, rel=1e-4)
    no_heat = build(plugins, flexor.model, shortening_isometric=0.0, shortening_force=0.0)
    assert float(no_heat(flexor.at(force=0.2, velocity=-0.1, activation=0.8))) == pytest.approx(0.020, rel=1e-4)


def test_lengthening_muscle_takes_up_no_energy(plugins, flexor):
    """Stretched slowly at 1 mm/s with 0.4 N, fully excited: heat less 0.157·0.4·0.001 W and work −0.4 mW.

    Stretched fast, what is absorbed exceeds the heat, and the cost is 0, not negative.
    """
    term = build(plugins, flexor.model)
    slowly = flexor.at(force=0.4, velocity=0.001, excitation=1.0)
    assert float(term(slowly)) == pytest.approx(244 * flexor.mass - 1.157 * 0.4e-3, rel=1e-4)
    assert float(term(flexor.at(force=0.4, velocity=0.5, excitation=1.0))) == 0.0


def test_passive_force_turns_over_nothing(plugins, flexor):
    """Relaxed and stretched to 1.2 optimal lengths, shortening: all of its force is passive."""
    prm = flexor.model.mj_model.actuator("flexor").biasprm[:9]
    at = flexor.at(fibre=1.2, velocity=-0.1)
    span = flexor.model.mj_model.actuator("flexor").lengthrange
    passive = -mujoco.mju_muscleBias(float(at.muscle_length[0]), span, 1.0, prm)
    assert passive > 0.05
    at.muscle_force = jnp.array([passive])
    assert float(build(plugins, flexor.model)(at)) == pytest.approx(0.0, abs=1e-6)


def test_metabolic_needs_muscles(plugins):
    with pytest.raises(
        ConfigError, match=r"rewards\.metabolic: body toy is not driven by muscles; use actuation = 'hill'"
    ):
        build(plugins, compile_body(plugins, toy_body(), "torque"))


def test_active_force_is_what_mujoco_adds_to_the_passive_one(plugins, mouse_model):
    """At rest velocity, activation times the tabulated active force and the passive one are MuJoCo's own force."""
    from mimic_energetics.metabolics import Muscles

    muscles = Muscles.of(mouse_model)
    described = {m.name: m for m in mouse_model.body.muscles}
    np.testing.assert_allclose(muscles.max_force, [described[n].max_isometric_force for n in mouse_model.muscle_names])
    m, data = mouse_model.mj_model, mujoco.MjData(mouse_model.mj_model)
    for seed in range(4):
        view = random_step(mouse_model, seed)
        data.qpos[mouse_model.joint_qposadr], data.act[:] = view.joint_pos, view.activation
        mujoco.mj_forward(m, data)
        static = muscles.static(jnp.asarray(data.actuator_length[mouse_model.muscle_ids]))
        force = static.active * view.activation[mouse_model.muscle_ids] + static.passive
        np.testing.assert_allclose(force, -data.actuator_force[mouse_model.muscle_ids], atol=2e-4)


@settings(max_examples=15, deadline=None)
@given(key=st.integers(0, 10_000))
def test_the_cost_is_not_negative(plugins, mouse_model, key):
    assert float(build(plugins, mouse_model)(random_step(mouse_model, key))) >= 0
