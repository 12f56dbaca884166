import mimic_template

from mimic_core.testing import ReportConformance


class TestTemplate(ReportConformance):
    spec = next(iter(mimic_template.mimic_reports()))


def test_a_number_stands_beside_its_nulls():
    headline = {"label": "error", "value": 0.51234, "unit": "mm", "nulls": {"limp body": 4.0, "mean": None}}
    assert mimic_template.told(headline) == "  error: 0.512 mm (beside: limp body 4)"
