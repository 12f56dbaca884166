import csv

import mimic_template

from mimic_core.testing import LoggerConformance


class TestTemplate(LoggerConformance):
    spec = next(iter(mimic_template.mimic_loggers()))


def test_rows(tmp_path):
    log = mimic_template.Log(tmp_path / "template")
    log.mimic_stage_started(stage="train", settings={})
    log.mimic_progress(stage="train", done=1000, total=2000, metrics={"reward": 1.5})
    log.mimic_stage_finished(stage="train", summary={})
    ((_, *row),) = csv.reader((tmp_path / "template" / "log.csv").open())
    assert row == ["1000", "reward", "1.5"]
