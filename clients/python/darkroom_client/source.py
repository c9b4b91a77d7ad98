"""A file that is to be uploaded, read in slices: never more of it in memory than a few hundred kilobytes."""

import base64
import mimetypes
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import md5, sha256
from pathlib import Path
from typing import Self

from darkroom_client.errors import ClientError

UNKNOWN_TYPE = "application/octet-stream"
_CHUNK_BYTES = 256 * 1024

# Those that the API takes; any other file is sent as bytes that it does not know.
_PICTURE_TYPES = frozenset(f"image/{name}" for name in ("jpeg", "png", "webp", "avif", "heic", "heif", "tiff", "gif"))
# Modern picture types that the standard library's table leaves out on some Pythons.
_MIME_TYPES = mimetypes.MimeTypes(strict=False)
for _suffix in ("avif", "heic", "heif", "webp"):
    _MIME_TYPES.add_type(f"image/{_suffix}", f".{_suffix}")

Sent = Callable[[int], None]
"""Told of bytes as they are sent; of a negative number where an attempt failed and they count no more."""


class ChangedError(ClientError):
    """The file changed while it was uploaded."""


@dataclass(frozen=True)
class Source:
    """A file as it was when its upload began."""

    path: Path
    bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Look at the file at ``path``.

        Raises:
            OSError: it cannot be read.
        """
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)

    @property
    def content_type(self) -> str:
        """The picture type that the name says, or that of any bytes; what the bytes say counts in the end."""
        guessed, _encoding = _MIME_TYPES.guess_type(self.path.name, strict=False)
        return guessed if guessed in _PICTURE_TYPES else UNKNOWN_TYPE

    @cached_property
    def whole(self) -> "Slice":
        """All of the file."""
        return Slice(self, 0, self.bytes)

    def part(self, number: int, part_bytes: int) -> "Slice":
        """Return part ``number``, counted from 1, of parts of ``part_bytes``."""
        start = (number - 1) * part_bytes
        return Slice(self, start, min(part_bytes, self.bytes - start))


@dataclass(frozen=True)
class Slice:
    """Some bytes of a file."""

    source: Source
    start: int
    size: int

    @cached_property
    def sha256(self) -> str:
        """SHA-256 in base64, as S3 takes it.

        Raises:
            OSError: the file cannot be read.
            ChangedError: it is shorter than it was.
        """
        digest = sha256()
        for chunk in self._chunks():
            digest.update(chunk)
        return base64.b64encode(digest.digest()).decode()

    @cached_property
    def md5(self) -> str:
        """MD5 in hex, which is S3's ETag of an object that came in one piece.

        Raises:
            OSError: the file cannot be read.
            ChangedError: it is shorter than it was.
        """
        digest = md5(usedforsecurity=False)
        for chunk in self._chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def stream(self, sent: Sent) -> Iterator[bytes]:
        """Yield the bytes and tell ``sent`` of them.

        Raises:
            OSError: the file cannot be read.
            ChangedError: it is shorter than it was.
        """
        for chunk in self._chunks():
            yield chunk
            sent(len(chunk))

    def _chunks(self) -> Iterator[bytes]:
        left = self.size
        with self.source.path.open("rb") as file:
            file.seek(self.start, os.SEEK_SET)
            while left:
                chunk = file.read(min(_CHUNK_BYTES, left))
                if not chunk:
                    raise ChangedError(
                        f"expected {self.source.bytes} bytes in {self.source.path} but it is shorter now: it changed"
                    )
                left -= len(chunk)
                yield chunk
