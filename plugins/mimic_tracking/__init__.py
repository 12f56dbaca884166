"""mimic_tracking."""
