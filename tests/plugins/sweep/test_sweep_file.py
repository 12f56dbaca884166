"""Paths in a sweep file."""

from __future__ import annotations

from pathlib import Path

from mimic_core import Inputs
from mimic_sweep.settings import SweepOptions
from mimic_sweep.sweep_file import wanted


def test_paths_of_a_sweep_file_are_meant_from_its_folder(plugins, toy_clips, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    toy_clips.save(tmp_path / "data" / "clips.h5")
    (tmp_path / "data" / "emg.h5").touch()
    file = tmp_path / "data" / "s.toml"
    file.write_text('[sweep]\nclips = "clips.h5"\n[analyze.emg]\nemg = "emg.h5"\n')
    monkeypatch.chdir(tmp_path)
    found = wanted(SweepOptions(file=Path("data/s.toml")), Inputs({}), plugins)
    assert found.clips() == Path("data/clips.h5") and found.options.analyze["emg"]["emg"] == "data/emg.h5"
    over = wanted(
        SweepOptions(file=Path("data/s.toml"), analyze={"emg": {"emg": "data/clips.h5"}}), Inputs({}), plugins
    )
    assert over.options.analyze["emg"]["emg"] == "data/clips.h5"
