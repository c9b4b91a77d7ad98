"""Rejection: an original that will never be a picture here, because of what its bytes are.

``RejectedError`` carries a code for programs and a message for people.
"""

from typing import Literal

RejectionCode = Literal[
    "not_an_image",
    "unsupported_format",
    "empty",
    "too_large",
    "too_many_pixels",
    "too_long_side",
    "too_many_pages",
    "too_complex",
    "corrupt",
    "too_costly",
    "refused",
]


class RejectedError(Exception):
    """The original is rejected for good; a retry would reject it again."""

    def __init__(self, code: RejectionCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code: RejectionCode = code
        self.message = message
