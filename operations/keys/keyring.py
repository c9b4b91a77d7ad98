"""A keyring, of one tenant or of the image tokens: rotated without a valid token being refused.

During a rotation two keys are valid. The new key signs; the old one is retired once the last token that it signed has
expired (image tokens), or after a fixed overlap in which the tenant switches to the new key. Every write is refused if
someone else has written since the keys were read, so that of two rotations at once one is told.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

from lambdas.core.access.signing_keys import IMAGE_TOKENS, encode_key, new_key
from lambdas.core.settings import EDGE_REGION, Settings
from lambdas.core.stores.signing_keys import HeldKeys, KeysChangedError, SigningKeysTable
from operations.keys.edge_key_store import EdgeKeyStore, KeyChanges

PROPAGATION_SECONDS = 30.0
"""Time for a new key to reach every edge location before it signs; AWS documents propagation within seconds."""

TENANT_KEYS_TABLE = "tenant-keys-table"
IMAGE_TOKEN_KEYS_TABLE = "image-token-keys-table"  # noqa: S105  # a name
IMAGE_TOKEN_STORE = "image-token-store"  # noqa: S105  # a name


class TooSoonError(Exception):
    """Tokens of the old key may still be valid; the message says until when."""


class NoKeysError(LookupError):
    """There is no key yet; the message says what creates one."""


class Rotation(NamedTuple):
    """Id of the new signing key, and when the others may be retired (UTC)."""

    signing: str
    retire_after: datetime


class KeyState(NamedTuple):
    """The valid keys: the signing one, since when, the ids of the others, and when those may be retired (UTC).

    ``published`` is False while the edge accepts other keys than these.
    """

    signing: str
    others: list[str]
    signing_since: datetime
    retire_after: datetime
    published: bool = True


def make_missing_keys(settings: Settings, client: Callable[..., Any], parameter: Callable[[str], str]) -> list[str]:
    """Make a key for each tenant and for image tokens where there is none; return the ids of the new ones.

    The parameters are those of :meth:`Keyring.of_image_tokens`.

    Raises:
        ClientError: a table cannot be read or written.
    """
    owners = {TENANT_KEYS_TABLE: settings.tenants, IMAGE_TOKEN_KEYS_TABLE: (IMAGE_TOKENS,)}
    dynamodb = client("dynamodb")
    return [
        kid
        for name, of_table in owners.items()
        for kid in SigningKeysTable(dynamodb, parameter(name)).create_missing(of_table)
    ]


class Keyring:
    """The keys of one ``owner``; an old one is valid for ``overlap`` after a rotation. ``edge``: of image tokens."""

    def __init__(
        self, table: SigningKeysTable, owner: str, overlap: timedelta, edge: EdgeKeyStore | None = None
    ) -> None:
        self.owner = owner
        self.edge = edge
        self._table = table
        self._overlap = overlap

    @classmethod
    def of_image_tokens(cls, settings: Settings, client: Callable[..., Any], parameter: Callable[[str], str]) -> Self:
        """Return that of the image tokens.

        ``client`` returns a boto3 client of a service, of the primary region unless one is given; ``parameter`` what
        the stacks published under a name.
        """
        # The API caches keys and may sign with the old one for as long.
        overlap = timedelta(seconds=settings.image_tokens.max_seconds + settings.auth.keys_seconds)
        store = EdgeKeyStore(client("cloudfront-keyvaluestore", EDGE_REGION), parameter(IMAGE_TOKEN_STORE))
        table = SigningKeysTable(client("dynamodb"), parameter(IMAGE_TOKEN_KEYS_TABLE))
        return cls(table, IMAGE_TOKENS, overlap, store)

    @classmethod
    def of_tenant(
        cls, settings: Settings, tenant: str, client: Callable[..., Any], parameter: Callable[[str], str]
    ) -> Self:
        """Return that of ``tenant``; the other parameters are those of :meth:`of_image_tokens`."""
        table = SigningKeysTable(client("dynamodb"), parameter(TENANT_KEYS_TABLE))
        return cls(table, tenant, timedelta(days=settings.operations.tenant_key_overlap_days))

    def state(self) -> KeyState:
        """Return the valid keys.

        Raises:
            NoKeysError: there is none.
            MalformedKeysError: the table holds something else.
            ClientError: the table or the edge's store cannot be read.
        """
        keys = self._read().keys
        since = keys.signing_since
        published = self.edge is None or self.edge.read() == _at_the_edge(keys.keys)
        return KeyState(keys.signing, keys.others, since, since + self._overlap, published)

    def publish(self) -> KeyChanges:
        """Make the edge accept the table's keys and no others; nothing changes for a tenant's.

        Raises:
            NoKeysError, MalformedKeysError: as :meth:`state`.
            ClientError: the table or the store cannot be read or written.
        """
        if self.edge is None:
            return KeyChanges([], [])
        return self.edge.replace(lambda: _at_the_edge(self._read().keys.keys))

    def rotate(self, *, sleep: Callable[[float], None] = time.sleep) -> Rotation:
        """Create a key and sign with it; tokens of the old one stay valid.

        Raises:
            TooSoonError: there already are two keys.
            KeysChangedError: someone else changed the keys at the same time; the key that signed still signs.
            NoKeysError, MalformedKeysError, ClientError: as :meth:`publish`; the old key then still signs.
        """
        held = self._read()
        if held.keys.others:
            raise TooSoonError(
                f"expected one key before a rotation but {', '.join(held.keys.others)} is valid beside"
                f" {held.keys.signing}: retire it, from {held.keys.signing_since + self._overlap:%Y-%m-%d %H:%M} UTC on"
            )
        kid, key = new_key(self.owner)
        both = held.keys.with_key(kid, key)
        if self.edge is not None:
            # The edge accepts a key before it signs.
            held = self._table.replace(self.owner, both, held.version)
            self.publish()
            sleep(PROPAGATION_SECONDS)
        signed = self._table.replace(self.owner, both.signed_by(kid), held.version).keys
        return Rotation(kid, signed.signing_since + self._overlap)

    def retire(self, planned: Sequence[str] | None = None, *, at_once: bool = False) -> KeyChanges:
        """Remove every key but the signing one: tokens of the others are refused within ``auth.keys_seconds``.

        Args:
            planned: ids of the keys to remove, if only these may be; all others if None.
            at_once: although tokens of them may still be valid; for a leaked key.

        Raises:
            TooSoonError: tokens of an old key may still be valid.
            KeysChangedError: someone else changed the keys since they were read; nothing was removed.
            NoKeysError, MalformedKeysError, ClientError: as :meth:`publish`.
        """
        held = self._read()
        others, retire_after = held.keys.others, held.keys.signing_since + self._overlap
        if planned is not None and others != sorted(planned):
            raise KeysChangedError(self.owner)
        if others and not at_once and datetime.now(UTC) < retire_after:
            raise TooSoonError(
                f"expected a last rotation at least {self._overlap} ago but it was at"
                f" {held.keys.signing_since:%Y-%m-%d %H:%M} UTC: tokens of the old key are valid until"
                f" {retire_after:%Y-%m-%d %H:%M} UTC"
            )
        if others:
            self._table.replace(self.owner, held.keys.without_others(), held.version)
        self.publish()
        return KeyChanges([], others)

    def _read(self) -> HeldKeys:
        held = self._table.find(self.owner)
        if held is None:
            raise NoKeysError(f"No keys for {self.owner}: darkroom keys makes them")
        return held


def _at_the_edge(keys: Mapping[str, bytes]) -> dict[str, str]:
    return {kid: encode_key(key) for kid, key in keys.items()}
