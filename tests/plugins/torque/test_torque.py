"""The `torque` actuation: motors on the joints, and how strong they are."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
import pytest

from mimic_core import Body, BodyModel, ConfigError, Muscle
from mimic_core.chain import discover
from mimic_core.config import structure
from mimic_core.testing.toy import toy_body
from mimic_torque.motors import muscle_torque_limits
from mimic_torque.settings import Settings

HINGE = """
<mujoco><worldbody>
  <site name="above" pos="0 0 0.004"/>
  <site name="below" pos="0 0 -0.002"/>
  <body><freejoint name="root"/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/></body>
  <body>
    <joint name="hinge" type="{type}" axis="0 1 0"/>
    <inertial pos="0.005 0 0" mass="0.0005" diaginertia="2e-8 2e-8 2e-8"/>
    <site name="end" pos="0.01 0 0"/>
  </body>
</worldbody></mujoco>
"""


def torque(body, **settings):
    spec = discover().get("actuation", "torque")
    return spec.build(spec.config(**settings), body)


def hinge_body(kind: str = "hinge", **changes) -> Body:
    muscles = (
        Muscle(name="up", path=("above", "end"), max_isometric_force=0.5, operating_range=(0.8, 1.2)),
        Muscle(name="down", path=("below", "end"), max_isometric_force=0.5, operating_range=(0.8, 1.2)),
    )
    return Body(**{"name": "one", "mjcf": HINGE.format(type=kind), "muscles": muscles} | changes)


def test_limit_by_hand():
    """A straight muscle 10 mm from the hinge, fixed 4 mm from it, has at most 4 mm of moment arm: 0.5 N · 4 mm.

    The largest arm is where the muscle stands at a right angle to the line from the hinge to its fixed end. The other
    muscle always pulls the other way, so it adds nothing.
    """
    only = hinge_body(muscles=hinge_body().muscles[:1])
    assert muscle_torque_limits(only, poses=4096)["hinge"] == pytest.approx(0.5 * 0.004, rel=1e-4)
    assert muscle_torque_limits(hinge_body(), poses=4096) == muscle_torque_limits(only, poses=4096)
    twice = (*only.muscles, attrs.evolve(only.muscles[0], name="also_up"))
    assert muscle_torque_limits(hinge_body(muscles=twice), 4096)["hinge"] == pytest.approx(2 * 0.5 * 0.004, rel=1e-4)


def test_limit_is_the_stronger_direction():
    """Elbow limited to a few degrees about straight: upper arm 4 mm, lower 2 mm, never added up."""
    mjcf = HINGE.replace('axis="0 1 0"', 'axis="0 1 0" limited="true" range="-0.001 0.001"').format(type="hinge")
    body = hinge_body(mjcf=mjcf.replace("<mujoco>", '<mujoco><compiler angle="radian"/>'))
    # Distance of the hinge from the line between (0, 4 mm) and (10 mm, 0): 4 · 10 / sqrt(4^2 + 10^2) mm.
    expected = 0.5 * 0.004 * 0.010 / np.hypot(0.004, 0.010)
    assert muscle_torque_limits(body)["hinge"] == pytest.approx(expected, rel=1e-3)


def test_limits_equal_finite_differences_on_the_toy():
    """Work of the muscles against small turns, without moment arms from MuJoCo."""
    body, h = toy_body(), 1e-6
    spec = mujoco.MjSpec.from_string(body.mjcf)
    model = spec.compile()
    data = mujoco.MjData(model)

    def lengths(pose):
        data.qpos[:] = pose
        mujoco.mj_kinematics(model, data)
        points = [np.array([data.site(s).xpos for s in m.path]) for m in body.muscles]
        return np.array([np.linalg.norm(np.diff(p, axis=0), axis=1).sum() for p in points])

    force = np.array([m.max_isometric_force for m in body.muscles])
    best = np.zeros(2)
    for shoulder in np.linspace(*model.joint("shoulder").range, 41):
        for elbow in np.linspace(*model.joint("elbow").range, 41):
            pose = np.array([shoulder, elbow])
            for j in range(2):
                step = h * np.eye(2)[j]
                pull = -force * (lengths(pose + step) - lengths(pose - step)) / (2 * h)
                best[j] = max(best[j], pull[pull > 0].sum(), -pull[pull < 0].sum())
    limits = muscle_torque_limits(body)
    assert list(limits) == ["shoulder", "elbow"]
    np.testing.assert_allclose(list(limits.values()), best, rtol=0.02)


def test_actuation_of_the_mouse():
    body = discover().get("body", "mouse_forelimb").make(None)
    actuation = torque(body)
    model = BodyModel.compile(body, actuation)
    assert (actuation.name, actuation.low, actuation.high) == ("torque", -1.0, 1.0)
    assert model.actuator_names == actuation.actuators == model.joint_names
    assert model.muscle_names == () and model.mj_model.na == 0 and model.mj_model.ntendon == 0
    np.testing.assert_array_equal(model.mj_model.actuator_ctrlrange, [[-1, 1]] * 4)
    # No muscle has more than 2 mm of moment arm about the shoulder, and the strongest six give 5.1 N.
    gear = model.mj_model.actuator_gear[:, 0]
    assert ((gear > 5e-4) & (gear < 2e-3 * 5.1)).all()
    np.testing.assert_allclose(actuation.excitation(np.array([-1.0, 0.0, 1.0])), [-1, 0, 1])
    np.testing.assert_array_equal(gear, list(muscle_torque_limits(body).values()))


def test_excitation_gives_its_share_of_the_limit_and_no_more():
    body = attrs.evolve(toy_body(), torque_limits={"shoulder": 2e-3, "elbow": 1e-3})
    model = BodyModel.compile(body, torque(body, torque_scale=2.0)).mj_model
    data = mujoco.MjData(model)
    for excitation, force in (([0.5, -1.0], [2e-3, -2e-3]), ([3.0, -3.0], [4e-3, -2e-3])):
        data.ctrl = excitation
        mujoco.mj_forward(model, data)
        np.testing.assert_allclose(data.qfrc_actuator, force, rtol=1e-12)


def test_given_limits_come_before_the_muscles():
    muscles = muscle_torque_limits(toy_body())
    body = attrs.evolve(toy_body(), torque_limits={"elbow": 0.125})
    gear = BodyModel.compile(body, torque(body)).mj_model.actuator_gear[:, 0]
    np.testing.assert_array_equal(gear, [muscles["shoulder"], 0.125])


def test_free_root_gets_no_motor():
    body = hinge_body()
    model = BodyModel.compile(body, torque(body))
    assert model.root == "root"
    assert model.actuator_names == ("hinge",)


def test_limits_are_reproducible():
    assert muscle_torque_limits(toy_body()) == muscle_torque_limits(toy_body())


# --- errors ---


def test_body_without_limits_or_muscles():
    with pytest.raises(
        ConfigError,
        match=r"body toy: no torque limit for shoulder, elbow: it has no muscles to take one from; give it \(N m\) "
        r"with --set 'actuation.torque_limits=\{\"shoulder\" = 0.1\}' .*, or in the body's torque_limits",
    ):
        torque(attrs.evolve(toy_body(), muscles=()))


def test_joint_that_no_muscle_turns():
    with pytest.raises(ConfigError, match="no torque limit for hinge: no muscle of it turns them"):
        torque(hinge_body(muscles=(attrs.evolve(hinge_body().muscles[0], path=("above", "below")),)))


def test_slide_without_limits_takes_the_arm_of_its_rest():
    """A slide along y, across a muscle in the xz plane, gets no force from it."""
    with pytest.raises(ConfigError, match="no torque limit for hinge"):
        torque(hinge_body("slide"))
    assert torque(hinge_body("slide", torque_limits={"hinge": 1.0})).actuators == ("hinge",)


def test_limits_by_name_by_pattern_and_by_weight():
    """What the settings name comes first, then the body's own, then a pattern, then the weight that is carried."""
    bare = attrs.evolve(toy_body(), muscles=(), torque_limits={"elbow": 0.2})

    def gears(**settings) -> list[float]:
        return BodyModel.compile(bare, torque(bare, **settings)).mj_model.actuator_gear[:, 0].tolist()

    assert gears(torque_limits={"*": 0.1}) == [0.1, 0.2]
    assert gears(torque_limits={"*": 0.1, "elbow": 0.3}) == [0.1, 0.3]
    # both segments lie straight: masses 0.5 and 0.4 g with their centres 5 and 15 mm from the shoulder
    by_hand = 9.81 * (0.0005 * 0.005 + 0.0004 * 0.015)
    assert gears(torque_limit_gravity=3.0) == pytest.approx([3 * by_hand, 0.2])
    with pytest.raises(ConfigError, match=r"actuation.torque_limits names joint 'kne\*', which is no hinge or slide"):
        gears(torque_limits={"kne*": 0.1})


