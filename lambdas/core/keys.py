"""Names of pictures: image ids, original keys and variants, parsed and formatted.

Every parser rejects text that its formatter cannot produce: parse and format are inverses, and a key has exactly one
spelling.
"""

import hashlib
import re
import uuid
from dataclasses import dataclass
from datetime import date
from typing import Literal, NewType, Self, get_args

NegotiatedFormat = Literal["avif", "webp", "jpeg"]
"""A format that the edge chooses by ``Accept``; the pipeline may draw it ahead."""

Format = Literal[NegotiatedFormat, "png"]
"""A format that a URL may name; PNG is drawn on request alone."""

NEGOTIATED_FORMATS: tuple[NegotiatedFormat, ...] = get_args(NegotiatedFormat)
FORMATS: tuple[Format, ...] = get_args(Format)

MIME_TYPES: dict[Format, str] = {
    "avif": "image/avif", "webp": "image/webp", "jpeg": "image/jpeg", "png": "image/png",
}  # fmt: skip

ImageId = NewType("ImageId", str)

TENANT_PATTERN = r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$"
PRIVATE_PREFIX = "p-"
TENANT_DIGITS = 8
_IMAGE_ID = re.compile(r"(p-)?[0-9a-f]{32}", re.ASCII)
_TENANT = re.compile(TENANT_PATTERN, re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_VARIANT = re.compile(r"([1-9]\d{0,4})x(0|[1-9]\d{0,4})\.([a-z]+)", re.ASCII)


class MalformedKeyError(ValueError):
    """Text is not a key of Darkroom: the message says what was expected and what was received."""


def new_image_id(*, private: bool = False, tenant: str | None = None) -> ImageId:
    """Make a random image id: 32 lower-case hex digits, ``p-`` before them if ``private``.

    It begins with the digits of its ``tenant``, if given, and the rest is random. So the edge can match a tenant's
    token without a look-up, and IAM can confine a lane to the derivatives of its tenant (:func:`id_prefixes`).
    """
    digits = uuid.uuid4().hex
    if tenant:
        digits = tenant_digits(tenant) + digits[TENANT_DIGITS:]
    return ImageId(f"{PRIVATE_PREFIX if private else ''}{digits}")


def tenant_digits(tenant: str) -> str:
    """Return the hex digits that the ids of ``tenant``'s images begin with: the start of its name's SHA-256."""
    return hashlib.sha256(tenant.encode()).hexdigest()[:TENANT_DIGITS]


def id_prefixes(tenant: str) -> tuple[str, str]:
    """Return what the ids of ``tenant``'s images begin with: public ones, and private ones."""
    return tenant_digits(tenant), f"{PRIVATE_PREFIX}{tenant_digits(tenant)}"


def parse_image_id(text: str) -> ImageId:
    """Return ``text`` as an image id.

    Raises:
        MalformedKeyError: it is malformed.
    """
    if not _IMAGE_ID.fullmatch(text):
        raise MalformedKeyError(
            f"expected [p-] and 32 lower-case hex digits for an image id but received {text[:80]!r}"
        )
    return ImageId(text)


def is_private(image_id: ImageId) -> bool:
    """Tell from an image's id whether viewing it needs a token."""
    return image_id.startswith(PRIVATE_PREFIX)


@dataclass(frozen=True, slots=True)
class OriginalKey:
    """The key of an original in its bucket: ``{tenant}/{yyyy-mm-dd}/{imageId}``."""

    tenant: str
    uploaded_on: date
    image_id: ImageId

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an S3 key.

        Raises:
            MalformedKeyError: it is not the key of an original.
        """
        parts = text.split("/")
        if len(parts) != 3 or not _TENANT.fullmatch(parts[0]) or not _DAY.fullmatch(parts[1]):
            raise MalformedKeyError(
                f"expected tenant/yyyy-mm-dd/imageId for an original's key but received {text[:200]!r}"
            )
        try:
            uploaded_on = date.fromisoformat(parts[1])
        except ValueError as error:
            raise MalformedKeyError(
                f"expected a calendar date for an original's key but received {parts[1]!r}"
            ) from error
        return cls(parts[0], uploaded_on, parse_image_id(parts[2]))

    def __str__(self) -> str:
        return f"{self.tenant}/{self.uploaded_on.isoformat()}/{self.image_id}"


@dataclass(frozen=True, slots=True)
class Variant:
    """A size and format of a picture: ``1024x0.avif``.

    ``width`` is a rung in pixels; ``height`` is 0 for proportional, else a crop's height in pixels.
    """

    width: int
    height: int
    format: Format

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``{w}x{h}.{format}``.

        Raises:
            MalformedKeyError: it is malformed. Whether it is on the ladder depends on the settings.
        """
        match = _VARIANT.fullmatch(text)
        fmt = next((known for known in FORMATS if match and match[3] == known), None)
        if not match or fmt is None:
            raise MalformedKeyError(
                f"expected {{w}}x{{h}}.{'|'.join(FORMATS)} for a variant but received {text[:80]!r}"
            )
        return cls(int(match[1]), int(match[2]), fmt)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}.{self.format}"

    @property
    def mime_type(self) -> str:
        """The media type that this variant is named for."""
        return MIME_TYPES[self.format]

    @property
    def mime_types(self) -> tuple[str, ...]:
        """What a derivative of this variant may be: a WebP stands in for an AVIF where it is smaller without loss."""
        return (self.mime_type, MIME_TYPES["webp"]) if self.format == "avif" else (self.mime_type,)


def derivative_key(image_id: ImageId, variant: Variant) -> str:
    """Return the S3 key, which is also the edge's path without its leading slash: ``{imageId}/{w}x{h}.{format}``."""
    return f"{image_id}/{variant}"
