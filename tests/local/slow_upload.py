"""One upload in a process of its own, which the test kills: ``slow_upload.py API TOKEN JOURNAL FILE``."""

import os
import sys
import time
from pathlib import Path

import httpx
from darkroom_client import Api, Journal, Source, Uploader


class Announcer:
    """Says on standard output that bytes were sent, and gives the killer time."""

    def started(self, source: Source) -> None: ...

    def sent(self, source: Source, size: int) -> None:
        # In one write: lines of several threads must not run into each other.
        os.write(1, f"{size}\n".encode())
        time.sleep(0.02)

    def ended(self, source: Source) -> None: ...


if __name__ == "__main__":
    api, token, journal, file = sys.argv[1:]
    http = httpx.Client(trust_env=False, timeout=60)
    with Uploader(
        Api(api, token, http=http), journal=Journal(Path(journal), api), observer=Announcer(), connections=2
    ) as uploader:
        uploader.upload(Path(file))
