import mimic_template

from mimic_core import Headline
from mimic_core.testing import DisplayConformance


class TestTemplate(DisplayConformance):
    spec = next(iter(mimic_template.mimic_displays()))


def test_a_number_stands_beside_its_nulls(capsys):
    mimic_template.Plain().show([(Headline("error", 0.5, "mm", nulls={"limp body": 4.0}),)])
    assert capsys.readouterr().out == "error: 0.5 mm, limp body: 4\n"
