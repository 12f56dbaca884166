"""Bodies from MJCF files: what is kept to the last digit, what is left out, where keypoints come to lie."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import mujoco
import numpy as np
import pytest
from mjcf_case import DESCRIPTION, MODEL, built, write

from mimic_core import Body, BodyModel, Description, MimicError, Place
from mimic_core.chain.choose import make_body, parse_body
from mimic_core.config import structure
from mimic_core.files import to_json
from mimic_core.plugins.manager import Plugins
from mimic_core.testing import check_component
from mimic_core.testing.toy import toy_body
from mimic_mjcf.importer import read


def described(*keypoints: str, **settings: str) -> str:
    lines = [f"{key} = {value}" for key, value in {"keypoint_spread_mm": "8", **settings}.items()]
    return "\n".join(['name = "animal"', 'mjcf = "model.xml"', *lines, "[keypoints]", *keypoints])


def refusal(plugins: Plugins, folder: Path, model: str = MODEL, description: str = DESCRIPTION) -> str:
    with pytest.raises(MimicError) as e:
        built(plugins, folder, model, description)
    assert "\n" not in str(e.value)
    return str(e.value)


# --- what is kept ---


def test_numbers_are_kept_exactly(plugins, tmp_path):
    model = BodyModel.compile(built(plugins, tmp_path)).mj_model
    reference = mujoco.MjModel.from_xml_string(MODEL)
    for field in (
        "body_pos",
        "body_quat",
        "body_mass",
        "body_inertia",
        "geom_size",
        "jnt_range",
        "jnt_pos",
        "jnt_axis",
    ):
        np.testing.assert_array_equal(getattr(model, field), getattr(reference, field), err_msg=field)
    assert model.geom_size[1, 0] == 0.1234567890123
    assert model.geom("floor").type == mujoco.mjtGeom.mjGEOM_PLANE and model.ntendon == 1


def test_integration_is_the_models(plugins, tmp_path):
    opt = BodyModel.compile(built(plugins, tmp_path)).mj_model.opt
    assert (opt.timestep, opt.iterations, opt.ls_iterations) == (0.002, 7, 9)
    assert opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST and opt.solver == mujoco.mjtSolver.mjSOL_NEWTON


def test_actuators_are_kept_beside_the_skeleton(plugins, tmp_path):
    body = built(plugins, tmp_path)
    model = BodyModel.compile(body).mj_model
    assert model.nu == model.nkey == 0
    assert [mujoco.mjtSensor(t).name for t in model.sensor_type] == ["mjSENS_JOINTPOS"]
    assert body.remarks == ("keyframes left out: bent", "left out, since they read actuators: actuatorfrc")
    # the model's defaults for actuators would hold mimic's own to 3 N m, with a filter
    torque = plugins.get("actuation", "torque")
    driven = BodyModel.compile(body, torque.build(torque.config(), body)).mj_model
    assert driven.nu == 2 and driven.na == 0 and not driven.actuator_forcelimited.any()
    own = plugins.get("actuation", "native")
    model, reference = BodyModel.compile(body, own.build(own.config(), body)), mujoco.MjModel.from_xml_string(MODEL)
    assert model.actuator_names == ("up", "down")
    np.testing.assert_array_equal(model.mj_model.actuator_gear, reference.actuator_gear)


def test_body_comes_back_the_same_from_a_file(plugins, tmp_path):
    body = built(plugins, tmp_path)
    assert structure(json.loads(json.dumps(to_json(body))), Body, "body") == body


def test_what_has_no_name_gets_one(plugins, tmp_path):
    model = """<mujoco><worldbody><body><freejoint/><geom size="1"/><site name="s"/>
    <body name="arm"><joint/><joint axis="1 0 0"/><geom size="1"/></body></body></worldbody></mujoco>"""
    body = built(plugins, tmp_path, model, described('A = { site = "s" }', 'B = { body = "arm", pos = [1, 0, 0] }'))
    compiled = BodyModel.compile(body)
    assert compiled.root == "root" and compiled.joint_names == ("arm_joint", "arm_joint_2")
    assert compiled.mj_model.body(1).name == "body"


# --- keypoints ---


def place(model: BodyModel, keypoint: str, angles: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    data = mujoco.MjData(model.mj_model)
    data.qpos[model.joint_qposadr] = angles
    mujoco.mj_kinematics(model.mj_model, data)
    return data.site_xpos[model.keypoint_site_ids[model.keypoint(keypoint)]]


def carrier(model: BodyModel, keypoint: str) -> str:
    m = model.mj_model
    return m.body(m.site_bodyid[model.keypoint_site_ids[model.keypoint(keypoint)]]).name


def test_keypoints_by_hand(plugins, tmp_path):
    """`upper` is turned by 90° about y, so its x points down; `lower` by another 90° about x of that."""
    keypoints = (
        'Back = { body = "trunk", pos = [0.1, 0.2, 0.3] }',
        'Origin = { body = "lower" }',
        'Mark = { site = "mark" }',
        'Elbow = { joint = "elbow" }',
        'ElbowBelow = { joint = "elbow", body = "lower" }',
    )
    model = BodyModel.compile(built(plugins, tmp_path, description=described(*keypoints)))
    assert model.body.keypoint_spread == pytest.approx(0.008)
    expected = {
        "Back": ("trunk", [0.1, 0.2, 0.8]),
        "Origin": ("lower", [0.3, 0.0, 0.3]),
        "Mark": ("trunk", [0.01, 0.02, 0.53]),
        "Elbow": ("upper", [0.34, 0.0, 0.3]),
        "ElbowBelow": ("lower", [0.34, 0.0, 0.3]),
    }
    for keypoint, (body, pos) in expected.items():
        assert carrier(model, keypoint) == body
        np.testing.assert_allclose(place(model, keypoint), pos, atol=1e-12, err_msg=keypoint)
    # a joint's anchor is where both of its segments meet, however it is turned
    np.testing.assert_allclose(place(model, "Elbow", (0.3, 1.0)), place(model, "ElbowBelow", (0.3, 1.0)), atol=1e-12)
    assert not np.allclose(place(model, "Origin"), place(model, "Origin", (0.0, 1.0)), atol=1e-3)


def test_keypoint_at_a_joint_on_the_world_moves_with_the_body(plugins, tmp_path):
    model = """<mujoco><worldbody><body name="arm" pos="1 0 0"><joint name="j" pos="0.5 0 0"/><geom size="1"/></body>
    </worldbody></mujoco>"""
    body = built(plugins, tmp_path, model, described('A = { joint = "j" }', 'B = { joint = "j", body = "world" }'))
    compiled = BodyModel.compile(body)
    assert (carrier(compiled, "A"), carrier(compiled, "B")) == ("arm", "world")
    np.testing.assert_allclose(compiled.mj_model.site_pos, [[1.5, 0, 0], [0.5, 0, 0]], atol=1e-12)


def test_site_of_the_model_stays_where_it_is(plugins, tmp_path):
    body = built(plugins, tmp_path, MODEL, described('keypoint_A = { site = "mark" }', 'B = { body = "upper" }'))
    assert "mark" not in body.keypoints.values()
    names = [s.name for s in body.spec().sites]
    assert "mark" in names and len(names) == 3


# --- torque limits ---


def test_torque_limits_of_motors_by_hand(plugins, tmp_path):
    """Upward 2·1, downward 3·1: the larger; the description's own comes first."""
    assert built(plugins, tmp_path).torque_limits == {"shoulder": 3.0, "elbow": 0.25}


