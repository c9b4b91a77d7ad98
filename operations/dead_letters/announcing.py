"""Originals announced to their lane again, where the pipeline has something left to do for them.

A picture that was rejected as too costly is reopened first. Of an original whose recorded version is not the current
one, the pipeline keeps the recorded version, or points the row at the one with the same bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lambdas.core import life
from lambdas.core.keys import OriginalKey, parse_image_id
from lambdas.core.settings import Settings
from lambdas.core.stores.images import ImagesTable
from operations.dead_letters.queue import DeadLetterQueue, announcement, lane_of
from operations.inventory import ImageRecord, Inventory, StoredOriginal


class NotAnnouncedError(ValueError):
    """An original is not to be announced; the message says why, with the picture's state."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An original to announce to its lane; ``reopens`` a picture that was rejected as too costly."""

    key: OriginalKey
    lane: str
    reopens: bool


@dataclass(frozen=True, slots=True)
class Announcer:
    """Announces originals to ``queues``, which are those of every lane by its name."""

    settings: Settings
    inventory: Inventory
    images: ImagesTable
    queues: Mapping[str, DeadLetterQueue]

    def check(self, name: str, now: datetime | None = None) -> Announcement:
        """Return what announcing the original ``name``, a key or the id of a recorded image, does; change nothing.

        Raises:
            MalformedKeyError: it is neither a key nor an image id.
            NotAnnouncedError: there is no such original, or the pipeline has nothing left to do for it.
            ClientError: the table or the bucket cannot be read; a retry may help.
        """
        key = OriginalKey.parse(name) if "/" in name else None
        image_id = key.image_id if key else parse_image_id(name)
        record = self.inventory.find([image_id]).get(image_id)
        if key is None:
            if record is None or record.original_key is None:
                raise NotAnnouncedError(f"No original is recorded of {image_id}: name it by its key")
            key = OriginalKey.parse(record.original_key)
        original = self.inventory.original(str(key))
        if original is None or original.deleted:
            raise NotAnnouncedError(f"No original {key}")
        if record is not None:
            _require_work(record, original, now or datetime.now(UTC))
        reopens = record is not None and record.rejection == "too_costly"
        return Announcement(key, lane_of(self.settings, key.tenant), reopens)

    def check_all(self, names: Iterable[str]) -> tuple[list[Announcement], list[str]]:
        """Return what announcing originals does, each once, and why the others are not announced; change nothing.

        Raises:
            MalformedKeyError, ClientError: as :meth:`check`.
        """
        found, refused = [], []
        for name in dict.fromkeys(names):
            try:
                found.append(self.check(name))
            except NotAnnouncedError as error:
                refused.append(str(error))
        return found, refused

    def announce(self, each: Announcement) -> None:
        """Reopen its picture, if need be, and send the original's lane a message; twice does no harm.

        Raises:
            NotAnnouncedError: its picture is no longer rejected.
            ClientError: the table, the bucket or the queue refused; a retry may help.
        """
        if each.reopens:
            applied = self.images.apply(each.key.image_id, life.reopen())
            state = applied.row["state"] if applied.row else "unknown"
            if not applied.done and state != "expected":  # by an earlier attempt
                raise NotAnnouncedError(f"expected {each.key.image_id} to be rejected but it is {state}")
        s3, bucket = self.inventory.s3, self.inventory.originals_bucket
        self.queues[each.lane].announce(announcement(s3, bucket, each.key))


def _require_work(record: ImageRecord, original: StoredOriginal, now: datetime) -> None:
    """Raise NotAnnouncedError if the pipeline has nothing to do for the ``original`` of a recorded image."""
    image_id, state = record.image_id, record.state
    if record.original_key != str(original.key):
        raise NotAnnouncedError(
            f"expected the original {record.original_key} for {image_id} but received {original.key}"
        )
    if state == "expected":
        return
    if state == "processing":
        if record.claimed_until is not None and record.claimed_until >= now:
            until = f"{record.claimed_until:%Y-%m-%d %H:%M:%S} UTC"
            raise NotAnnouncedError(f"expected an image that waits but {image_id} is processing, until {until}")
        return
    settled = record.names_current(original) and record.rejection != "too_costly"
    if state == "removed" or settled:
        why = f" ({record.rejection})" if record.rejection else ""
        raise NotAnnouncedError(
            f"expected an image that is expected, or rejected as too_costly, but {image_id} is {state}{why}"
        )
