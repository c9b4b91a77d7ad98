"""Serve Athena on loopback: ``python -m infra.local.athena``.

Reads the emulator's address and credentials from the AWS variables of the environment, its own port from
``DARKROOM_ATHENA_PORT`` (4567 if unset), and keeps copies of what queries read in the temporary folder.
"""

import os
import tempfile
from functools import partial
from pathlib import Path

import boto3
import uvicorn
from botocore.credentials import Credentials

from infra.local.athena.planning import Planner
from infra.local.athena.proxy import AthenaProxy, build_app
from infra.local.endpoint import ACCESS_KEY, HOST, SECRET_KEY

DEFAULT_PORT = 4567


def main() -> None:
    """Serve until stopped."""
    emulator = os.environ["AWS_ENDPOINT_URL"]
    port = int(os.environ.get("DARKROOM_ATHENA_PORT", DEFAULT_PORT))
    session = boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)
    with tempfile.TemporaryDirectory(prefix="athena-") as folder:

        def planner(region: str) -> Planner:
            return Planner(partial(session.client, region_name=region, endpoint_url=emulator), Path(folder))

        app = build_app(AthenaProxy(emulator, Credentials(ACCESS_KEY, SECRET_KEY), planner))
        uvicorn.run(app, host=HOST, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
