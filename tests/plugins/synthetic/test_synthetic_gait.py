"""Synthetic movements of free animals, and of bodies with couplings."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
import pytest

from mimic_core import Body, BodyModel, ConfigError
from mimic_core.chain import do
from mimic_kinematics.couplings import Couplings
from mimic_synthetic import build, build_gait, build_targets
from mimic_synthetic.gait import Walking
from mimic_synthetic.settings import Gait, Settings, Targets

LEG = """<body name="{n}" pos="{x} {y} 0"><joint name="{n}_yaw" axis="0 0 1" range="-1 1"/>
<joint name="{n}_lift" axis="1 0 0" range="-1.2 1.2"/>
<geom type="capsule" size=".003" fromto="0 0 0 0 {s}.02 .01"/><body name="{n}_tip" pos="0 {s}.02 .01">
<joint name="{n}_knee" axis="1 0 0" range="-1.2 1.2"/><geom type="capsule" size=".002" fromto="0 0 0 0 {s}.01 -.04"/>
<site name="{n}_site" pos="0 {s}.01 -.04"/></body></body>"""
LEGS = {
    f"{side}{row}": (x, y)
    for side, y in (("L", 0.02), ("R", -0.02))
    for row, x in (("1", 0.04), ("2", 0), ("3", -0.04))
}


def insect(rows="123", floor="<geom name='floor' type='plane' size='1 1 1' pos='0 0 .01'/>"):
    legs = {n: p for n, p in LEGS.items() if n[1] in rows}
    parts = "".join(LEG.format(n=n, x=x, y=y, s="-" if y < 0 else "") for n, (x, y) in legs.items())
    mjcf = (
        f"<mujoco><compiler angle='radian' autolimits='true'/><worldbody>{floor}<body name='thorax' pos='0 0 .1'>"
        f"<freejoint name='root'/><geom type='box' size='.05 .01 .008'/><site name='head' pos='.05 0 0'/>"
        f"<site name='rump' pos='-.05 0 0'/>{parts}</body></worldbody></mujoco>"
    )
    sites = {"head": "head", "rump": "rump", **{n: f"{n}_site" for n in legs}}
    return BodyModel.compile(Body(name="insect", mjcf=mjcf, keypoints=sites))


def worm(n=9, axis="0 0 1"):
    chain = "".join(
        f"<body name='b{i}' pos='-.02 0 0'><joint name='j{i}' axis='{axis}' range='-50 50' limited='true'/>"
        f"<geom type='capsule' size='.006' fromto='0 0 0 -.02 0 0'/><site name='s{i}' pos='-.01 0 0'/>"
        for i in range(n)
    )
    mjcf = (
        "<mujoco><worldbody><geom name='floor' type='plane' size='1 1 1'/><body name='head' pos='0 0 .1'><freejoint/>"
        f"<geom type='capsule' size='.006' fromto='0 0 0 -.02 0 0'/>{chain}{'</body>' * n}</body></worldbody></mujoco>"
    )
    return BodyModel.compile(Body(name="worm", mjcf=mjcf, keypoints={f"s{i}": f"s{i}" for i in range(n)}))


def contacts(model, qpos):
    """What MuJoCo's collision detection says: the deepest penetration of the floor, m."""
    m, deepest = model.mj_model, 0.0
    data = mujoco.MjData(m)
    for q in qpos.reshape(-1, m.nq):
        data.qpos[:] = q
        mujoco.mj_forward(m, data)
        floor = [c.dist for c in data.contact[: data.ncon] if m.geom("floor").id in (c.geom1, c.geom2)]
        deepest = max([deepest, *(-d for d in floor)])
    return deepest


def feet(model, qpos, names):
    """Places (frame, foot, 3) of the legs' ends."""
    data, out = mujoco.MjData(model.mj_model), []
    for q in qpos:
        data.qpos[:] = q
        mujoco.mj_kinematics(model.mj_model, data)
        out.append([data.site(f"{n}_site").xpos.copy() for n in names])
    return np.array(out)


WALK = Gait(clips=2, frames=80, rate_hz=100.0, noise_mm=0.0, gap_share=0.0)


