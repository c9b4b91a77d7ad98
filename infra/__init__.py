"""Darkroom's infrastructure: CDK stacks, the local stack, and the ``darkroom`` command."""

from infra import node as _node  # before aws_cdk is imported, which starts Node

_node.provide()
