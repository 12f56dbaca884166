"""mimic_rewards."""
