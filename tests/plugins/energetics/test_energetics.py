"""The energetics analysis: work by hand, and energy that is neither lost nor won."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse, training_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import DataError, PluginError
from mimic_core.chain import discover
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_core.testing.toy import toy_body
from mimic_energetics.analysis import energetics
from mimic_energetics.energy import balance, compiled, joint_work, metabolic, muscle_work, work
from mimic_energetics.settings import Settings

RATE = 400.0


@pytest.fixture(scope="module")
def training():
    return training_of()


@pytest.fixture(scope="module")
def still(training, toy_model):
    """The toy arm at rest, its muscles at optimal length, without force: 41 and 21 entries."""
    r = synthetic_rollouts((41, 21), joints=("shoulder",))
    muscles = toy_model.muscle_names

    def fill(value):  # two muscles, two joints
        a = np.full((2, 41, 2), value, float)
        a[1, 21:] = np.nan
        return a

    from mimic_energetics.metabolics import Muscles

    of = Muscles.of(toy_model)
    optimal = of.shortest + (1.0 - of.lowest) * of.optimal_length
    joints = toy_model.joint_names
    return attrs.evolve(
        r,
        joint_names=joints,
        actuator_names=muscles,
        muscle_names=muscles,
        **{k: fill(0.0) for k in ("qpos", "qvel", "joint_pos", "joint_vel", "joint_force")},
        **{k: fill(0.0) for k in ("ref_joint_pos", "ref_joint_vel")},
        **{k: fill(0.0) for k in ("action", "excitation", "activation", "muscle_force", "muscle_velocity")},
        muscle_length=fill(0.0) + optimal,
        body=toy_body(),
        training=training,
    )


def with_muscle(rollouts, name, **values):
    """The same with other values of one muscle."""
    changed = {}
    for field, value in values.items():
        a = getattr(rollouts, field).copy()
        names = rollouts.actuator_names if field in ("excitation", "activation") else rollouts.muscle_names
        i = names.index(name)
        a[..., i] = np.where(np.isfinite(a[..., i]), value, np.nan)
        changed[field] = a
    return attrs.evolve(rollouts, **changed)


# -- work -----------------------------------------------------------------------------------------------------


def test_constant_force_at_constant_velocity(still):
    """0.2 N shortening at 10 mm/s: 2 mW; for 100 ms 200 µJ, for 50 ms 100 µJ. The other lengthens: −4 mW."""
    r = with_muscle(still, "flexor", muscle_force=0.2, muscle_velocity=-0.01)
    r = with_muscle(r, "extensor", muscle_force=0.1, muscle_velocity=0.04)
    metrics = analyse("energetics", rollouts=r).metrics
    flexor, extensor = (metrics["muscles"][m] for m in ("flexor", "extensor"))
    assert flexor["positive_uJ"] == pytest.approx((200 + 100) / 2, rel=1e-6)
    assert (flexor["negative_uJ"], extensor["positive_uJ"]) == (0, 0)
    assert extensor["negative_uJ"] == pytest.approx(-(400 + 200) / 2, rel=1e-6)
    assert flexor["peak_mW"] == pytest.approx(2.0, rel=1e-6)
    assert metrics["work_uJ"]["net"]["mean"] == pytest.approx(-150, rel=1e-6)
    assert metrics["peak_power_mW"]["mean"] == pytest.approx(-2.0, rel=1e-6)


def test_reaches_are_listed_with_how_long_they_last(still):
    r = with_muscle(still, "flexor", muscle_force=0.2, muscle_velocity=-0.01)
    table = analyse("energetics", rollouts=r).tables["reaches"]
    first, second = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (first["time (ms)"], second["time (ms)"]) == pytest.approx((100, 50))
    assert (first["net (µJ)"], second["net (µJ)"]) == pytest.approx((200, 100))


def test_a_sine_of_power_by_the_trapezoidal_rule():
    """∫ max(0, sin) over a period of 1 s is 1/π; the negative part mirrors it."""
    t = np.arange(401) / RATE
    found = work(np.sin(2 * np.pi * t)[None, :, None], RATE)
    assert found.positive[0, 0] == pytest.approx(1 / np.pi, rel=1e-4)
    assert found.negative[0, 0] == pytest.approx(-1 / np.pi, rel=1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_positive_and_negative_make_up_the_net(seed):
    power = np.random.default_rng(seed).standard_normal((2, 30, 3))
    power[1, 20:] = np.nan
    found = work(power, RATE)
    expected = [np.trapezoid(power[0], dx=1 / RATE, axis=0), np.trapezoid(power[1, :20], dx=1 / RATE, axis=0)]
    np.testing.assert_allclose(found.net, expected, atol=1e-12)
    assert (found.positive >= 0).all() and (found.negative <= 0).all()


def test_muscles_and_joints_agree_on_synthetic_rollouts():
    """The muscles of the planar chain have constant moment arms: force times velocity is torque times velocity."""
    r = synthetic_rollouts((60, 40))
    muscles, joints = muscle_work(r), joint_work(r)
    np.testing.assert_allclose(muscles.net.sum(axis=1), joints.net.sum(axis=1), rtol=1e-9)


# -- metabolic energy -----------------------------------------------------------------------------------------


def mass_of(model, name):
    from mimic_energetics.metabolics import Muscles

    of, i = Muscles.of(model), model.muscle(name)
    return of.max_force[i] / 250e3 * of.optimal_length[i] * 1059.7


def test_isometric_heat_by_hand(still, toy_model):
    """Fully excited at optimal length: 133 + 111 W/kg for 100 and 50 ms, of the flexor's 44 mg."""
    r = with_muscle(still, "flexor", excitation=1.0, activation=1.0, muscle_force=0.5)
    result = analyse("energetics", rollouts=r)
    metrics = result.metrics
    expected = 1e6 * 244 * mass_of(toy_model, "flexor") * 0.075
    assert metrics["muscles"]["flexor"]["metabolic_uJ"] == pytest.approx(expected, rel=1e-3)
    assert metrics["muscles"]["extensor"]["metabolic_uJ"] == pytest.approx(0.0, abs=1e-3)
    assert metrics["efficiency"]["mean"] == 0.0
    headline, _ = result.headlines
    assert headline.value == metrics["metabolic_uJ"]["mean"] and headline.unit == "µJ"


