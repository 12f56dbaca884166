"""Meshes: what MJX says of them, and where they touch the ground in the view that gradients flow through."""

from __future__ import annotations

import warnings

import mujoco
import numpy as np
import pytest

from mimic_mjx.ground import Ground
from mimic_mjx.models import blank, put, untouching
from mimic_mjx.spatial import SpatialTree

SIDES = 30  # of a prism; MJX keeps 20 vertices of a face


def prisms(count):
    angle = 2 * np.pi * np.arange(SIDES) / SIDES
    rim = np.stack([0.02 * np.cos(angle), 0.02 * np.sin(angle)], 1)
    vertices = np.concatenate([np.c_[rim, np.full(SIDES, z)] for z in (-0.01, 0.01)])
    text = " ".join(f"{x:.6f}" for x in vertices.ravel())
    meshes = "".join(f'<mesh name="prism{i}" vertex="{text}"/>' for i in range(count))
    bodies = "".join(
        f'<body pos="{0.1 * i} 0 0.1"><freejoint/><geom type="mesh" mesh="prism{i}" mass="0.1" contype="2"/></body>'
        for i in range(count)
    )
    return mujoco.MjModel.from_xml_string(
        f"<mujoco><asset>{meshes}</asset><worldbody>"
        f'<geom type="plane" size="5 5 1" conaffinity="2"/>{bodies}</worldbody></mujoco>'
    )


def test_meshes_that_mjx_thins_out_are_one_warning():
    with pytest.warns(UserWarning) as told:
        put(prisms(6))
        blank(prisms(6))
    assert [str(w.message) for w in told] == [
        "MJX thins out flat faces of the meshes prism0, prism1, prism2, prism3 and 2 more for their collisions"
    ]


def test_other_warnings_pass(monkeypatch):
    made = put(untouching(prisms(1)))
    monkeypatch.setattr("mimic_mjx.models._put", lambda host: (warnings.warn("something else", stacklevel=1), made)[1])
    with pytest.warns(UserWarning, match="^something else$"):
        put(prisms(1))


def test_the_view_does_without_their_hulls():
    m = prisms(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        put(untouching(m))
    assert (m.geom_type == int(mujoco.mjtGeom.mjGEOM_MESH)).sum() == 2  # the copy is changed, not the model


@pytest.mark.parametrize(("count", "each"), [(1, 32), (8, 32), (16, 16), (40, 8)])
def test_points_of_many_meshes_are_fewer(count, each):
    m = prisms(count)
    ground = Ground(m, SpatialTree(m))
    assert len(ground) == count * each
