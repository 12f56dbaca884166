"""What MuJoCo's own rules say of a model: where files are, keyframes, ball joints, roots; and limits by pattern."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
from mjcf_case import DESCRIPTION, MODEL, built

from mimic_core import BodyModel, MimicError

TETRAHEDRON = "\n".join(["v 0 0 0", "v 1 0 0", "v 0 1 0", "v 0 0 1", "f 1 3 2", "f 1 2 4", "f 1 4 3", "f 2 3 4"])
PLACES = '[keypoints]\nA = { body = "a" }\nB = { body = "b" }\n'


def described(more: str = "", places: str = PLACES) -> str:
    return f'name = "animal"\nmjcf = "model.xml"\nkeypoint_spread_mm = 8\n{more}\n{places}'


def refusal(plugins, folder: Path, model: str, description: str) -> str:
    with pytest.raises(MimicError) as e:
        built(plugins, folder, model, description)
    assert "\n" not in str(e.value)
    return str(e.value)


# --- files ---


def test_files_of_an_included_file_are_where_mujoco_looks_for_them(plugins, tmp_path):
    """Without a folder in its name a file lies beside the one that names it, whatever the main file's folders are."""
    (tmp_path / "scene").mkdir()
    (tmp_path / "bones").mkdir()
    (tmp_path / "scene" / "rock.obj").write_text(TETRAHEDRON)
    (tmp_path / "bones" / "ulna.obj").write_text(TETRAHEDRON.replace("v 1 0 0", "v 2 0 0"))
    (tmp_path / "scene" / "scene.xml").write_text('<mujoco><asset><mesh name="rock" file="rock.obj"/></asset></mujoco>')
    model = """<mujoco><include file="scene/scene.xml"/><compiler meshdir="bones"/>
    <asset><mesh name="ulna" file="ulna.obj"/></asset><worldbody>
    <body name="a"><joint/><geom type="mesh" mesh="ulna"/>
    <body name="b"><joint axis="1 0 0"/><geom type="mesh" mesh="rock"/></body></body></worldbody></mujoco>"""
    ours = BodyModel.compile(built(plugins, tmp_path, model, described())).mj_model
    theirs = mujoco.MjModel.from_xml_path(str(tmp_path / "model.xml"))
    for name in ("rock", "ulna"):
        at, to = (m.mesh(name).vertadr[0] for m in (ours, theirs))
        np.testing.assert_array_equal(ours.mesh_vert[at : at + 4], theirs.mesh_vert[to : to + 4])


def test_meshes_of_one_name_in_two_models_stay_apart(plugins, tmp_path):
    """MuJoCo keeps what it has read, by file name."""
    model = """<mujoco><asset><mesh name="bone" file="bone.obj"/></asset><worldbody><body name="a"><joint/>
    <geom type="mesh" mesh="bone"/><body name="b"><joint/><geom size="1"/></body></body></worldbody></mujoco>"""
    volumes = []
    for length in (1, 2, 1):
        (tmp_path / "bone.obj").write_text(TETRAHEDRON.replace("v 1 0 0", f"v {length} 0 0"))
        volumes.append(BodyModel.compile(built(plugins, tmp_path, model, described())).mj_model.body("a").mass[0])
    assert volumes == pytest.approx([1000 / 6, 2000 / 6, 1000 / 6])


def test_pictures_may_be_missing_with_a_remark(plugins, tmp_path):
    model = """<mujoco><asset><texture name="fur" type="2d" file="fur.png"/><texture type="skybox" file="sky.png"/>
    <texture name="plain" type="2d" builtin="flat" width="4" height="4"/>
    <material name="coat" texture="fur" rgba="1 0 0 1"/><material name="floor" texture="plain"/></asset><worldbody>
    <geom type="plane" size="1 1 1" material="floor"/><body name="a"><joint/><geom size="1" material="coat"/>
    <body name="b"><joint axis="1 0 0"/><geom size="1"/></body></body></worldbody></mujoco>"""
    body = built(plugins, tmp_path, model, described())
    assert body.remarks == ("textures left out, whose files are missing: fur, sky",)
    m = BodyModel.compile(body).mj_model
    assert [m.texture(i).name for i in range(m.ntex)] == ["plain"]
    np.testing.assert_allclose(m.mat("coat").rgba, [1, 0, 0, 1])


def test_attributes_without_a_space_are_read_as_mujoco_reads_them(plugins, tmp_path):
    text = MODEL.replace('name="mark" pos=', 'name="mark"pos=')
    body = built(plugins, tmp_path, text)
    assert body.remarks[0] == "model.xml, line 10: no space between two attributes; read as if there were one"
    assert body.mjcf == built(plugins, tmp_path, MODEL).mjcf
    mujoco.MjModel.from_xml_string(text)


# --- poses ---