def test_torque_limits_through_a_tendon_by_hand(plugins, tmp_path):
    """At most 4 N on the tendon, times 1.5 (gear), times 0.5 and 2 (coefficients), beside a motor's 3 N m."""
    servo = '<general tendon="both" gear="1.5" biastype="affine" biasprm="0 -1" forcerange="-4 4"/>'
    model = MODEL.replace("<actuator>", f"<actuator>{servo}")
    body = built(plugins, tmp_path, model, DESCRIPTION.split("[torque_limits]")[0])
    assert body.torque_limits == pytest.approx({"shoulder": 3 + 3, "elbow": 12})


def test_muscles_and_boundless_actuators_give_no_limit(plugins, tmp_path):
    model = MODEL[: MODEL.index("<actuator>")] + (
        '<actuator><muscle joint="shoulder" lengthrange="0 1"/>'
        '<general joint="elbow" dyntype="none" forcerange="0 0"/></actuator></mujoco>'
    )
    assert built(plugins, tmp_path, model, DESCRIPTION.split("[torque_limits]")[0]).torque_limits == {}


# --- root ---


def test_root(plugins, tmp_path):
    def root(setting: str, model: str = MODEL) -> str | None:
        text = described('A = { body = "trunk" }', 'B = { body = "lower" }', root=f'"{setting}"')
        return BodyModel.compile(built(plugins, tmp_path, model, text)).root

    loose = MODEL.replace('pos="0 0 0.5">', 'pos="0 0 0.5"><joint type="free" name="loose" limited="false"/>')
    assert [root(s) for s in ("model", "free", "fixed")] == [None, "root", None]
    loose = loose.replace('qpos="0 45"', 'qpos="0 0 0 1 0 0 0 0 45"')
    assert [root(s, loose) for s in ("model", "free", "fixed")] == ["loose", "loose", None]


