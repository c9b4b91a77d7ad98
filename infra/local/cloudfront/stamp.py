"""A replayed request's own time and address: a header that this edge alone knows, so that a day fits into a minute.

What a viewer sends in it goes into the access log in place of the time at which, and the address from which, the
request really came. CloudFront takes nobody's word for either; nothing beyond the local stack sends it.
"""

from datetime import UTC, datetime
from typing import NamedTuple, Self

import httpx

HEADER = "x-darkroom-replay"


class StampError(ValueError):
    """The header says no moment of the past and address; the message says what was expected."""


class Stamp(NamedTuple):
    """When a request is said to have come, and from where."""

    moment: datetime
    address: str

    def __str__(self) -> str:
        return f"{self.moment.timestamp():.3f} {self.address}"

    @classmethod
    def read(cls, headers: httpx.Headers, now: float) -> Self | None:
        """Return what ``headers`` say, None if nothing; ``now`` is in seconds since the epoch.

        Raises:
            StampError: it is no stamp, or of the future.
        """
        text = headers.get(HEADER)
        if text is None:
            return None
        seconds, _, address = text.partition(" ")
        try:
            moment = float(seconds)
        except ValueError:
            moment = -1.0
        if not 0 <= moment <= now or not address.isascii() or not address:
            raise StampError(f"expected seconds since the epoch, up to now, and an address but received {text[:80]!r}")
        return cls(datetime.fromtimestamp(moment, UTC), address)