def test_efficiency_by_hand(still):
    """Relaxed nerve, F_iso 0.4 N, 0.2 N at 0.1 m/s: work 20 mW, heat 10 mW, so 2/3."""
    r = with_muscle(still, "flexor", activation=0.8, muscle_force=0.2, muscle_velocity=-0.1)
    assert analyse("energetics", rollouts=r).metrics["efficiency"]["mean"] == pytest.approx(2 / 3, rel=1e-3)


def test_excitation_counts_for_its_own_step(still, plugins):
    """Excited during one control step of 40 in the first clip only: a single entry of power, at that step."""
    excitation = still.excitation.copy()
    excitation[:, 0] = np.nan
    excitation[0, 7, still.actuator_names.index("flexor")] = 1.0
    r = attrs.evolve(still, excitation=excitation)
    power = metabolic(r, compiled(r, plugins), Settings().constants)[..., r.muscle_names.index("flexor")]
    assert power.shape == (2, 40)
    assert np.flatnonzero(power[0] > 1e-6).tolist() == [6]
    assert np.isnan(power[1, 20:]).all() and np.isfinite(power[1, :20]).all()


def test_settings_reach_the_model(still):
    r = with_muscle(still, "flexor", excitation=1.0, activation=1.0, muscle_force=0.5)
    of = lambda **s: analyse("energetics", Settings(**s), rollouts=r).metrics["metabolic_uJ"]["mean"]  # noqa: E731
    assert of(specific_tension=125e3) == pytest.approx(2 * of(), rel=1e-3)
    assert of(slow_twitch=1.0) / of() == pytest.approx(114 / 244, rel=1e-3)


def test_the_constants_have_the_defaults_of_the_model():
    from mimic_energetics.metabolics import Metabolic

    assert Settings().constants == Metabolic()


