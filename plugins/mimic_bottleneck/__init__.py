"""mimic_bottleneck."""
