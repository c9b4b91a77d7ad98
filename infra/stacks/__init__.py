"""The stacks of one stage."""
