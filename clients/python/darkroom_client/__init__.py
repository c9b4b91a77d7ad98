"""Client of Darkroom's API: uploads that survive bad networks, on AWS as on one laptop.

>>> with Uploader(api_url, token) as uploader:
...     uploaded = uploader.upload(Path("photo.jpg"))
"""

from darkroom_client.api import Api
from darkroom_client.errors import ClientError, RefusedError, UnreachableError
from darkroom_client.folders import files_below
from darkroom_client.journal import Journal
from darkroom_client.source import Source
from darkroom_client.uploader import (
    Failed,
    Observer,
    Uploaded,
    Uploader,
)

__all__ = [
    "Api",
    "ClientError",
    "Failed",
    "Journal",
    "Observer",
    "RefusedError",
    "Source",
    "UnreachableError",
    "Uploaded",
    "Uploader",
    "files_below",
]
