"""mimic_observations."""
