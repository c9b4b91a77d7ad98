"""Serve Athena on loopback: ``python -m infra.local.athena``.

Reads the emulator's address and credentials from the AWS variables of the environment, its own port from
``DARKROOM_ATHENA_PORT`` (4567 if unset), keeps copies of what queries read in the temporary
folder, and remembers executions in the state folder.
"""

import os
import tempfile
from functools import partial
from pathlib import Path

import boto3
import uvicorn

from infra.local.athena.planning import Planner
from infra.local.athena.proxy import AthenaProxy, build_app
from infra.local.endpoint import HOST, Endpoint
from infra.local.guard import Guard
from infra.local.state import default_home

DEFAULT_PORT = 4567


def main() -> None:
    """Serve until stopped."""
    endpoint = Endpoint.from_environment()
    port = int(os.environ.get("DARKROOM_ATHENA_PORT", DEFAULT_PORT))
    session = boto3.Session(endpoint.access_key, endpoint.secret_key)
    with tempfile.TemporaryDirectory(prefix="athena-") as folder:

        def planner(region: str) -> Planner:
            return Planner(partial(session.client, region_name=region, endpoint_url=endpoint.url), Path(folder))

        proxy = AthenaProxy(endpoint.url, endpoint.credentials, planner, default_home() / "athena.jsonl")
        app = Guard(build_app(proxy))
        uvicorn.run(app, host=HOST, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
