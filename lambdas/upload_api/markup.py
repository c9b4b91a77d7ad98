"""HTML of an image: srcset and a picture element, from the ladder and the edge's address."""

from html import escape
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from lambdas.core.keys import MIME_TYPES, Format, ImageId
from lambdas.core.settings.pictures import Ladder

# The browser takes the first source of a type it supports: smallest files first.
_SOURCES: tuple[Format, ...] = ("avif", "webp")
_FALLBACK: Format = "jpeg"


class Markup(BaseModel):
    """What a page needs to show an image at any size."""

    url: str = Field(description="The image at the default width, in the best format that the browser accepts.")
    srcset: str = Field(description="For img; the edge picks the format by Accept.")
    png: str = Field(
        description="The image at the default width as PNG, with alpha: for mail clients and others that lack the rest."
    )
    picture: str = Field(description="A picture element with a source for each format; set alt and sizes yourself.")


def image_url(delivery_url: str, image_id: ImageId, **parameters: object) -> str:
    """Return the URL of an image; parameters that are None are left out."""
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{delivery_url}/img/{image_id}" + (f"?{query}" if query else "")


def useful_rungs(ladder: Ladder, width: int) -> list[tuple[int, int]]:
    """Return the rungs worth offering for an image of ``width`` pixels, with the pixels that each really has.

    No derivative is larger than its original: the first rung above it has all of its pixels, and higher ones have
    no more.
    """
    below = [rung for rung in ladder.widths if rung < width]
    top = next((rung for rung in ladder.widths if rung >= width), None)
    return [(rung, rung) for rung in below] + ([(top, width)] if top is not None else [])


def image_markup(
    image_id: ImageId, width: int, height: int, *, delivery_url: str, ladder: Ladder, token: str | None = None
) -> Markup:
    """Return the markup of an image of ``width`` × ``height`` pixels; a private one needs a ``token``."""
    rungs = useful_rungs(ladder, width)

    def srcset(fmt: Format | None) -> str:
        # Widths in srcset are device pixels: dpr=1 keeps the edge from multiplying them by a client hint.
        return ", ".join(
            f"{image_url(delivery_url, image_id, w=rung, dpr=1, fmt=fmt, token=token)} {pixels}w"
            for rung, pixels in rungs
        )

    sources = "".join(
        f'<source type="{MIME_TYPES[fmt]}" srcset="{escape(srcset(fmt))}" sizes="100vw">' for fmt in _SOURCES
    )
    fallback = image_url(delivery_url, image_id, w=ladder.default_width, dpr=1, fmt=_FALLBACK, token=token)
    img = (
        f'<img src="{escape(fallback)}" srcset="{escape(srcset(_FALLBACK))}" sizes="100vw"'
        f' width="{width}" height="{height}" alt="" loading="lazy" decoding="async">'
    )
    return Markup(
        url=image_url(delivery_url, image_id, token=token),
        srcset=srcset(None),
        png=image_url(delivery_url, image_id, w=ladder.default_width, dpr=1, fmt="png", token=token),
        picture=f"<picture>{sources}{img}</picture>",
    )
