"""The tenants' keys as the authorizer caches them, each tenant's by itself."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable

from lambdas.core.access.signing_keys import SigningKeys
from lambdas.core.cached_value import CachedValue
from lambdas.core.keys import TENANT_PATTERN
from lambdas.core.settings import Auth

_MOST_TENANTS = 10_000  # about 15 MB
_TENANT = re.compile(TENANT_PATTERN)


class TenantKeys:
    """Keys of tenants, those that have none included, of the tenants seen last.

    Args:
        read: reads a tenant's keys; None if it has none. Its errors reach the caller while nothing is cached.
        auth: how long they are cached. That a tenant or a key is unknown is cached for ``refresh_seconds`` only.
        most: how many tenants are cached.
        clock: seconds since any fixed moment.
    """

    def __init__(
        self,
        read: Callable[[str], SigningKeys | None],
        auth: Auth,
        *,
        most: int = _MOST_TENANTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._auth = auth
        self._most = most
        self._clock = clock
        self._cached: OrderedDict[str, CachedValue[SigningKeys | None]] = OrderedDict()

    def find(self, tenant: str, kid: str) -> bytes | None:
        """Return the key ``kid`` of ``tenant``; None if it has no such key."""
        if not _TENANT.fullmatch(tenant):
            return None
        cached = self._of(tenant)
        keys = cached.get()
        if keys is None or kid not in keys.keys:
            keys = cached.refreshed()
        return keys.keys.get(kid) if keys else None

    def _of(self, tenant: str) -> CachedValue[SigningKeys | None]:
        if tenant not in self._cached:
            self._cached[tenant] = CachedValue(
                lambda: self._read(tenant),
                seconds=self._auth.keys_seconds,
                refresh_seconds=self._auth.refresh_seconds,
                clock=self._clock,
            )
            if len(self._cached) > self._most:
                self._cached.popitem(last=False)
        self._cached.move_to_end(tenant)
        return self._cached[tenant]
