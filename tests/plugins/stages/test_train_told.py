"""What listeners are told of a training before its clips are read."""

from __future__ import annotations

from mimic_core.chain import asked
from mimic_stages.train import told


def settings(plugins, table):
    spec = plugins.get("stage", "train")
    return told(asked(spec, table, plugins, "train").options, plugins)


def test_what_the_body_decides_is_not_told_as_decided(plugins):
    found = settings(plugins, {})
    assert found["actuation"] == "hill, or native where the body brings what that drives"
    assert found["preset"] == "laptop, or free where the body has a free root"


def test_what_is_named_is_told(plugins):
    found = settings(plugins, {"actuation": "torque", "preset": "paper"})
    assert (found["actuation"], found["preset"]) == ("torque", "paper")


def test_what_the_body_decides_is_in_no_cache_key(plugins):
    spec = plugins.get("stage", "train")
    table = spec.decides(asked(spec, {}, plugins, "train").options, plugins)
    assert "native" in table["actuation"] and "free" in table["preset"]
