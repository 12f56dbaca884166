import json

import mimic_template

from mimic_core.testing import CommandConformance, toy_clips


class TestTemplate(CommandConformance):
    spec = next(iter(mimic_template.mimic_commands()))


def test_a_file_of_clips(tmp_path, capsys):
    file = toy_clips(frames=(4,)).save(tmp_path / "clips.h5")
    mimic_template.template(file, json=True)
    assert json.loads(capsys.readouterr().out)["kind"] == "clips"
