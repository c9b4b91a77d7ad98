"""The stacks of Darkroom, as CDK code."""
