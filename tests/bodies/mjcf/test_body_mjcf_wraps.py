"""On which side of a wrapping geom tendons run: by MuJoCo's own tendons, and by what a joint's muscles can do."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from mimic_core import BodyModel, DataError, Description, Place
from mimic_mjcf.importer import read
from mimic_modelling.settings import Settings, Wraps

RADIUS = 0.0305

ARM = """<mujoco>
<worldbody>
  <site name="left_root" pos="-0.0207 0.0289 0.0057"/> <site name="right_root" pos="-0.0207 -0.0289 0.0057"/>
  <body name="arm" euler="0 0 10">
    <joint name="bend" axis="0 0 1"/>
    <frame pos="0 0 0.01"><geom name="ball" type="{type}" size="{radius} 0.1" pos="0 0 -0.01" mass="0.1"/></frame>
    <site name="left_side" pos="0 {side} 0"/> <site name="right_side" pos="0 -{side} 0"/>
    <site name="left_tip" pos="0.0207 0.0289 0.0057"/> <site name="right_tip" pos="0.0207 -0.0289 0.0057"/>
    <site name="hand" pos="0.1 0 0"/>
  </body>
</worldbody>
<tendon>
  <spatial name="left"><site site="left_root"/><geom geom="ball" sidesite="left_side"/><site site="left_tip"/></spatial>
  <spatial name="right"><site site="right_root"/><geom geom="ball" sidesite="right_side"/><site site="right_tip"/>
  </spatial>
</tendon>
<actuator>
  <motor name="pull_left" tendon="left" ctrlrange="0 1"/>
  <motor name="pull_right" tendon="right" ctrlrange="0 1"/>
</actuator>
</mujoco>"""


@pytest.fixture
def body(tmp_path):
    def make(side: float, settings: Settings | None = None, type: str = "sphere"):
        path = tmp_path / "arm.xml"
        path.write_text(ARM.format(radius=RADIUS, side=side, type=type))
        places = {"Hand": Place(site="hand"), "Arm": Place(body="arm")}
        description = Description(name="arm", model=path, keypoints=places, keypoint_spread_mm=5, where="arm.toml")
        return read(description, settings)

    return make


def leverage(body, bend: float) -> tuple[float, float]:
    """Moment arms of both muscles, as MuJoCo has them, in m."""
    from mimic_core.chain.installed import installed

    spec = installed().get("actuation", "native")
    model = BodyModel.compile(body, spec.build(spec.config(), body)).mj_model
    data = mujoco.MjData(model)
    data.joint("bend").qpos[0] = bend
    mujoco.mj_forward(model, data)
    moment = np.zeros((model.nu, model.nv))
    mujoco.mju_sparse2dense(moment, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind)
    return tuple(float(moment[model.actuator(n).id, 0]) for n in ("pull_left", "pull_right"))


@pytest.mark.parametrize("type", ["sphere", "cylinder"])
@pytest.mark.parametrize("side", ["inside", "outside"])
def test_tendons_run_as_if_the_model_had_its_side_sites_clearly_there(body, side, type):
    chosen = body(RADIUS, Settings(wraps=Wraps(**{side: ("ball",)})), type)
    clear = body(RADIUS * {"inside": 0.5, "outside": 1.5}[side], type=type)
    for bend in (-0.5, -0.1, 0.0, 0.3):
        assert leverage(chosen, bend) == pytest.approx(leverage(clear, bend), rel=1e-9)


def test_rounding_decides_on_the_surface_and_is_said(body):
    nearly = (body(RADIUS * (1 - 1e-4)), body(RADIUS * (1 + 1e-4)))
    inside, outside = (leverage(b, 0.4) for b in nearly)
    assert np.sign(inside[0]) != np.sign(inside[1]), "within the ball the two muscles turn the joint both ways"
    assert abs(outside[1] / inside[1] - 1) > 0.25
    said = [line for line in nearly[0].remarks if "side sites" in line]
    assert said == [
        "2 tendons pass 1 geoms whose side sites lie on the surface, so that the last digit decides on which side they "
        "run (2 inside, 0 outside): ball; choose by [wraps] inside = [...] or outside = [...]"
    ]
    assert not [line for line in body(RADIUS * 1.1).remarks if "side sites" in line]


def test_what_was_chosen_is_said_and_the_doubt_is_gone(body):
    remarks = body(RADIUS, Settings(wraps=Wraps(inside=("b*",)))).remarks
    assert "tendons run inside 1 geoms, as the description says: b*" in remarks
    assert not [line for line in remarks if "side sites" in line]


def test_a_pattern_that_fits_nothing_or_both_is_refused(body):
    with pytest.raises(
        DataError, match=r"wraps\.inside: arm\.xml has no geom 'bal' that a tendon passes.*did you mean ball"
    ):
        body(RADIUS, Settings(wraps=Wraps(inside=("bal",))))
    with pytest.raises(DataError, match="ball is to be inside and outside"):
        body(RADIUS, Settings(wraps=Wraps(inside=("ball",), outside=("*",))))
