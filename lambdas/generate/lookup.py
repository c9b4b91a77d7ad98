"""What a request for a variant may name: an image id, a variant on the ladder; no AWS."""

from lambdas.core.keys import (
    ImageId,
    MalformedKeyError,
    Variant,
    parse_image_id,
)
from lambdas.core.settings import Settings


def known_image_id(text: str) -> ImageId | None:
    """Return ``text`` as an image id, or None if no image could have it."""
    try:
        return parse_image_id(text)
    except MalformedKeyError:
        return None


def ladder_variant(text: str, settings: Settings) -> Variant | None:
    """Return ``text`` as a variant that may exist, or None."""
    try:
        variant = Variant.parse(text)
    except MalformedKeyError:
        return None
    return variant if settings.ladder.allows(variant) else None
