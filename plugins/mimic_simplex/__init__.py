"""mimic_simplex."""