def test_an_insect_walks_in_tripods():
    model = insect()
    walking = build_gait(attrs.evolve(WALK, clips=1, turn_deg=0.0, bob=0.0), model, 0)
    keypoints, truth = walking.make()
    assert keypoints.origin == "synthetic" and keypoints.positions.shape == (1, 80, 8, 3)
    names = sorted(LEGS)
    places = feet(model, truth.qpos[0], names)
    up = places[..., 2] - places[..., 2].min()
    speed = np.linalg.norm(np.diff(places[..., :2], axis=0), axis=-1) * 100
    root = np.linalg.norm(truth.qpos[0, -1, :2] - truth.qpos[0, 0, :2]) / 0.79
    still = speed < 0.02 * root
    tripods = [[names.index(n) for n in group] for group in (("L1", "R2", "L3"), ("R1", "L2", "R3"))]
    for group in tripods:
        assert (still[:, group] == still[:, group[:1]]).mean() > 0.97  # its three legs stand and swing together
    assert (still[:, tripods[0]].all(1) | still[:, tripods[1]].all(1)).all()  # and one of both always stands
    assert still.mean() == pytest.approx(0.6, abs=0.05)
    assert up[:-1][still].max() < 0.0005 and up.max() > 0.004
    length = 0.0391  # from hip to tip
    assert contacts(model, truth.qpos) < 0.01 * length
    line = walking.remarks[1]
    assert "slide by at most" in line and float(line.split("(")[1].split("%")[0]) < 1


@pytest.mark.parametrize("rows, floor", [("13", True), ("2", True), ("13", False)])
def test_four_legs_trot_and_two_step_in_turn(rows, floor):
    model = insect(rows) if floor else insect(rows, floor="")
    walking = build_gait(WALK, model, 3)
    _, truth = walking.make()
    legs = {leg.name.removesuffix("_tip"): leg for leg in walking.legs}
    assert set(legs) == {n for n in LEGS if n[1] in rows}
    names = [leg.name.removesuffix("_tip") for leg in walking.legs]
    places = feet(model, truth.qpos[0], names)
    moving = np.linalg.norm(np.diff(places[..., :2], axis=0), axis=-1) > 2e-4
    agree = {(a, b): (moving[:, i] == moving[:, j]).mean() for i, a in enumerate(names) for j, b in enumerate(names)}
    if rows == "13":
        assert agree["L1", "R3"] > 0.95 and agree["L3", "R1"] > 0.95 and agree["L1", "R1"] < 0.6
    else:
        assert agree["L2", "R2"] < 0.6
    low, high = model.joint_range.T
    joints = truth.qpos[..., model.joint_qposadr]
    assert (joints >= low - 1e-9).all() and (joints <= high + 1e-9).all()
    assert np.abs(np.diff(joints, axis=1)).max() < 0.3


def test_the_same_seed_walks_the_same():
    model = insect("2")
    short = attrs.evolve(WALK, noise_mm=0.1, clips=1, frames=20)
    a, b, c = (build_gait(short, model, s)() for s in (1, 1, 2))
    np.testing.assert_array_equal(a.positions, b.positions)
    assert not np.array_equal(a.positions, c.positions)


def test_a_leg_whose_ankle_follows_its_knee():
    """Couplings hold in every frame, also where inverse kinematics moves their drivers."""
    body = insect("2").body
    ankle = '<joint name="L2_ankle" axis="0 1 .3" range="-.5 .5"/><joint name="L2_knee"'
    couple = "<equality><joint joint1='L2_ankle' joint2='L2_knee' polycoef='0 .6 .2 0 0'/></equality></mujoco>"
    mjcf = body.mjcf.replace('<joint name="L2_knee"', ankle).replace("</mujoco>", couple)
    model = BodyModel.compile(attrs.evolve(body, mjcf=mjcf))
    walking = build_gait(WALK, model, 0)
    _, truth = walking.make()
    assert np.abs(Couplings.of(model.mj_model).violation(truth.qpos)).max() < 1e-12
    assert np.ptp(truth.qpos[..., model.joint_qposadr[model.joint("L2_ankle")]]) > 0.01
    assert float(walking.remarks[1].split("(")[1].split("%")[0]) < 1


def test_a_worm_crawls_along_its_path():
    model = worm()
    walking = build_gait(attrs.evolve(WALK, frames=150, rate_hz=50.0), model, 0)
    _, truth = walking.make()
    joints = truth.qpos[0][:, model.joint_qposadr]
    low, high = model.joint_range.T
    assert (joints >= low).all() and (joints <= high).all() and np.ptp(joints) > 0.5
    # the wave runs towards the tail: each joint does what the one before it did a little earlier
    lag = [
        np.argmax([np.corrcoef(joints[:100, i], joints[k : 100 + k, i + 1])[0, 1] for k in range(40)]) for i in (1, 3)
    ]
    assert all(2 < k < 38 for k in lag)
    assert contacts(model, truth.qpos) < 1e-6
    assert "slip sideways" in walking.remarks[0]
    assert float(walking.remarks[0].split("by ")[1].split("%")[0]) < 30
    moved = np.linalg.norm(truth.qpos[0, -1, :2] - truth.qpos[0, 0, :2])
    assert moved > 0.1  # three seconds, one and a half waves of 0.13 m


