"""Client of Darkroom's API: uploads that survive bad networks, on AWS as on one laptop.

>>> with Uploader(api_url, token) as uploader:
...     uploaded = uploader.upload(Path("photo.jpg"))
"""

from client.api import Api
from client.errors import ClientError, RefusedError, UnreachableError
from client.folders import files_below
from client.journal import Journal
from client.source import Source
from client.uploader import Failed, Observer, Uploaded, Uploader

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
