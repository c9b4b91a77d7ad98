"""Client for Darkroom's API: uploads that survive bad networks, on AWS and on one laptop.

>>> import os
>>> from pathlib import Path
>>> from darkroom_client import Api, Uploader
>>> with Uploader(Api(os.environ["DARKROOM_API"], os.environ["DARKROOM_TOKEN"])) as uploader:
...     uploaded = uploader.upload(Path("photo.jpg"))
>>> uploaded.path.name
'photo.jpg'
"""

from darkroom_client.api import Api, Focus, RetryPolicy
from darkroom_client.errors import ClientError, RefusedError, UndecidedError, UnreachableError
from darkroom_client.files import Source, files_below
from darkroom_client.journal import Journal
from darkroom_client.uploader import Failed, Observer, Uploaded, Uploader

__all__ = [
    "Api",
    "ClientError",
    "Failed",
    "Focus",
    "Journal",
    "Observer",
    "RefusedError",
    "RetryPolicy",
    "Source",
    "UndecidedError",
    "UnreachableError",
    "Uploaded",
    "Uploader",
    "files_below",
]
