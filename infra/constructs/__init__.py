"""CDK constructs that the stacks are made of."""
