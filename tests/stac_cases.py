"""What the tests of the `stac` registration share."""

from __future__ import annotations

import numpy as np

from mimic_core import Body

# A free trunk with a ball, a slide and a hinge, none of them at its body's origin.
MIXED = """<mujoco><worldbody><body pos='0 0 1'><freejoint/><geom size='.02'/><site name='s0' pos='.1 0 0'/>
<site name='s1' pos='-.05 .06 0'/><site name='s2' pos='0 -.05 .04'/>
<body pos='.1 .2 0' euler='10 20 30'><joint type='ball' pos='0 .1 .1'/><geom size='.02'/><site name='s3' pos='.1 0 0'/>
<body pos='.3 0 0'><joint type='slide' axis='1 1 0' ref='.1' range='-1 1' limited='true'/>
<joint axis='0 1 1' pos='.1 0 0' ref='20' range='-120 120' limited='true'/><geom size='.02'/>
<site name='s4' pos='.1 .1 0'/></body></body></body></worldbody></mujoco>"""
# A free trunk with one hinged limb.
WALKER = """<mujoco><worldbody><body pos='0 0 .05'><freejoint/><geom size='.02'/><site name='s0' pos='.03 0 0'/>
<site name='s1' pos='-.03 .01 0'/><site name='s2' pos='0 -.02 .02'/><body pos='.03 0 0'>
<joint name='knee' axis='0 1 0' range='-60 60' limited='true'/><geom size='.01'/><site name='s3' pos='.03 0 -.02'/>
</body></body></worldbody></mujoco>"""


L2 = np.full(4, np.inf)  # no keypoint of four is ever an outlier


def quiet(done, total, metrics):
    pass


def toy(mjcf):
    n = mjcf.count("<site")
    return Body(name="toy", mjcf=mjcf, keypoints={f"k{i}": f"s{i}" for i in range(n)}, keypoint_spread=0.01)


def random_poses(kin, n, seed=0):
    return kin.integrate(np.tile(kin.qpos0, (n, 1)), np.random.default_rng(seed).normal(size=(n, kin.nv)) * 0.4)
