"""``darkroom settings``."""
