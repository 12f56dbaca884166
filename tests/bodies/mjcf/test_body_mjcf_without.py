"""Parts of a model left out, a floor added, and a model in centimetres."""

from __future__ import annotations

from pathlib import Path

import pytest

from mimic_core import BodyModel, DataError, Description, Place
from mimic_mjcf.importer import read
from mimic_modelling.settings import Settings, Without

TWO_ARMS = """
<mujoco>
  <worldbody>
    <body name="trunk"><geom size=".1"/>
      <body name="left"><joint name="l"/><geom name="lg" size=".1"/><site name="ls" pos="1 0 0"/></body>
      <body name="right"><joint name="r"/><geom size=".1"/><site name="rs" pos="1 0 0"/></body>
    </body>
  </worldbody>
  <tendon>
    <spatial name="across"><site site="ls"/><site site="rs"/></spatial>
    <fixed name="own"><joint joint="r" coef="1"/></fixed>
  </tendon>
  <equality><joint joint1="r" joint2="l"/></equality>
  <actuator><motor name="ma" tendon="across"/><motor name="mo" tendon="own"/><motor name="mr" joint="r"/></actuator>
  <sensor><tendonpos name="felt" tendon="across"/></sensor>
</mujoco>
"""
KEYPOINTS = {"Trunk": Place(body="trunk"), "Hand": Place(body="right", pos=(1.0, 0.0, 0.0))}


def made(folder: Path, **settings):
    (folder / "arms.xml").write_text(TWO_ARMS)
    description = Description(
        name="arms", model=folder / "arms.xml", keypoints=KEYPOINTS, keypoint_spread_mm=5, where="arms.toml"
    )
    return read(description, Settings(**settings))


def test_what_refers_to_a_body_goes_with_it(tmp_path):
    body = made(tmp_path, without=Without(bodies=("le*",), actuators=("mr",)))
    m = BodyModel.compile(body).mj_model
    assert [m.joint(i).name for i in range(m.njnt)] == ["r"]
    assert (m.ntendon, m.neq, m.nsensor) == (1, 0, 0)
    assert "mo" in body.actuators and "ma" not in body.actuators and "mr" not in body.actuators
    assert "bodies le*; actuators mr; and 1 tendon, 1 equality, 1 actuator, 1 sensor" in body.remarks[0]


def test_a_joint_left_out_holds_its_body(tmp_path):
    m = BodyModel.compile(made(tmp_path, without=Without(joints=("l",)))).mj_model
    assert m.njnt == 1 and m.neq == 0 and m.body("left").weldid[0] == m.body("trunk").weldid[0]


def test_a_pattern_that_fits_nothing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"arms.toml: without.bodies: arms.xml has no 'middle'"):
        made(tmp_path, without=Without(bodies=("middle",)))


def test_floor_and_unit(tmp_path):
    body = made(tmp_path, length_unit="cm", floor=-2.0)
    m = BodyModel.compile(body).mj_model
    assert m.geom("floor").pos[2] == -2.0
    assert body.scale == body.length_unit == 0.01 and body.size == 1.0
    assert body.keypoint_spread == pytest.approx(0.5)  # 5 mm, in cm


def test_contacts_of_bodies_with_one_another_are_left_out_and_those_with_the_floor_kept(tmp_path):
    import mujoco

    with_pair = TWO_ARMS.replace("</mujoco>", '<contact><pair geom1="lg" geom2="rg"/></contact></mujoco>')
    with_pair = with_pair.replace('<joint name="r"/><geom ', '<joint name="r"/><frame><geom name="rg" ')
    with_pair = with_pair.replace('<site name="rs" pos="1 0 0"/>', '</frame><site name="rs" pos="1 0 0"/>')
    (tmp_path / "arms.xml").write_text(with_pair)
    description = Description(
        name="arms", model=tmp_path / "arms.xml", keypoints=KEYPOINTS, keypoint_spread_mm=5, where="arms.toml"
    )

    def touching(settings: Settings) -> set[frozenset[str]]:
        body = read(description, settings)
        m = BodyModel.compile(body).mj_model
        d = mujoco.MjData(m)
        mujoco.mj_forward(m, d)
        of = m.geom_bodyid[d.contact.geom]
        return {frozenset(m.body(int(b)).name for b in pair) for pair in of}

    both = touching(Settings(floor=0.0))
    assert frozenset(("left", "right")) in both and frozenset(("world", "left")) in both
    alone = touching(Settings(floor=0.0, without=Without(contacts=("left", "right"))))
    assert alone == {pair for pair in both if pair != frozenset(("left", "right"))}
    assert not touching(Settings(floor=0.0, without=Without(contacts=("*",))))
    body = read(description, Settings(without=Without(contacts=("*",))))
    assert "contacts of 4 bodies with one another (*)" in " ".join(body.remarks)