def test_a_keyframe_can_be_the_reference_pose(plugins, tmp_path):
    loose = MODEL.replace('pos="0 0 0.5">', 'pos="0 0 0.5"><joint type="free" name="loose" limited="false"/>')
    keys = '<key name="bent" qpos="0.1 0.2 0.3 1 0 0 0 0.25 0.7853981633974483" ctrl="1 0"/><key name="other"/>'
    loose = loose.replace('<key name="bent" qpos="0 45" ctrl="1 0"/>', keys)

    def pose(**settings: str) -> np.ndarray:
        more = "\n".join(f"{k} = {v!r}" for k, v in settings.items())
        body = built(plugins, tmp_path, loose, DESCRIPTION.replace("[keypoints]", f"{more}\n    [keypoints]", 1))
        model = BodyModel.compile(body)
        assert ("keyframes left out: other" in body.remarks) == ("keyframe" in settings)
        own = plugins.get("actuation", "native")
        driven = BodyModel.compile(body, own.build(own.config(), body))
        np.testing.assert_array_equal(driven.reference_qpos, model.reference_qpos)
        return model.reference_qpos

    np.testing.assert_array_equal(pose(), [0, 0, 0.5, 1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(pose(keyframe="bent"), [0.1, 0.2, 0.3, 1, 0, 0, 0, 0.25, 0.7853981633974483])
    np.testing.assert_array_equal(pose(keyframe="bent", root="fixed"), [0.25, 0.7853981633974483])


def test_keyframe_that_is_not_there(plugins, tmp_path):
    description = DESCRIPTION.replace("[keypoints]", 'keyframe = "bnt"\n    [keypoints]', 1)
    assert refusal(plugins, tmp_path, MODEL, description) == (
        f"{tmp_path / 'animal.toml'}: keyframe: model.xml has no keyframe 'bnt'; did you mean bent?"
    )


def test_ball_joints_stay(plugins, tmp_path):
    model = """<mujoco><worldbody><body name="a"><joint name="hip" type="ball"/><geom size="1"/>
    <body name="b"><joint name="knee"/><geom size="1"/></body></body></worldbody></mujoco>"""
    compiled = BodyModel.compile(built(plugins, tmp_path, model, described()))
    assert compiled.joint_names == ("knee",) and compiled.mj_model.nq == 5 and compiled.mj_model.nv == 4


def test_what_needs_the_free_joint_goes_with_it(plugins, tmp_path):
    model = """<mujoco><worldbody><body name="a"><freejoint name="root"/><geom size="1"/>
    <body name="b"><joint name="hip"/><geom size="1"/></body></body></worldbody>
    <actuator><motor name="lift" joint="root" gear="0 0 1 0 0 0" ctrlrange="0 1"/>
    <motor name="hip" joint="hip" ctrlrange="0 1"/></actuator>
    <sensor><user name="felt" objtype="joint" objname="root" dim="1" datatype="real" needstage="pos"/></sensor>
    </mujoco>"""
    body = built(plugins, tmp_path, model, described('root = "fixed"'))
    assert body.remarks == ("left out with the free joint root, which they need: lift, felt",)
    own = plugins.get("actuation", "native")
    assert BodyModel.compile(body, own.build(own.config(), body)).actuator_names == ("hip",)
    assert BodyModel.compile(built(plugins, tmp_path, model, described())).root == "root"


def test_couplings_stay(plugins, tmp_path):
    model = MODEL.replace("<tendon>", '<equality><joint joint1="shoulder" joint2="elbow"/></equality><tendon>')
    assert BodyModel.compile(built(plugins, tmp_path, model)).mj_model.neq == 1


# --- limits and names of muscles ---


def test_patterns_fill_the_limits_that_are_lacking(plugins, tmp_path):
    """`shoulder` has motors of 3 N m, `elbow` has nothing of its own."""
    text = DESCRIPTION.replace("elbow = 0.25", '"*" = 0.1')
    assert built(plugins, tmp_path, description=text).torque_limits == {"shoulder": 3.0, "elbow": 0.1}
    text = DESCRIPTION.replace("elbow = 0.25", '"*" = 0.1\n    "el*" = 0.4\n    shoulder = 2.0')
    assert built(plugins, tmp_path, description=text).torque_limits == {"shoulder": 2.0, "elbow": 0.1}


def test_weight_fills_the_limits_that_are_lacking(plugins, tmp_path):
    """What the elbow moves is a ball of radius 5 cm, 4 cm beside the joint, of the density of water."""
    text = DESCRIPTION.replace("[keypoints]", "torque_limit_gravity = 2\n    [keypoints]", 1).split("[torque_limits]")[
        0
    ]
    limits = built(plugins, tmp_path, description=text).torque_limits
    weight = 9.81 * 1000 * 4 / 3 * np.pi * 0.05**3
    assert limits == pytest.approx({"shoulder": 3.0, "elbow": 2 * weight * 0.04})


def test_names_of_recorded_muscles(plugins, tmp_path):
    text = DESCRIPTION + '\n    [emg_muscles]\n    Biceps = "up"\n'
    assert built(plugins, tmp_path, description=text).emg_muscles == {"biceps": "up"}
    said = refusal(plugins, tmp_path, MODEL, text.replace('"up"', '"upp"'))
    assert said.endswith("animal.toml: emg_muscles.Biceps: model.xml has no muscle 'upp'; did you mean up?")
