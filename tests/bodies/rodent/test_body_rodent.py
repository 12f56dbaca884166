"""The rat: its model as dm_control or STAC-MJX has it, and keypoints where a rat has them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import mujoco
import numpy as np
import pytest
from where import SHARED_DATA

from mimic_core import Body, BodyModel, Keypoints, MimicError
from mimic_core.chain.choose import make_body
from mimic_core.registration.method import match_keypoints

# STAC-MJX's configuration of its rat: which body of the model carries which keypoint
CARRIERS = {
    "skull": ("Snout", "EarL", "EarR"),
    "vertebra_cervical_5": ("SpineF",),
    "vertebra_1": ("SpineM",),
    "pelvis": ("SpineL", "TailBase", "HipL", "HipR"),
    **{f"scapula_{s}": (f"Shoulder{s}",) for s in "LR"},
    **{f"upper_arm_{s}": (f"Elbow{s}",) for s in "LR"},
    **{f"lower_arm_{s}": (f"Wrist{s}",) for s in "LR"},
    **{f"hand_{s}": (f"Hand{s}",) for s in "LR"},
    **{f"upper_leg_{s}": (f"Knee{s}",) for s in "LR"},
    **{f"lower_leg_{s}": (f"Ankle{s}",) for s in "LR"},
    **{f"foot_{s}": (f"Foot{s}",) for s in "LR"},
}
KEYPOINTS = [
    *("Snout", "EarL", "EarR", "SpineF", "SpineM", "SpineL", "TailBase"),
    *(f"{joint}{side}" for side in "LR" for joint in ("Shoulder", "Elbow", "Wrist", "Hand")),
    *(f"{joint}{side}" for side in "LR" for joint in ("Hip", "Knee", "Ankle", "Foot")),
]
"""In the order of the recording (STAC-MJX's KP_NAMES)."""


JOINT_OF = {
    "Shoulder": "shoulder_{}",
    "Elbow": "elbow_{}",
    "Wrist": "wrist_{}",
    "Hand": "finger_{}",
    "Hip": "hip_{}_extend",
    "Knee": "knee_{}",
    "Ankle": "ankle_{}",
    "Foot": "toe_{}",
}


def models() -> list[Path]:
    """The files that are here: that of the shared data, and that of dm_control."""
    found = [SHARED_DATA / "rodent" / "rodent.xml"]
    spec = importlib.util.find_spec("dm_control")
    if spec is not None:
        found.append(Path(spec.submodule_search_locations[0]) / "locomotion/walkers/assets/rodent.xml")
    return [path for path in found if path.is_file()]


@pytest.fixture(scope="module", params=[0, 1], ids=["shared", "dm_control"])
def file(request) -> Path:
    if request.param >= len(models()):
        pytest.skip("no such rodent.xml here: neither ../shared/data nor dm_control, or only one of them")
    return models()[request.param]


@pytest.fixture(scope="module")
def body(plugins, file) -> Body:
    return make_body(plugins, "rodent", {"mjcf": str(file)})


@pytest.fixture(scope="module")
def model(body) -> BodyModel:
    return BodyModel.compile(body)


def test_skeleton_is_the_models(model, file):
    reference, m = mujoco.MjModel.from_xml_path(str(file)), model.mj_model
    assert model.root == "root" and m.nq == 74 and len(model.joint_names) == 67
    for field in ("body_pos", "body_quat", "body_mass", "body_inertia", "geom_size"):
        np.testing.assert_array_equal(getattr(m, field), getattr(reference, field), err_msg=field)
    for joint in model.joint_names:
        np.testing.assert_array_equal(m.joint(joint).range, reference.joint(joint).range)
        np.testing.assert_array_equal(m.joint(joint).axis, reference.joint(joint).axis)


def test_keypoints_are_on_the_bodies_of_stac_mjx(model):
    m = model.mj_model
    carrier = {
        k: m.body(m.site_bodyid[s]).name for k, s in zip(model.keypoint_names, model.keypoint_site_ids, strict=True)
    }
    assert carrier == {k: body for body, keypoints in CARRIERS.items() for k in keypoints}
    assert len(carrier) == 23


def test_keypoints_are_where_a_rat_has_them(model):
    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    at = dict(zip(model.keypoint_names, data.site_xpos[model.keypoint_site_ids], strict=True))
    for left in [n for n in at if n.endswith("L") and n != "SpineL"]:
        right = at[left[:-1] + "R"]
        assert at[left][1] > 0.005  # y is left
        np.testing.assert_allclose(at[left] * (1, -1, 1), right, atol=1e-4, err_msg=left)
    x = [at[n][0] for n in ("Snout", "EarL", "SpineF", "SpineM", "SpineL", "TailBase")]
    assert x == sorted(x, reverse=True)  # x is forward
    for upper, lower in (("Shoulder", "Elbow"), ("Elbow", "Wrist"), ("Hip", "Knee"), ("Knee", "Ankle")):
        assert at[upper + "L"][2] > at[lower + "L"][2]
    # on the skin, so not at the joint, but nearer to its own joint than to the next one of the limb
    for limb in (("Shoulder", "Elbow", "Wrist", "Hand"), ("Hip", "Knee", "Ankle", "Foot")):
        anchors = {k: data.joint(JOINT_OF[k].format("L")).xanchor for k in limb}
        for k in limb:
            assert min(limb, key=lambda other, k=k: np.linalg.norm(at[k + "L"] - anchors[other])) == k
            assert np.linalg.norm(at[k + "L"] - anchors[k]) < 0.025, k


def test_keypoints_put_at_joints_are_there(model):
    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    for side in "LR":
        for keypoint in ("Hip", "Ankle", "Foot", "Hand"):
            site = model.keypoint_site_ids[model.keypoint(keypoint + side)]
            anchor = data.joint(JOINT_OF[keypoint].format(side)).xanchor
            np.testing.assert_allclose(data.site_xpos[site], anchor, atol=1e-12)


def test_motors_can_drive_it(plugins, body):
    torque = plugins.get("actuation", "torque")
    model = BodyModel.compile(body, torque.build(torque.config(), body))
    assert model.actuator_names == model.joint_names
    limits = body.torque_limits
    assert limits["knee_L"] == 0.2 and limits["hip_R_extend"] == 0.3 and limits["finger_L"] == 0.025
    data, rng = mujoco.MjData(model.mj_model), np.random.default_rng(0)
    for _ in range(50):
        data.ctrl = rng.uniform(-1, 1, model.mj_model.nu)
        mujoco.mj_step(model.mj_model, data, 10)
    assert not data.warning.number.any() and np.isfinite(data.qpos).all()


def test_its_own_servos_drive_it(plugins, body, file):
    own = plugins.get("actuation", "native")
    model, reference = BodyModel.compile(body, own.build(own.config(), body)), mujoco.MjModel.from_xml_path(str(file))
    assert len(model.actuator_names) == model.mj_model.na == 38 and not model.muscle_names
    for field in ("actuator_gainprm", "actuator_biasprm", "actuator_dynprm", "actuator_forcerange", "actuator_trntype"):
        np.testing.assert_array_equal(getattr(model.mj_model, field), getattr(reference, field), err_msg=field)
    assert (model.actuation.low == -1).all() and (model.actuation.high == 1).all()
    assert not np.any(model.actuation.resting_action)


@pytest.mark.slow
def test_it_trots_on_the_feet_that_are_found(plugins, model):
    spec = plugins.get("generator", "gait")
    config = spec.config(clips=4, frames=60, rate_hz=50.0, noise_mm=0.0, turn_deg=5.0, variation=0.25)
    walk = spec.build(config, model, 0)
    _, truth = walk.make()
    assert "4 legs (toe_L, toe_R, finger_L, finger_R)" in walk.remarks[0]
    way = np.linalg.norm(np.diff(truth.qpos[:, [0, -1], :2], axis=1)[:, 0], axis=-1)
    assert ((way > 0.1) & (way < 0.5)).all()  # 1.2 s at about 0.2 m/s
    slide, depth = (float(line.split("(")[1].split("%")[0]) for line in walk.remarks[1].split(";"))
    assert slide < 0.5 and depth < 0.5  # per cent of leg length


@pytest.mark.slow
def test_real_rat_is_registered_within_a_few_millimetres(plugins, shared_data):
    import scipy.io

    folder = shared_data / "rodent"
    positions = scipy.io.loadmat(folder / "mocap_1000_frames.mat")["pred"][:20].transpose(0, 2, 1) * 1e-3
    keypoints = Keypoints.from_clips([positions], names=KEYPOINTS, rate_hz=50.0, clip_names=["rat"])
    matched, rat = match_keypoints(keypoints, make_body(plugins, "rodent", {"mjcf": str(folder / "rodent.xml")}))
    assert len(matched.names) == 23
    stac = plugins.default("registration")
    clips = stac.build(stac.config(), rat)(matched, lambda *_: None)
    assert clips.error_summary()["mean"] < 2.0
    assert 0.7 < clips.body.scale < 1.0  # STAC-MJX's configuration says 0.9
    start = BodyModel.compile(rat).mj_model
    moved = [
        np.linalg.norm(pos - start.site(rat.keypoints[k]).pos) * clips.body.scale * 1e3
        for k, pos in clips.body.keypoint_pos.items()
    ]
    assert np.median(moved) < 10.0


def test_without_dm_control_and_without_a_file(plugins, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "dm_control" else found(name, *a))
    with pytest.raises(MimicError) as e:
        make_body(plugins, "rodent")
    assert str(e.value) == (
        "body rodent: its model comes with dm_control, which is not installed; pip install 'mimic-neuro[rodent]', "
        "or name the file: --set body.mjcf=/path/to/rodent.xml"
    )


def test_another_model_is_refused(plugins, tmp_path):
    (tmp_path / "cat.xml").write_text(
        "<mujoco><worldbody><body name='cat'><geom size='1'/></body></worldbody></mujoco>"
    )
    with pytest.raises(MimicError, match=r"body rodent: keypoints.Snout.body: cat.xml has no body 'skull'; known: cat"):
        make_body(plugins, "rodent", {"mjcf": str(tmp_path / "cat.xml")})
    with pytest.raises(MimicError, match=r"gone\.xml: no such file"):
        make_body(plugins, "rodent", {"mjcf": str(tmp_path / "gone.xml")})
