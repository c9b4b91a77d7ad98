"""A tenant's keys of the upload API, changed while two of them are good.

Whoever signs for the tenant takes the new key from the secret when it suits them: both are good until the old one is
retired, some days later.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lambdas.core.access.tenant_tokens import (
    TenantKeys,
    format_tenant_keys,
    key_of,
    made_at,
    new_tenant_key,
    parse_tenant_keys,
)
from operations.keys.edge_key_store import KeyChanges
from operations.keys.image_token_keys import Rotation, Standing, TooSoonError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class NoTenantKeyError(LookupError):
    """A tenant has no key to be changed: the message says what makes one."""


class TenantKeyring:
    """The keys of one ``tenant`` in the secret of all; an old one is good for ``overlap`` after a new one was made."""

    def __init__(self, secrets: "SecretsManagerClient", secret: str, tenant: str, overlap: timedelta) -> None:
        self._secrets = secrets
        self._secret = secret
        self._tenant = tenant
        self._overlap = overlap

    def standing(self) -> Standing:
        """Return which keys the tenant has, the newest as the one that signs.

        Raises:
            NoTenantKeyError: none.
            MalformedKeysError: the secret holds something else.
            ClientError: it cannot be read.
        """
        keys = self._read()
        found = key_of(keys, self._tenant)
        if found is None:
            raise NoTenantKeyError(f"expected a key of the tenant {self._tenant} but there is none: darkroom keys")
        newest, key = found
        others = sorted(kid for kid, each in keys.items() if each.tenant == self._tenant and kid != newest)
        return Standing(newest, others, made_at(key), made_at(key) + self._overlap)

    def rotate(self) -> Rotation:
        """Give the tenant a new key beside the one that it has.

        Raises:
            MalformedKeysError, ClientError: as :meth:`standing`.
        """
        kid, key = new_tenant_key(self._tenant)
        self._write({**self._read(), kid: key})
        return Rotation(kid, made_at(key) + self._overlap)

    def retire(self, *, at_once: bool = False) -> KeyChanges:
        """Forget every key of the tenant but the newest: tokens of the others are refused, within minutes.

        Args:
            at_once: although the tenant may still sign with an old one: for a key that others know.

        Raises:
            TooSoonError: the tenant may not have taken the new key yet.
            NoTenantKeyError, MalformedKeysError, ClientError: as :meth:`standing`.
        """
        standing = self.standing()
        if standing.others and not at_once and datetime.now(UTC) < standing.retire_after:
            raise TooSoonError(
                f"expected {standing.signing} to be {self._overlap.days} days old but it was made on"
                f" {standing.changed_at:%Y-%m-%d}: the tenant may sign with the old key until"
                f" {standing.retire_after:%Y-%m-%d %H:%M} UTC"
            )
        self._write({kid: key for kid, key in self._read().items() if kid not in standing.others})
        return KeyChanges([], standing.others)

    def _read(self) -> TenantKeys:
        return parse_tenant_keys(self._secrets.get_secret_value(SecretId=self._secret)["SecretString"])

    def _write(self, keys: TenantKeys) -> None:
        self._secrets.put_secret_value(SecretId=self._secret, SecretString=format_tenant_keys(keys))
