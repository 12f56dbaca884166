"""`mimic plugins check` tells all that fails."""

from __future__ import annotations

import json

import pytest
from fake_plugins import mimic


@pytest.mark.conformance
def test_the_command_tells_of_every_component(tmp_path):
    (tmp_path / "two.py").write_text(
        "from mimic_core import CommandSpec, RewardSpec, hookimpl\n\n\n"
        "@hookimpl\ndef mimic_rewards():\n"
        "    yield RewardSpec(name='first', build=lambda config, model: None, summary='')\n"
        "    yield RewardSpec(name='second', build=lambda config, model: 3.0, summary='a number')\n"
    )
    done = mimic("--plugin", tmp_path / "two.py", "plugins", "check", "file:two.py")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "reward first (file:two.py): check 'summary' failed" in done.stderr
    assert "; reward second (file:two.py): check 'shape' failed: build returns float" in done.stderr
    listed = json.loads(mimic("--plugin", tmp_path / "two.py", "plugins", "list", "--json").stdout)["components"]
    assert {c["name"]: c["summary"] for c in listed if c["kind"] == "command"}["run"].startswith("Run the stages")
