"""Two keyrings, each rotated without a valid token being refused: of image tokens, and of one tenant.

During a rotation two keys are valid. The new key signs; the old one is retired once the last token that it signed has
expired (image tokens), or after a fixed overlap in which the tenant switches to the new key (tenants' keys).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from lambdas.core.access.image_tokens import (
    ImageTokenKeys,
    format_image_token_keys,
    new_image_token_keys,
    parse_image_token_keys,
)
from lambdas.core.access.signing_key import encode_key
from lambdas.core.access.tenant_tokens import (
    TenantKeys,
    format_tenant_keys,
    key_of,
    made_at,
    new_tenant_key,
    parse_tenant_keys,
)
from lambdas.core.settings import Settings
from operations.keys.edge_key_store import EdgeKeyStore, KeyChanges

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

PROPAGATION_SECONDS = 30.0
"""Time for a new key to reach every edge location before it signs; AWS documents propagation within seconds."""

Action = Literal["rotate", "retire", "publish", "nothing"]


class TooSoonError(Exception):
    """Tokens of the old key may still be valid; the message says until when."""


class NoTenantKeyError(LookupError):
    """A tenant has no key; the message says what creates one."""


class Rotation(NamedTuple):
    """Id of the new signing key, and when the others may be retired (UTC)."""

    signing: str
    retire_after: datetime


class KeyState(NamedTuple):
    """The valid keys: the signing one, the ids of the others, the last change and when others may be retired (UTC)."""

    signing: str
    others: list[str]
    changed_at: datetime
    retire_after: datetime


class Step(NamedTuple):
    """What to do, and why."""

    action: Action
    why: str


def due(state: KeyState, now: datetime, key_days: int) -> Step:
    """Return what is due ``now``: a rotation once the signing key is ``key_days`` old, later the old key's retirement.

    An interrupted rotation leaves a second key that never signed. It is retired in the same way, so there are never
    three keys.
    """
    if state.others:
        names = ", ".join(state.others)
        if now < state.retire_after:
            return Step("nothing", f"{names} can be retired from {state.retire_after:%Y-%m-%d %H:%M} UTC on")
        return Step("retire", f"no token of {names} is valid any more")
    expires = state.changed_at + timedelta(days=key_days)
    if now < expires:
        return Step("nothing", f"{state.signing} signs until it is {key_days} days old, on {expires:%Y-%m-%d}")
    known = state.changed_at.year > 1
    since = f"has signed since {state.changed_at:%Y-%m-%d}" if known else "has no known creation date"
    return Step("rotate", f"{state.signing} {since}")


class TokenKeyring:
    """The image-token keys: the secret that the API signs with, and the edge's store, which follows it."""

    def __init__(self, secrets: "SecretsManagerClient", secret: str, store: EdgeKeyStore, settings: Settings) -> None:
        self._secrets = secrets
        self._secret = secret
        self._store = store
        self._settings = settings

    def state(self) -> KeyState:
        """Return the valid keys and the time of the last change.

        Raises:
            MalformedKeysError: the secret holds no keys.
            ClientError: it cannot be read.
        """
        keys = self._read()
        changed = self._secrets.describe_secret(SecretId=self._secret)["LastChangedDate"].astimezone(UTC)
        return KeyState(keys.signing, sorted(set(keys.keys) - {keys.signing}), changed, changed + self._token_lifetime)

    def publish(self) -> KeyChanges:
        """Make the edge accept the secret's keys and no others.

        Raises:
            MalformedKeysError: the secret holds no keys.
            ClientError: the secret or the store cannot be read or written.
        """
        return self._publish(self._read())

    def rotate(self, *, sleep: Callable[[float], None] = time.sleep) -> Rotation:
        """Create a key and sign with it; the edge still accepts tokens of the old one.

        Raises:
            MalformedKeysError, ClientError: as :meth:`publish`; the old key then still signs.
        """
        held, made = self._read(), new_image_token_keys()
        both = ImageTokenKeys(signing=held.signing, keys={**held.keys, **made.keys})
        self._write(both)
        self._publish(both)
        sleep(PROPAGATION_SECONDS)
        self._write(ImageTokenKeys(signing=made.signing, keys=both.keys))
        return Rotation(made.signing, datetime.now(UTC) + self._token_lifetime)

    def retire(self, *, at_once: bool = False) -> KeyChanges:
        """Remove every key but the signing one: tokens of the others are refused from now on.

        Args:
            at_once: do not wait until those tokens have expired; for a leaked key.

        Raises:
            TooSoonError: tokens of an old key may still be valid.
            MalformedKeysError, ClientError: as :meth:`publish`.
        """
        keys = self._read()
        if len(keys.keys) > 1 and not at_once:
            self._require_expired()
        kept = ImageTokenKeys(signing=keys.signing, keys={keys.signing: keys.signing_key})
        # The edge first: it must not refuse a key that the API still signs with.
        changes = self._publish(kept)
        if kept != keys:
            self._write(kept)
        return changes

    @property
    def _token_lifetime(self) -> timedelta:
        # The API caches keys and may sign with the old one for as long.
        return timedelta(seconds=self._settings.image_tokens.max_seconds + self._settings.auth.keys_seconds)

    def _require_expired(self) -> None:
        state = self.state()
        if datetime.now(UTC) < state.retire_after:
            raise TooSoonError(
                f"expected the last rotation at least {self._token_lifetime} ago but it was at"
                f" {state.changed_at:%Y-%m-%d %H:%M}: tokens of the old key are valid until"
                f" {state.retire_after:%Y-%m-%d %H:%M} UTC"
            )

    def _publish(self, keys: ImageTokenKeys) -> KeyChanges:
        return self._store.replace({kid: encode_key(key) for kid, key in keys.keys.items()})

    def _read(self) -> ImageTokenKeys:
        return parse_image_token_keys(self._secrets.get_secret_value(SecretId=self._secret)["SecretString"])

    def _write(self, keys: ImageTokenKeys) -> None:
        self._secrets.put_secret_value(SecretId=self._secret, SecretString=format_image_token_keys(keys))


