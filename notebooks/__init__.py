"""Parameterized notebooks, committed without outputs, and their presentation modules."""
