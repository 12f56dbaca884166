"""mimic_hill."""
