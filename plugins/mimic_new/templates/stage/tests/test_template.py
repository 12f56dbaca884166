import json

import mimic_template

from mimic_core.chain import do, installed
from mimic_core.testing import RecordConformance, StageConformance, toy_clips


def plugins():
    """The installed ones, with those of this package if it is not installed."""
    known = installed()
    if not known.find("stage.template"):
        known.add(mimic_template, "tests:template")
    return known


class TestTemplate(StageConformance):
    spec = next(iter(mimic_template.mimic_stages()))
    table = {"least_s": 0.1}  # noqa: RUF012

    def plugins(self):
        return plugins()


class TestRecord(RecordConformance):
    spec = next(iter(mimic_template.mimic_records()))

    def plugins(self):
        return plugins()


def test_short_clips_are_left_out(tmp_path):
    clips = toy_clips(frames=(41, 11), rate_hz=100.0).save(tmp_path / "clips.h5")
    summary = do(plugins(), "template", out=tmp_path / "out.json", clips=clips, least_s=0.2)
    assert (summary["clips"], summary["left_out"]) == (1, 1)
    (row,) = json.loads((tmp_path / "out.json").read_text())["template"].values()
    assert row["seconds"] == 0.4 and row["path_mm"] > 0
