"""Prefect flows for operating Darkroom, one file each."""

import os

# Prefect reads these when it is imported. A flow without a server starts one, which takes longer than Prefect's default
# timeout if its database is new and the machine is slow.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
