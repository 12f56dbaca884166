"""A logger: every metric of a training as csv, with the time of day."""

import csv
import datetime

from mimic_core import LoggerSpec, hookimpl


class Log:
    """Writes ``out/log.csv``, a row for each metric that is told."""

    def __init__(self, out):
        self.out, self._file = out, None

    @hookimpl
    def mimic_stage_started(self, stage, settings):
        self.out.mkdir(parents=True, exist_ok=True)
        self._file = (self.out / "log.csv").open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file, lineterminator="\n")

    @hookimpl
    def mimic_progress(self, stage, done, total, metrics):
        now = datetime.datetime.now().isoformat(timespec="seconds")
        self._rows.writerows((now, done, name, value) for name, value in metrics.items())
        self._file.flush()

    @hookimpl
    def mimic_stage_finished(self, stage, summary):
        self._file.close()

    @hookimpl
    def mimic_stage_failed(self, stage, error):
        self._file.close()


@hookimpl
def mimic_loggers():
    yield LoggerSpec(name="template", build=lambda config, out: Log(out / "template"), summary="metrics as csv")