# -- balance --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moved(plugins, training, toy_model):
    """The toy arm moved by its muscles in MuJoCo for 100 ms, inside its joints' ranges."""
    import mujoco

    m, data = toy_model.mj_model, mujoco.MjData(toy_model.mj_model)
    data.qpos[toy_model.joint_qposadr] = np.deg2rad([0.0, -40.0])
    control = lambda i: np.array([0.3 + 0.2 * np.sin(i / 5), 0.25])  # noqa: E731
    per_entry = round(1 / RATE / m.opt.timestep)
    entries = []
    for i in range(41):
        mujoco.mj_forward(m, data)
        entries.append(
            [
                x.copy()
                for x in (
                    data.qpos,
                    data.qvel,
                    data.qfrc_actuator,
                    data.act,
                    -data.actuator_force,
                    data.actuator_length,
                    data.actuator_velocity,
                )
            ]
        )
        data.ctrl[:] = control(i)
        for _ in range(per_entry):
            mujoco.mj_step(m, data)
    qpos, qvel, torque, act, force, length, velocity = (np.array(x)[None] for x in zip(*entries, strict=True))
    low, high = toy_model.joint_range.T
    assert ((low < qpos) & (qpos < high)).all(), "a joint reached its limit"
    return attrs.evolve(
        synthetic_rollouts((41,), joints=("shoulder",)),
        joint_names=toy_model.joint_names,
        actuator_names=toy_model.actuator_names,
        muscle_names=toy_model.muscle_names,
        qpos=qpos,
        qvel=qvel,
        joint_pos=qpos,
        joint_vel=qvel,
        ref_joint_pos=qpos,
        ref_joint_vel=qvel,
        joint_force=torque,
        action=act,
        excitation=np.array([[control(i - 1) for i in range(41)]]),
        activation=act,
        muscle_force=force,
        muscle_length=length,
        muscle_velocity=velocity,
        body=toy_body(),
        training=training,
    )


def test_work_is_what_the_body_stores_and_damps(moved, plugins):
    """Nothing touches a limit: the muscles' work becomes kinetic and potential energy and heat in the joints."""
    muscles, of_body = muscle_work(moved), balance(moved, compiled(moved, plugins))
    assert np.abs(muscles.net).sum() > 1e-6
    expected = of_body.stored + of_body.damped
    np.testing.assert_allclose(muscles.net.sum(axis=1), expected, atol=0.02 * muscles.positive.sum())
    np.testing.assert_allclose(joint_work(moved).net.sum(axis=1), muscles.net.sum(axis=1), rtol=1e-6)


def test_the_work_of_reserves_is_told_apart(moved):
    """A reserve that gives 1e-3 N·m does 1e-3 J for each rad; muscles and joints keep their numbers."""
    reserve = np.where(np.isfinite(moved.joint_force), 1e-3, np.nan)
    more = attrs.evolve(moved, joint_force=moved.joint_force + reserve, reserve_force=reserve)
    plain, found = (analyse("energetics", rollouts=r) for r in (moved, more))
    assert found.metrics["work_uJ"]["net"]["mean"] == pytest.approx(plain.metrics["work_uJ"]["net"]["mean"])
    turned = np.array([q[n - 1] - q[0] for q, n in zip(moved.joint_pos, moved.n_steps, strict=True)]).sum(axis=1)
    assert found.metrics["reserves_uJ"]["net"] == pytest.approx(1e6 * 1e-3 * turned.mean(), rel=0.01)
    rest = [r.metrics["balance_uJ"]["rest"] for r in (plain, found)]
    assert rest[1] == pytest.approx(rest[0] + found.metrics["reserves_uJ"]["net"])
    assert "reserves" in found.tables and "reserves" not in plain.tables
    for name, of in plain.metrics["joints"].items():
        assert found.metrics["joints"][name] == pytest.approx(of, rel=1e-5, abs=1e-9)


def test_result_is_complete(moved):
    """All figures have captions; the muscles' rows add up to the last one; positive work costs more than itself."""
    result = analyse("energetics", rollouts=moved)
    assert set(result.figures) == set(result.captions)
    table = result.tables["work"]
    for column in ("positive (µJ)", "negative (µJ)", "net (µJ)", "metabolic (µJ)"):
        *parts, whole = (row[table.columns.index(column)] for row in table.rows)
        assert sum(parts) == pytest.approx(whole)
    balanced = result.metrics["balance_uJ"]
    assert balanced["net_work"] == pytest.approx(balanced["stored"] + balanced["damped"] + balanced["rest"])
    assert "Bhargava" in result.methods


