"""How a file is split into parts, and whether all of them have arrived; no AWS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import pairwise

from lambdas.core.settings.ingest import Uploads
from lambdas.upload_api.problem import ProblemError
from lambdas.upload_api.upload_models import ArrivedPart, SentPart

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Parts:
    """A file of ``bytes`` bytes in parts of ``part_bytes``; the last holds the rest."""

    bytes: int
    part_bytes: int

    @property
    def count(self) -> int:
        """The number of parts."""
        return -(-self.bytes // self.part_bytes)

    def size(self, number: int) -> int:
        """Return the bytes of part ``number``, counted from 1.

        Raises:
            ProblemError: 400, the number is out of range.
        """
        if not 1 <= number <= self.count:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"expected a part from 1 to {self.count} but received {number}")
        return min(self.part_bytes, self.bytes - (number - 1) * self.part_bytes)


def split(size: int, settings: Uploads) -> Parts | None:
    """Split a file of ``size`` bytes as the settings say; None if it is small enough for a single upload."""
    if size <= settings.single_max_bytes:
        return None
    desired = -(-size // settings.parts)
    return Parts(size, min(max(desired, settings.part_min_bytes), settings.part_max_bytes))


def check_completion(sent: Sequence[SentPart], arrived: Mapping[int, ArrivedPart], parts: Parts) -> None:
    """Check the parts that a client says it sent against those in S3 and against the file's size.

    Raises:
        ProblemError: 400 out of order or out of range; 409 a part is missing, has the wrong size or another ETag.
    """
    numbers = [part.number for part in sent]
    if any(after <= before for before, after in pairwise(numbers)):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"expected each part once and in ascending order but received {_listed(numbers)}",
        )
    if numbers[-1] > parts.count:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"expected parts 1 to {parts.count} but received part {numbers[-1]}")
    named = set(numbers)
    missing = [number for number in range(1, parts.count + 1) if number not in named or number not in arrived]
    if missing:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            f"expected all {parts.count} parts but {'these are' if len(missing) > 1 else 'this one is'}"
            f" missing: {_listed(missing)}",
        )
    for part in sent:
        _check_part(part, arrived[part.number], parts.size(part.number))


def _check_part(sent: SentPart, arrived: ArrivedPart, size: int) -> None:
    if arrived.bytes != size:
        raise ProblemError(
            HTTPStatus.CONFLICT, f"expected {size} bytes in part {sent.number} but {arrived.bytes} arrived"
        )
    if sent.etag.strip('"') != arrived.etag:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            f"expected the ETag {arrived.etag} of part {sent.number}, as it arrived, but received {sent.etag[:80]!r}",
        )


def _listed(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return ", ".join(map(str, numbers[:_SHOWN])) + more
