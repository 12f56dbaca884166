"""mimic_mjx."""
