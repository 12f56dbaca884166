"""mimic_report."""
