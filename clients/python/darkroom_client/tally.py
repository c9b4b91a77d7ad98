"""Bytes of one attempt: they count as they are sent, and no more if the attempt fails."""

from types import TracebackType
from typing import Self

from darkroom_client.source import Sent


class Tally:
    """A count that is taken back when its block raises."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self._counted = 0

    def add(self, size: int) -> None:
        """Count ``size`` bytes."""
        self._counted += size
        self._sent(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._sent(-self._counted)
