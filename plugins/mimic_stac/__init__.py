"""mimic_stac."""
