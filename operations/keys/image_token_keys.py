"""The keys of image tokens: made known to the edge, and rotated without a token that is refused.

Two keys live at once. A rotation makes a key, tells the edge of it, and only then signs with it; the old one
is retired once the last token that it signed is over.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from lambdas.core.access.image_tokens import (
    ImageTokenKeys,
    format_image_token_keys,
    new_image_token_keys,
    parse_image_token_keys,
)
from lambdas.core.access.signing_key import encode_key
from lambdas.core.settings import Settings
from operations.keys.edge_key_store import EdgeKeyStore, KeyChanges

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

PROPAGATION_SECONDS = 30.0
"""How long a new key is given to reach every edge location before anything is signed with it; AWS speaks of seconds."""


class TooSoonError(Exception):
    """Tokens of the old key may still be shown: the message says until when."""


class Rotation(NamedTuple):
    """The new signing key's id, and when the others may be retired (UTC)."""

    signing: str
    retire_after: datetime


class Standing(NamedTuple):
    """Which keys live: the one that signs, the others by name, since when (UTC), and when others may be retired."""

    signing: str
    others: list[str]
    changed_at: datetime
    retire_after: datetime


class TokenKeyring:
    """The secret that the API signs with, and the edge's store, which follows it."""

    def __init__(self, secrets: "SecretsManagerClient", secret: str, store: EdgeKeyStore, settings: Settings) -> None:
        self._secrets = secrets
        self._secret = secret
        self._store = store
        self._settings = settings

    def standing(self) -> Standing:
        """Return which keys live, and since when.

        Raises:
            MalformedKeysError: the secret holds no keys.
            ClientError: it cannot be read.
        """
        keys = self._read()
        changed = self._secrets.describe_secret(SecretId=self._secret)["LastChangedDate"].astimezone(UTC)
        return Standing(keys.signing, sorted(set(keys.keys) - {keys.signing}), changed, changed + self._life_of_tokens)

    def publish(self) -> KeyChanges:
        """Make the edge know the secret's keys and no others.

        Raises:
            MalformedKeysError: the secret holds no keys.
            ClientError: one of the two cannot be read or written.
        """
        return self._publish(self._read())

    def rotate(self, *, sleep: Callable[[float], None] = time.sleep) -> Rotation:
        """Sign with a new key from now on; the edge takes the old ones' tokens too.

        Raises:
            MalformedKeysError, ClientError: as :meth:`publish`; the old key still signs then.
        """
        held, made = self._read(), new_image_token_keys()
        both = ImageTokenKeys(signing=held.signing, keys={**held.keys, **made.keys})
        self._write(both)
        self._publish(both)
        sleep(PROPAGATION_SECONDS)
        self._write(ImageTokenKeys(signing=made.signing, keys=both.keys))
        return Rotation(made.signing, datetime.now(UTC) + self._life_of_tokens)

    def retire(self, *, at_once: bool = False) -> KeyChanges:
        """Forget every key but the one that signs: tokens of the others are refused from now on.

        Args:
            at_once: do not wait for those tokens to end: for a key that others know.

        Raises:
            TooSoonError: tokens of an old key may still be good.
            MalformedKeysError, ClientError: as :meth:`publish`.
        """
        keys = self._read()
        if len(keys.keys) > 1 and not at_once:
            self._require_age()
        kept = ImageTokenKeys(signing=keys.signing, keys={keys.signing: keys.signing_key})
        # The edge first: what it no longer takes must not be what the API still signs with.
        changes = self._publish(kept)
        if kept != keys:
            self._write(kept)
        return changes

    @property
    def _life_of_tokens(self) -> timedelta:
        # The API holds keys for a while and may sign with the old one as long.
        return timedelta(seconds=self._settings.image_tokens.max_seconds + self._settings.auth.keys_seconds)

    def _require_age(self) -> None:
        standing = self.standing()
        if datetime.now(UTC) < standing.retire_after:
            raise TooSoonError(
                f"expected the last rotation to be {self._life_of_tokens} ago but it was at"
                f" {standing.changed_at:%Y-%m-%d %H:%M}: tokens of the old key are good until"
                f" {standing.retire_after:%Y-%m-%d %H:%M} UTC"
            )

    def _publish(self, keys: ImageTokenKeys) -> KeyChanges:
        return self._store.replace({kid: encode_key(key) for kid, key in keys.keys.items()})

    def _read(self) -> ImageTokenKeys:
        return parse_image_token_keys(self._secrets.get_secret_value(SecretId=self._secret)["SecretString"])

    def _write(self, keys: ImageTokenKeys) -> None:
        self._secrets.put_secret_value(SecretId=self._secret, SecretString=format_image_token_keys(keys))
