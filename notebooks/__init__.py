"""Parameterized notebooks, committed without outputs, and what they share."""
