"""mimic_torque."""