def test_limit_for_an_unknown_joint():
    with pytest.raises(ConfigError, match=r"torque_limits names joint 'elbo', .*; did you mean elbow\?"):
        torque(attrs.evolve(toy_body(), torque_limits={"elbo": 1e-3}))


@pytest.mark.parametrize("limit", [0.0, -1e-3, float("nan")])
def test_limit_that_is_not_positive(limit):
    with pytest.raises(ConfigError, match=r"torque_limits\.elbow must be > 0 N m, got"):
        torque(attrs.evolve(toy_body(), torque_limits={"elbow": limit}))


def test_body_without_joints():
    body = Body(name="stone", mjcf="<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
    with pytest.raises(ConfigError, match="body stone: has no hinge or slide joint"):
        torque(body)


def test_muscle_through_an_unknown_site():
    body = toy_body()
    lost = attrs.evolve(body.muscles[0], path=("flexor_orign", "flexor_insertion"))
    with pytest.raises(ConfigError, match=r"passes site 'flexor_orign', .*; did you mean flexor_origin"):
        torque(attrs.evolve(body, muscles=(lost,)))


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("torque_scale", 0.0, "actuation.*torque_scale.* must be > 0"),
        ("poses", 0, "actuation.*poses.* must be >= 1"),
        ("torque_scal", 1.0, "torque_scal: unknown setting; did you mean torque_scale"),
    ],
)
def test_wrong_settings(key, value, what):
    with pytest.raises(ConfigError, match=what):
        structure({key: value}, Settings, "actuation")


# --- the toy itself ---


def test_toy_body_can_be_driven_either_way():
    for name in ("hill", "torque"):
        spec = discover().get("actuation", name)
        body = toy_body()
        model = BodyModel.compile(body, spec.build(spec.config(), body))
        assert model.joint_names == ("shoulder", "elbow")
        assert model.keypoint_names == ("shoulder", "elbow", "hand")
        assert np.isfinite(model.joint_range).all()
        assert model.mj_model.opt.timestep == 0.00125
        rng, data = np.random.default_rng(0), mujoco.MjData(model.mj_model)
        for _ in range(240):
            data.ctrl = model.actuation.excitation(rng.uniform(-1, 1, model.mj_model.nu))
            mujoco.mj_step(model.mj_model, data)
        assert np.isfinite(data.qpos).all() and not data.warning.number.any()
        assert (np.abs(data.qpos) < 2).all()
