"""mimic_synthetic."""
