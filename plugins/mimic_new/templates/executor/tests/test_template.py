import mimic_template

from mimic_core import Job
from mimic_core.testing import ExecutorConformance


class TestTemplate(ExecutorConformance):
    spec = next(iter(mimic_template.mimic_executors()))


def test_work_that_is_not_there_is_an_error(tmp_path):
    job = Job(name="one", data={}, log=tmp_path / "one.log")
    run = mimic_template.build(mimic_template.Template(retries=0))
    (outcome,) = (o for o in run("json:no_such_function", [job]) if o is not None)
    assert "no_such_function" in outcome.error and "no_such_function" in job.log.read_text()
