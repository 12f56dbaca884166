"""mimic_mouse_forelimb."""
