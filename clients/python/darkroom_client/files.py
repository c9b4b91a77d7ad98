"""Local files: folders walked lazily, and files read in slices of a few hundred kilobytes."""

import base64
import mimetypes
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Self

from darkroom_client.errors import ClientError

UNKNOWN_TYPE = "application/octet-stream"
_CHUNK_BYTES = 256 * 1024

# The types that the API knows; any other file is declared as unknown bytes.
_PICTURE_TYPES = frozenset(
    f"image/{name}" for name in ("jpeg", "png", "webp", "avif", "heic", "heif", "jxl", "tiff", "gif")
)
# Some Python versions lack these in the standard library's table.
_MIME_TYPES = mimetypes.MimeTypes(strict=False)
for _suffix in ("avif", "heic", "heif", "jxl", "webp"):
    _MIME_TYPES.add_type(f"image/{_suffix}", f".{_suffix}")

Sent = Callable[[int], None]
"""Called with the number of bytes just sent, or a negative number to take back those of a failed attempt."""


class ChangedError(ClientError):
    """The file changed while it was uploaded."""


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the given files, and those below the given folders by name; hidden files and folder links are skipped.

    Only one folder's names are in memory at a time.
    """
    for path in paths:
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _walk(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in visible:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


@dataclass(frozen=True)
class Source:
    """A file, as it was when its upload began."""

    path: Path
    bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read the size and time of the file at ``path``.

        Raises:
            OSError: it cannot be read.
        """
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)

    @property
    def content_type(self) -> str:
        """The picture type that the file's name suggests; the pipeline looks at the bytes."""
        guessed, _encoding = _MIME_TYPES.guess_type(self.path.name, strict=False)
        return guessed if guessed in _PICTURE_TYPES else UNKNOWN_TYPE

    @cached_property
    def whole(self) -> "Slice":
        """The file as one slice."""
        return Slice(self, 0, self.bytes)

    def part(self, number: int, part_bytes: int) -> "Slice":
        """Return part ``number``, counted from 1, of parts of ``part_bytes``."""
        start = (number - 1) * part_bytes
        return Slice(self, start, min(part_bytes, self.bytes - start))


@dataclass(frozen=True)
class Slice:
    """A range of a file's bytes. Reading it raises OSError, or ChangedError if the file has become shorter."""

    source: Source
    start: int
    size: int

    @cached_property
    def sha256(self) -> str:
        """SHA-256 in base64, S3's form of a checksum."""
        digest = sha256()
        for chunk in self._chunks():
            digest.update(chunk)
        return base64.b64encode(digest.digest()).decode()

    def stream(self, sent: Sent) -> Iterator[bytes]:
        """Yield the bytes in chunks, and report each to ``sent``."""
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
                        f"expected {self.source.bytes} bytes in {self.source.path} but it became shorter during upload"
                    )
                left -= len(chunk)
                yield chunk
