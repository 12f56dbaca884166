"""mimic_mujoco."""