def test_several_have_intervals(moved):
    harder = attrs.evolve(moved, muscle_force=1.5 * moved.muscle_force)
    net = analyse("energetics", rollouts=(moved, harder)).metrics["work_uJ"]["net"]
    one = analyse("energetics", rollouts=moved).metrics["work_uJ"]["net"]["mean"]
    assert net["mean"] == pytest.approx(1.25 * one)
    assert net["low"] < net["mean"] < net["high"]


TWICE_AS_STRONG = """
import attrs
from mimic_core import ActuationSpec, hookimpl
from mimic_core.chain import discover

HILL = discover().get("actuation", "hill")

@hookimpl
def mimic_actuations():
    def build(config, body):
        return HILL.build(attrs.evolve(config, force_scale=2.0 * config.force_scale), body)

    yield ActuationSpec(name="hill", config=HILL.config, build=build)
"""


def test_the_preferred_plugin_makes_the_muscles(still, tmp_path):
    """Two plugins offer `hill`; the one that is preferred makes them twice as strong, so twice as heavy."""
    excited = with_muscle(still, "flexor", excitation=1.0, activation=1.0, muscle_force=0.5)
    (tmp_path / "strong.py").write_text(TWICE_AS_STRONG)
    plugins = discover()
    usual = plugins.provider("actuation", "hill").plugin
    plugins.load_file(tmp_path / "strong.py")
    with pytest.raises(PluginError, match="actuation 'hill' is provided by"):
        analyse("energetics", rollouts=excited, plugins=plugins)
    found = {
        chosen: analyse("energetics", rollouts=excited, plugins=plugins.preferring({"actuation.hill": chosen})).metrics
        for chosen in (usual, "file:strong.py")
    }
    weak, strong = (of["metabolic_uJ"]["mean"] for of in found.values())
    assert strong == pytest.approx(2 * weak, rel=1e-3)


# -- what cannot be done --------------------------------------------------------------------------------------


def test_muscles_need_the_body(still, plugins):
    with pytest.raises(DataError, match="hold no body, which tells the size of the muscles; make them again with 'mim"):
        analyse("energetics", rollouts=attrs.evolve(still, body=None))
    with pytest.raises(DataError, match="hold no plan of the training run"):
        analyse("energetics", rollouts=attrs.evolve(still, training=None))
    renamed = attrs.evolve(still, muscle_names=("a", "b"))
    with pytest.raises(DataError, match="their muscles are a, b, but their body has flexor, extensor"):
        compiled(renamed, plugins)


def test_torques_have_joint_work_alone(plugins):
    """0.002 N·m at 3 rad/s: 6 mW, for 100 ms 600 µJ."""
    r = synthetic_rollouts((41,), joints=("shoulder",))
    none = np.zeros((1, 41, 0))
    r = attrs.evolve(
        r,
        muscle_names=(),
        actuator_names=("shoulder",),
        joint_force=np.full((1, 41, 1), 0.002),
        joint_vel=np.full((1, 41, 1), 3.0),
        **{k: np.zeros((1, 41, 1)) for k in ("action", "excitation", "activation")},
        muscle_force=none,
        muscle_length=none,
        muscle_velocity=none,
    )
    result = analyse("energetics", rollouts=r)
    assert result.metrics["joints"]["shoulder"]["positive_uJ"] == pytest.approx(600)
    assert not {"metabolic_uJ", "efficiency", "muscles", "balance_uJ"} & set(result.metrics)
    assert result.tables["work"].columns[0] == "joint" and "metabolic" not in result.methods.lower()


@pytest.mark.parametrize("field", ["joint_vel", "muscle_force", "muscle_length"])
def test_what_is_missing_inside_a_clip_is_not_no_energy(still, plugins, field):
    values = getattr(still, field).copy()
    values[1, 5:] = np.nan
    broken = attrs.evolve(still, **{field: values})
    with pytest.raises(DataError, match=f"{field} is missing in 16 of the 21 steps of clip {still.clip_names[1]}"):
        energetics(broken, Settings(), plugins)
