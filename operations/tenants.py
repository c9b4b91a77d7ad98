"""Which tenants an operation is about."""

from lambdas.core.settings import Settings
from lambdas.core.settings.lanes import Tenant


class UnknownTenantError(ValueError):
    """The settings name no such tenant: the message says which there are."""


def chosen_tenants(settings: Settings, tenant: str | None) -> tuple[Tenant, ...]:
    """Return ``tenant`` alone, or every tenant of the settings if it is None.

    Raises:
        UnknownTenantError: the settings do not name it.
    """
    if tenant is None:
        return tuple(sorted(settings.tenants))
    if tenant not in settings.tenants:
        raise UnknownTenantError(f"expected a tenant of {', '.join(sorted(settings.tenants))} but received {tenant!r}")
    return (tenant,)
