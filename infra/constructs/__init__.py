"""CDK constructs that the stacks are made of, one file a resource with all that belongs to it."""
