"""The registration analysis of an animal on a floor."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
import pytest
from analysis_cases import analyse

from mimic_core import Body, ReferenceClips
from mimic_quality.ground import Ground
from mimic_quality.measures import Measures
from mimic_quality.settings import Settings

MJCF = """<mujoco><worldbody><geom name="floor" type="plane" size="1 1 1"/><body name="trunk"><freejoint/>
<geom size=".02" mass=".1"/><site name="s0" pos=".03 0 0"/><site name="s1" pos="-.03 0 .01"/>
<body name="paw" pos=".02 0 -.05"><joint name="wrist" type="ball" range="0 60" limited="true"/>
<geom size=".01"/><site name="s2" pos=".01 0 0"/></body>
<body name="hoof" pos="-.02 0 -.05"><joint name="fetlock" range="-60 60" limited="true"/><geom size=".01"/></body>
</body></worldbody></mujoco>"""


@pytest.fixture
def clips():
    """An animal of twice the model's size that slides forward at 40 mm/s, its feet 3 mm too low in the second clip."""
    body = Body(name="toy", mjcf=MJCF, keypoints={f"k{i}": f"s{i}" for i in range(3)}, scale=2.0)
    q = np.zeros((2, 20, 12))
    q[..., 0] = np.arange(20) * 0.0002
    q[..., 2] = np.array([0.06, 0.0585])[:, None]
    q[..., 3] = q[..., 7] = 1.0
    half = np.deg2rad(60) / 2
    q[0, 5:, 7:9] = np.cos(half), np.sin(half)
    sites = np.zeros((2, 20, 3, 3))
    return ReferenceClips(
        body=body,
        rate_hz=100.0,
        clip_names=("good", "deep"),
        joint_names=("fetlock",),
        keypoint_names=tuple(body.keypoints),
        n_frames=np.array([20, 15]),
        qpos=q,
        qvel=np.zeros((2, 20, 10)),
        site_pos=sites,
        tracked_pos=sites + 1e-4,
        error_mm=np.full((2, 20, 3), 0.2),
        alignment=np.tile(np.eye(4), (2, 1, 1)),
        provenance={"ground": {"raised_mm": {"good": -8.0, "deep": -8.0}, "turned_deg": 0.0, "touch_mm": 1.0}},
    )


def test_tables_of_the_floor(clips):
    result = analyse("registration", clips=clips)
    rows = {r[0]: dict(zip(result.tables["ground"].columns, r, strict=True)) for r in result.tables["ground"].rows}
    good, deep = rows["good"], rows["deep"]
    assert deep["penetration max (mm)"] == pytest.approx(3, abs=1e-6) == deep["penetration mean (mm)"]
    assert good["lowest foot (mm)"] == pytest.approx(0, abs=1e-9) and good["touching (%)"] == 100
    assert good["unaligned (mm)"] == pytest.approx(8) and good["raised (mm)"] == -8 and deep["touching (%)"] == 0
    feet = {r[0]: dict(zip(result.tables["feet"].columns, r, strict=True)) for r in result.tables["feet"].rows}
    assert set(feet) == {"paw", "hoof"} and feet["paw"]["slide (mm/s)"] == pytest.approx(40, abs=1e-6)
    told = result.headlines[1]
    assert told.nulls["recording as it was"] == pytest.approx(8) and told.value == pytest.approx(0, abs=1e-6)
    assert result.metrics["ground"]["penetration_max_mm"] == pytest.approx(3)
    assert "ground" in result.figures and "wrist (angle)" in {r[0] for r in result.tables["joints"].rows}
    wrist = next(r for r in result.tables["joints"].rows if r[0] == "wrist (angle)")
    assert wrist[3] == pytest.approx(60) == wrist[5] and wrist[7] == pytest.approx(100 * 15 / 35)


def test_heights_are_those_of_mujoco(clips):
    ground = Ground.of(Measures(clips, Settings()))
    m = ground.m.model.mj_model
    data = mujoco.MjData(m)
    data.qpos[:] = clips.qpos[0, 7]
    mujoco.mj_forward(m, data)
    floor = m.geom("floor").id
    for i, g in enumerate(ground.floor.geoms):
        distance = mujoco.mj_geomDistance(m, data, floor, int(g), 1.0, None)
        assert ground.height_mm[0, 7, i] == pytest.approx(2e3 * distance)


def test_without_what_the_registration_says(clips):
    """As imported clips are: there is no null, and the distance that counts as touching is from the body's size."""
    bare = attrs.evolve(clips, provenance={})
    result = analyse("registration", clips=bare)
    assert result.headlines[1].nulls == {"recording as it was": None}
    assert all(r[3] is None for r in result.tables["ground"].rows)
    no_floor = attrs.evolve(clips, body=attrs.evolve(clips.body, mjcf=MJCF.replace('type="plane"', 'type="box"')))
    result = analyse("registration", clips=no_floor)
    assert "ground" not in result.tables and len(result.headlines) == 1
