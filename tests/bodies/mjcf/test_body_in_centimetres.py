"""A model in centimetres and a recording in metres: the size is found to be the animal's."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from stac_cases import quiet

from mimic_core import BodyModel, Description, Keypoints, Place
from mimic_mjcf.importer import read
from mimic_modelling.settings import Settings
from mimic_stac import build
from mimic_stac.settings import Settings as Stac

# a fly's leg of 1.5 mm: lengths here are in cm
LEG = """
<mujoco>
  <compiler angle="degree"/>
  <default><joint type="hinge" limited="true" axis="0 1 0"/><geom size=".005" contype="0" conaffinity="0"/></default>
  <worldbody>
    <body name="coxa">
      <geom/>
      <body name="femur"><joint name="hip" range="-60 60"/><geom/>
        <body name="tibia" pos=".02 0 -.07"><joint name="knee" range="-20 100"/><geom/>
          <body name="foot" pos="-.07 0 -.04"><joint name="ankle" range="-100 20"/><geom/></body>
        </body>
      </body>
    </body>
  </worldbody>
</mujoco>
"""
KEYPOINTS = {
    "Coxa": Place(body="coxa", pos=(0.0, 0.009, 0.0)),
    "Back": Place(body="coxa", pos=(-0.022, 0.0, 0.007)),
    "Knee": Place(body="tibia"),
    "Ankle": Place(body="foot"),
    "Toe": Place(body="foot", pos=(0.044, 0.0, -0.011)),
}
FRAMES, RATE_HZ = 16, 200.0


@pytest.fixture
def leg(tmp_path):
    (tmp_path / "leg.xml").write_text(LEG)
    where = {"model": tmp_path / "leg.xml", "where": "leg.toml"}
    return read(
        Description(name="leg", keypoints=KEYPOINTS, keypoint_spread_mm=0.05, **where), Settings(length_unit="cm")
    )


def test_a_recording_in_metres_fits_a_model_in_centimetres(leg):
    model = BodyModel.compile(leg)
    data, t = mujoco.MjData(model.mj_model), np.arange(FRAMES) / RATE_HZ
    angles = np.deg2rad(np.stack([30 * np.sin(40 * t), 40 + 30 * np.cos(40 * t), -40 + 30 * np.sin(60 * t)], axis=1))
    cm = []
    for pose in angles:
        data.qpos[model.joint_qposadr] = pose
        mujoco.mj_kinematics(model.mj_model, data)
        cm.append(data.site_xpos[model.keypoint_site_ids].copy())
    recording = Keypoints.from_clips(
        [0.01 * np.array(cm)], names=model.keypoint_names, rate_hz=RATE_HZ, clip_names=["one"], origin="test"
    )
    clips = build(Stac(axes="model"), leg)(recording, quiet)
    assert clips.body.scale == pytest.approx(0.01, rel=1e-3)  # m of the animal per cm of the model
    assert np.nanmax(clips.error_mm) < 3e-3  # all of it smoothing; keypoints move by 0.5 mm and more
    np.testing.assert_allclose(clips.qpos[0], angles, atol=np.deg2rad(0.5))
