"""Measure encoders on photographs and choose their settings: one quality in every format, at the least cost."""
