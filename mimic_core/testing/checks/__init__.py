"""Checks of components, a file for each sort of kind; `mimic_core.testing.check_component` runs them."""
