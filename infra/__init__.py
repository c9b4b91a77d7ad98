"""The stacks of Darkroom, as CDK code."""

from infra import node as _node  # jsii starts its Node process when aws_cdk is imported: it must be told before

_node.provide()
