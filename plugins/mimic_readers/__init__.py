"""mimic_readers."""
