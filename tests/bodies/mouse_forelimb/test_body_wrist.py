"""The mouse forelimb whose paw bends against the forearm."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from toys import compile_body

from mimic_core import BodyModel
from mimic_core.chain.choose import make_body
from mimic_core.plugins import no_progress
from mimic_core.registration.method import match_keypoints
from mimic_mouse_forelimb import facts
from mimic_recordings import read_keypoints

WRIST = ("wrist_flexion", "wrist_deviation")


@pytest.fixture(scope="module")
def wrist(plugins) -> BodyModel:
    return compile_body(plugins, make_body(plugins, "mouse_forelimb:wrist"))


def placed(model: BodyModel, **degrees: float) -> mujoco.MjData:
    data = mujoco.MjData(model.mj_model)
    for name, angle in degrees.items():
        data.joint(name).qpos = np.radians(angle)
    mujoco.mj_forward(model.mj_model, data)
    return data


def test_a_wrist_adds_two_joints_and_changes_nothing_else():
    paper, bent = ({(f.group, f.entry, f.quantity): f for f in facts.table(v)} for v in ("paper", "wrist"))
    changed = {k for k in paper if bent[k].value != paper[k].value}
    assert changed == {("keypoints", "wrist", "body"), ("keypoints", "wrist", "pos")}  # the same place, on the ulna
    added = {k: bent[k] for k in bent if k not in paper}
    assert {(group, entry) for group, entry, _ in added} == {("joints", j) for j in WRIST}
    assert {f.source for f in added.values()} == {"project"}
    units = {f.quantity: f.unit for f in added.values() if f.unit}
    assert units == {"axis": "1", "range_deg": "deg", "damping": "N m s/rad", "stiffness": "N m/rad"}


def test_flexion_brings_the_paw_towards_the_palm_and_moves_nothing_before_the_wrist(wrist):
    assert placed(wrist).site("keypoint_wrist").xpos == pytest.approx(placed(wrist).body("wrist_body").xpos, abs=1e-12)
    straight, bent = placed(wrist), placed(wrist, wrist_flexion=90.0)
    sites = {k: wrist.mj_model.site(f"keypoint_{k}").id for k in ("shoulder", "elbow", "wrist", "paw")}
    for k in ("shoulder", "elbow", "wrist"):
        np.testing.assert_allclose(bent.site_xpos[sites[k]], straight.site_xpos[sites[k]], atol=1e-12)
    forearm = straight.body("wrist_body").xmat.reshape(3, 3)
    paw = forearm.T @ (bent.site_xpos[sites["paw"]] - bent.site_xpos[sites["wrist"]])
    np.testing.assert_allclose(paw, [0.0, 0.0, -0.003], atol=1e-12)  # 3 mm, from along the forearm to below it


def test_no_muscle_crosses_the_wrist(wrist):
    for joint in WRIST:
        bent = placed(wrist, **{joint: 30.0})
        moments = np.zeros((wrist.mj_model.nu, wrist.mj_model.nv))
        sparse = bent.actuator_moment, bent.moment_rownnz, bent.moment_rowadr, bent.moment_colind
        mujoco.mju_sparse2dense(moments, *sparse)
        assert not moments[:, wrist.mj_model.joint(joint).dofadr[0]].any()
        np.testing.assert_allclose(bent.actuator_length, placed(wrist).actuator_length, atol=1e-15)


def test_the_springs_bring_the_paw_back_at_10_hz_without_swinging(wrist):
    """Of a body by itself: k/I = (2π·10 Hz)², d = 2·√(k·I)."""
    m = wrist.mj_model
    for name in WRIST:
        joint = m.joint(name)
        inertia = m.body("wrist_body").inertia[0] + joint.armature[0]
        assert np.sqrt(joint.stiffness[0] / inertia) / (2 * np.pi) == pytest.approx(10.0, rel=0.05)
        assert joint.damping[0] / (2 * np.sqrt(joint.stiffness[0] * inertia)) == pytest.approx(1.0, rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(("mouse", "limit_mm", "without_mm"), [("set1", 0.38, 0.50), ("set4", 0.43, 0.70)])
def test_a_wrist_lets_the_paw_be_fitted(plugins, shared_data, mouse, limit_mm, without_mm):
    """Mean over four keypoints of another laboratory's mice, segments sized one by one."""
    keypoints = read_keypoints(sorted((shared_data / "reaches").glob(f"{mouse}_*.csv")), plugins)
    spec = plugins.get("registration", "stac")
    errors = {}
    for variant in ("paper", "wrist"):
        body = make_body(plugins, f"mouse_forelimb:{variant}")
        fitting, body = match_keypoints(keypoints, body)
        clips = spec.build(spec.config(scale="segments"), body)(fitting, no_progress)
        errors[variant] = clips.error_summary()["mean"]
    assert errors["wrist"] < limit_mm and errors["paper"] > without_mm