def test_bodies_that_do_not_suit(plugins):
    mouse = BodyModel.compile(plugins.get("body", "mouse_forelimb").make("paper"))
    with pytest.raises(ConfigError, match="fixed in space; use the generator reaches or targets"):
        Walking(Gait(), mouse, 0)
    with pytest.raises(ConfigError, match=r"no two legs .* generate.feet"):
        Walking(Gait(), worm(axis="1 0 0"), 0)
    with pytest.raises(ConfigError, match=r"generate.feet: no body 'L1_tp' .* did you mean L1_tip"):
        Walking(Gait(feet=("L1_tp", "R1_tip")), insect(), 0)
    with pytest.raises(ConfigError, match="the generator gait moves a free one"):
        build(Settings(), insect(), 0)


def test_generate_chooses_what_suits_the_body(plugins, tmp_path):
    body = insect("13").body
    (tmp_path / "insect.xml").write_text(body.mjcf)
    places = "\n".join(f'{k} = {{ site = "{s}" }}' for k, s in body.keypoints.items())
    toml = f'name = "insect"\nmodel = "insect.xml"\nkeypoint_spread_mm = 2\n[keypoints]\n{places}\n'
    (tmp_path / "insect.toml").write_text(toml)
    settings = {"body": str(tmp_path / "insect.toml"), "clips": 1, "frames": 10}
    summary = do(plugins, "generate", out=tmp_path / "k.h5", **settings)
    assert summary["generator"] == "gait" and "4 legs" in summary["remarks"][0]


def test_an_endpoint_goes_straight_to_targets(plugins):
    model = BodyModel.compile(plugins.get("body", "mouse_forelimb").make("paper"))
    reaches = build_targets(Targets(clips=4, frames=40, targets=2, endpoint="wrist", noise_mm=0.0), model, 0)
    _, truth = reaches.make()
    path = truth.site_pos[:, :, model.keypoint("wrist")]
    way = path[:, -1] - path[:, 0]
    share = np.einsum("cfi,ci->cf", path - path[:, :1], way) / (way**2).sum(-1)[:, None]
    off = path - path[:, :1] - share[..., None] * way[:, None]
    assert np.linalg.norm(off, axis=-1).max() < 0.01 * np.linalg.norm(way, axis=-1).min()
    low, high = model.joint_range.T
    joints = truth.qpos[..., model.joint_qposadr]
    assert (joints >= low - 1e-9).all() and (joints <= high + 1e-9).all()
    assert "wrist reaches" in reaches.remarks[-1]
    with pytest.raises(ConfigError, match="no keypoint 'wrst'"):
        build_targets(Targets(endpoint="wrst"), model, 0)


def test_reaches_of_a_body_with_couplings():
    """A dependent joint follows, needs no range of its own, and stays within one that it has."""
    mjcf = """<mujoco><worldbody><body><joint name="a" axis="0 1 0" range="-90 90" limited="true"/>
    <geom size=".01"/><site name="s0" pos=".1 0 0"/><body pos=".1 0 0">
    <joint name="b" axis="0 1 0"/><geom size=".01"/><site name="s1" pos=".1 0 0"/><body pos=".1 0 0">
    <joint name="c" axis="0 1 0" range="-20 20" limited="true"/><geom size=".01"/><site name="s2" pos=".1 0 0"/>
    </body></body></body></worldbody><equality><joint joint1="b" joint2="a" polycoef="0 .5 .3 0 0"/>
    <joint joint1="c" joint2="b" polycoef="0 1 0 0 0"/></equality></mujoco>"""
    model = BodyModel.compile(Body(name="arm", mjcf=mjcf, keypoints={f"k{i}": f"s{i}" for i in range(3)}))
    for make in (build(Settings(clips=4), model, 0), build_targets(Targets(clips=2, frames=20), model, 0)):
        _, truth = make.make()
        assert np.abs(Couplings.of(model.mj_model).violation(truth.qpos)).max() < 1e-12
        assert np.abs(np.rad2deg(truth.qpos[..., 2])).max() < 20.001 and np.ptp(truth.qpos[..., 1]) > 0.01
        assert any("range narrowed" in r for r in make.remarks)
