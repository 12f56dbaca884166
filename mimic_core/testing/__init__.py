"""For plugin authors: a toy body, fixtures and conformance checks."""
