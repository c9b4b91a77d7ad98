"""A header for replayed requests with the time and address to log, so that a day of traffic fits into a minute.

The access log gets both in place of the request's real time and address. CloudFront has no such header: the local
edge reads it only beside the stack's token.
"""

from datetime import UTC, datetime
from typing import NamedTuple, Self

import httpx

HEADER = "x-darkroom-replay"


class StampError(ValueError):
    """The header is no past moment and address."""


class Stamp(NamedTuple):
    """The moment and the address that a replayed request claims."""

    moment: datetime
    address: str

    def __str__(self) -> str:
        return f"{self.moment.timestamp():.3f} {self.address}"

    @classmethod
    def read(cls, headers: httpx.Headers, now: float) -> Self | None:
        """Return the stamp in ``headers``, or None; ``now`` is in seconds since the epoch.

        Raises:
            StampError: it is malformed, or in the future.
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