class TenantKeyring:
    """The keys of one ``tenant`` in the tenants' secret; an old key is valid for ``overlap`` after a rotation."""

    def __init__(self, secrets: "SecretsManagerClient", secret: str, tenant: str, overlap: timedelta) -> None:
        self._secrets = secrets
        self._secret = secret
        self._tenant = tenant
        self._overlap = overlap

    def state(self) -> KeyState:
        """Return the tenant's keys; the newest counts as the signing one.

        Raises:
            NoTenantKeyError: there is none.
            MalformedKeysError: the secret holds something else.
            ClientError: it cannot be read.
        """
        keys = self._read()
        found = key_of(keys, self._tenant)
        if found is None:
            raise NoTenantKeyError(f"No key for tenant {self._tenant}: darkroom keys creates one")
        newest, key = found
        others = sorted(kid for kid, each in keys.items() if each.tenant == self._tenant and kid != newest)
        return KeyState(newest, others, made_at(key), made_at(key) + self._overlap)

    def rotate(self) -> Rotation:
        """Create a key for the tenant beside the current one.

        Raises:
            MalformedKeysError, ClientError: as :meth:`state`.
        """
        kid, key = new_tenant_key(self._tenant)
        self._write({**self._read(), kid: key})
        return Rotation(kid, made_at(key) + self._overlap)

    def retire(self, *, at_once: bool = False) -> KeyChanges:
        """Remove every key of the tenant but the newest: tokens of the others are refused within minutes.

        Args:
            at_once: although the tenant may still sign with an old key; for a leaked key.

        Raises:
            TooSoonError: the overlap is not over.
            NoTenantKeyError, MalformedKeysError, ClientError: as :meth:`state`.
        """
        state = self.state()
        if state.others and not at_once and datetime.now(UTC) < state.retire_after:
            raise TooSoonError(
                f"expected {state.signing} to be at least {self._overlap.days} days old but it was created on"
                f" {state.changed_at:%Y-%m-%d}: the tenant may sign with the old key until"
                f" {state.retire_after:%Y-%m-%d %H:%M} UTC"
            )
        self._write({kid: key for kid, key in self._read().items() if kid not in state.others})
        return KeyChanges([], state.others)

    def _read(self) -> TenantKeys:
        return parse_tenant_keys(self._secrets.get_secret_value(SecretId=self._secret)["SecretString"])

    def _write(self, keys: TenantKeys) -> None:
        self._secrets.put_secret_value(SecretId=self._secret, SecretString=format_tenant_keys(keys))