def test_first_body_with_joints_cannot_be_freed(plugins, tmp_path):
    said = refusal(
        plugins,
        tmp_path,
        '<mujoco><worldbody><body name="cart"><joint/><geom size="1"/></body></worldbody></mujoco>',
        described('A = { body = "cart" }', 'B = { joint = "cart_joint" }', root='"free"'),
    )
    assert "joints of its own on the first body 'cart', so it cannot be given a free joint" in said


# --- files beside the model ---

TETRAHEDRON = "\n".join(["v 0 0 0", "v 1 0 0", "v 0 1 0", "v 0 0 1", "f 1 3 2", "f 1 2 4", "f 1 4 3", "f 2 3 4"])


def png() -> bytes:
    """One grey dot."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header, dots = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0), zlib.compress(b"\0\x80\x80\x80")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", dots) + chunk(b"IEND", b"")


def test_included_files_meshes_and_textures_are_packed(plugins, tmp_path):
    for name in ("parts", "bones/left", "bones/right", "paint"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "bones/left/ulna.obj").write_text(TETRAHEDRON)
    (tmp_path / "bones/right/ulna.obj").write_text(TETRAHEDRON.replace("v 1 0 0", "v 2 0 0"))
    (tmp_path / "paint/fur.png").write_bytes(png())
    (tmp_path / "parts/assets.xml").write_text(
        """<mujocoinclude><compiler meshdir="bones" texturedir="paint"/><include file="more.xml"/><asset>
        <mesh file="left/ulna.obj"/><mesh name="right" file="right/ulna.obj"/><mesh name="again" file="left/ulna.obj"/>
        <texture type="2d" file="fur.png"/></asset></mujocoinclude>"""
    )
    (tmp_path / "parts/more.xml").write_text('<mujoco><asset><skin name="s" file="absent.skn"/></asset></mujoco>')
    model = """<mujoco><include file="parts/assets.xml"/><worldbody><body name="a">
    <geom type="mesh" mesh="ulna"/><joint name="j"/><body name="b" pos="0 0 3"><joint/>
    <geom type="mesh" mesh="right"/></body></body></worldbody></mujoco>"""
    body = built(plugins, tmp_path, model, described('A = { joint = "j" }', 'B = { body = "b" }'))
    stems = [name.rpartition("_")[0] for name in sorted(body.assets)]
    assert stems == ["fur", "ulna", "ulna"] and len(set(body.assets)) == 3
    again = structure(json.loads(json.dumps(to_json(body))), Body, "body")
    for file in [p for p in tmp_path.rglob("*") if p.is_file()]:
        file.unlink()
    model = BodyModel.compile(again).mj_model
    assert [model.mesh(i).name for i in range(3)] == ["ulna", "right", "again"]
    assert model.texture(0).name == "fur" and model.nskin == 0
    left, right = (np.ptp(model.mesh_vert[i : i + 4], axis=0).max() for i in model.mesh_vertadr[:2])
    assert left < 1.5 < right


@pytest.mark.parametrize(
    ("compiler", "file"),
    [
        ('assetdir="all"', "all/x.obj"),
        ('assetdir="all" meshdir="own"', "own/x.obj"),
        ('strippath="true"', "x.obj"),
        ("", "sub/x.obj"),
    ],
)
def test_folders_of_files_are_those_of_mujoco(plugins, tmp_path, compiler, file):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TETRAHEDRON)
    named = "sub/x.obj" if "assetdir" not in compiler else "x.obj"
    model = f"""<mujoco><compiler {compiler}/><asset><mesh name="x" file="{named}"/></asset><worldbody>
    <body name="a"><joint/><geom type="mesh" mesh="x"/></body></worldbody></mujoco>"""
    body = built(plugins, tmp_path, model, described('A = { body = "a" }', 'B = { body = "world" }'))
    reference = mujoco.MjModel.from_xml_path(str(tmp_path / "model.xml"))
    np.testing.assert_array_equal(BodyModel.compile(body).mj_model.mesh_vert, reference.mesh_vert)


def test_model_in_an_installed_package(plugins, tmp_path, monkeypatch):
    package = tmp_path / "site" / "my_models"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (package / "data" / "m.xml").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    text = DESCRIPTION.replace("model.xml", "package:my_models/data/m.xml")
    assert built(plugins, tmp_path, description=text).name == "animal"
    said = refusal(plugins, tmp_path, description=text.replace("my_models", "my_modls"))
    assert said == (
        f"{tmp_path / 'animal.toml'}: its model comes with my_modls, which is not installed; install it, or name the "
        "file: --set body.mjcf=/path/to/m.xml"
    )
    said = refusal(plugins, tmp_path, description=text.replace("data/m", "old/m"))  # of a version with other folders
    assert "my_models, which as installed lacks old/m.xml; install another version, or name the file: --set" in said


# --- mistakes ---

BAD_DESCRIPTIONS = {
    "left out": (
        'animal.toml: names no model; add model = "FILE", its ending one of .mjcf (mjcf), .osim (osim), .xml (mjcf)',
        DESCRIPTION.replace('mjcf = "model.xml"', ""),
    ),
    "misspelt key": (
        "animal.toml: keypoint_spred_mm: unknown setting; did you mean keypoint_spread_mm",
        DESCRIPTION.replace("[keypoints]", "keypoint_spred_mm = 3\n    [keypoints]"),
    ),
    "misspelt key of a keypoint": (
        "animal.toml: keypoints.Elbow.jont: unknown setting; did you mean joint?",
        DESCRIPTION.replace('joint = "elbow"', 'jont = "elbow"'),
    ),
    "two places": (
        "keypoints.Elbow: must be a body (with or without pos), a joint (with or without body) or a site, "
        "got joint and site",
        DESCRIPTION.replace('joint = "elbow"', 'joint = "elbow", site = "mark"'),
    ),
    "two coordinates": (
        "keypoints.Back.pos: must be a list of 3, got [0.1, 0.2]",
        DESCRIPTION.replace("[0.1, 0.2, 0.3]", "[0.1, 0.2]"),
    ),
    "root": ("root: must be one of 'model', 'free', 'fixed', got 'loose'", 'root = "loose"' + DESCRIPTION),
    "one keypoint": ("keypoints: must have a length", DESCRIPTION.replace('Elbow = { joint = "elbow" }', "")),
    "torque limit": ("torque_limits", DESCRIPTION.replace("0.25", "-1")),
    "torque limit elsewhere": (
        "animal.toml: torque_limits: model.xml has no hinge or slide 'ankle'; known: elbow, shoulder",
        DESCRIPTION.replace("elbow = 0.25", "ankle = 0.25"),
    ),
    "no TOML": ("animal.toml: not valid TOML: ", "name ="),
    "unknown body": (
        "animal.toml: keypoints.Back.body: model.xml has no body 'trunc'; did you mean trunk?",
        DESCRIPTION.replace('"trunk"', '"trunc"'),
    ),
    "unknown joint": (
        "animal.toml: keypoints.Elbow.joint: model.xml has no joint 'elbo'; did you mean elbow?",
        DESCRIPTION.replace('"elbow"', '"elbo"'),
    ),
    "joint elsewhere": (
        "keypoints.Elbow.body: joint 'elbow' does not connect 'trunk'; expected 'upper' or 'lower'",
        DESCRIPTION.replace('joint = "elbow"', 'joint = "elbow", body = "trunk"'),
    ),
    "no model": ("other.xml: no such file; check the path of the model", DESCRIPTION.replace("model", "other")),
}


@pytest.mark.parametrize("what", BAD_DESCRIPTIONS)
def test_bad_description(plugins, tmp_path, what):
    expected, description = BAD_DESCRIPTIONS[what]
    assert expected in refusal(plugins, tmp_path, description=description)


BAD_MODELS = {
    "<mujoco><worldbody>": "model.xml: not valid XML",
    "<robot/>": "model.xml: begins with <robot>, expected <mujoco> with a <worldbody>",
    MODEL.replace('size="0.05"', 'size="big"'): "model.xml: MuJoCo cannot read it: ",
    MODEL.replace('size="0.05"', 'size="-1"'): "model.xml: MuJoCo cannot compile it: ",
    MODEL.replace(
        "<default>", "<include file='gone.xml'/><default>"
    ): "model.xml: includes 'gone.xml', which is not in",
    MODEL.replace("<default>", "<include file='model.xml'/><default>"): "includes 'model.xml' a second time",
    MODEL.replace("<default>", "<asset><mesh file='gone.stl'/></asset><default>"): "<mesh file='gone.stl'> is not at",
    MODEL.replace("<default>", "<asset><model name='m' file='m.xml'/></asset><default>"): "brings in another model",
    MODEL.replace(
        "</worldbody>",
        "<body><freejoint name='a'/><geom size='1'/></body><body><freejoint/><geom size='1'/></body></worldbody>",
    ).replace('qpos="0 45"', ""): "has the free joints a, root; leave only the animal's own in the model",
}


@pytest.mark.parametrize("model", BAD_MODELS, ids=range(len(BAD_MODELS)))
def test_bad_model(plugins, tmp_path, model):
    assert BAD_MODELS[model] in refusal(plugins, tmp_path, model)


# --- naming a body ---


def test_body_by_file_or_by_name(plugins, tmp_path):
    file = write(tmp_path)
    spec, named, variant = parse_body(plugins, str(file))
    assert (spec.description, named, variant) == (file, str(file), None)
    assert parse_body(plugins, f"{file}:small")[1:] == (str(file), "small")
    spec, named, variant = parse_body(plugins, "mouse_forelimb:paper")
    assert (spec.name, named, variant) == ("mouse_forelimb", "", "paper")
    assert make_body(plugins, "mouse_forelimb:revised").variant == "revised"


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("gone.toml", {}, "gone.toml: no such description of a body; check the path"),
        (
            "model.xml",
            {},
            "model.xml: a body is named by its name, or by the file that describes it (.toml)",
        ),
        ("mjcf", {}, "body mjcf: is an importer; name the file that describes the body: --body animal.toml"),
        ("model.toml:small", {}, "model.toml: no such description"),
        ("toml:small", {}, "unknown body 'toml'"),
        ("mouse_forelimb", {"size": 2}, "body.size: unknown setting"),
        ("mouse_forelim", {}, "unknown body 'mouse_forelim'; did you mean mouse_forelimb?"),
    ],
)
def test_body_that_is_not_there(plugins, tmp_path, monkeypatch, text, settings, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MimicError) as e:
        make_body(plugins, text, settings)
    assert str(e.value).startswith(said)


def test_conforms(plugins):
    assert check_component(plugins.provider("importer", "mjcf"), plugins) == [
        "settings",
        "summary",
        "builds",
        "suffixes",
        "foreign file",
    ]


def test_any_body_can_be_remade_from_its_own_text(tmp_path):
    """Without anything to take off, a model goes through unchanged but for the keypoints' sites."""
    file = tmp_path / "toy.xml"
    file.write_text(toy_body().mjcf)
    keypoints = {"here": Place(body="lower"), "there": Place(body="upper")}
    body = read(Description(name="toy", model=file, keypoints=keypoints, keypoint_spread_mm=10, where="test"))
    a, b = (BodyModel.compile(x).mj_model for x in (body, toy_body()))
    for field in ("body_pos", "body_inertia", "jnt_range", "dof_damping", "geom_rgba"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field))
    for site in range(b.nsite):
        np.testing.assert_array_equal(a.site(b.site(site).name).pos, b.site(site).pos)
