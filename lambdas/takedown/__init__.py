"""Takedown: one picture gone from every place that holds it."""
