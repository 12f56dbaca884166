"""A compilation is told while it lasts."""

from __future__ import annotations

import time

from mimic_bottleneck.apg import expected_compile_s
from mimic_core import Body, BodyModel
from mimic_core.testing import toy_model
from mimic_guard.waiting import told_while


def test_it_is_told_until_it_is_done():
    said = []
    with told_while(said.append, every_s=0.02):
        time.sleep(0.2)
    n = len(said)
    assert n >= 2 and said == sorted(said) and 0.0 < said[-1] < 5.0
    time.sleep(0.06)
    assert len(said) == n
    with told_while(said.append, every_s=60.0):
        pass
    assert len(said) == n  # nothing of what is quick


def test_larger_bodies_take_longer():
    assert 5.0 < expected_compile_s(toy_model()) < 20.0 < expected_compile_s(floating_chain(60))


def floating_chain(links: int) -> BodyModel:
    """So many bodies in a row, each on a hinge."""
    link = '<body name="b{0}" pos="0.01 0 0"><joint name="j{0}" axis="0 1 0"/><geom size="0.005" mass="0.01"/>'
    chain = "".join(link.format(i) for i in range(links)) + "</body>" * links
    mjcf = f'<mujoco><worldbody><site name="end"/>{chain}</worldbody></mujoco>'
    return BodyModel.compile(Body(name="chain", mjcf=mjcf, keypoints={"end": "end"}))
