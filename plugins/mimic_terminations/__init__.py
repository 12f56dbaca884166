"""mimic_terminations."""
