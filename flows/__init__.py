"""Prefect flows: what an operator does, one file each."""

import os

# Prefect reads these when it is imported. A flow that finds no server starts one for itself, which takes longer
# than Prefect's own deadline where its database is new and the machine slow.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
