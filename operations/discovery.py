"""What a stage has: its tenants by the settings, and what it deployed by the SSM parameters of its stacks."""

from collections.abc import Mapping
from typing import Any

import boto3

from lambdas.core.settings import Settings
from lambdas.core.settings.lanes import Tenant
from operations.inventory import batches

_PARAMETERS_AT_ONCE = 10  # maximum of one GetParameters


class NotDeployedError(LookupError):
    """A stage has not published a parameter; the message says which, and how to deploy it."""


class UnknownTenantError(ValueError):
    """The settings name no such tenant; the message lists those that exist."""


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


def look_up(settings: Settings, things: Mapping[str, str], region: str, ssm: Any = None) -> dict[str, str]:
    """Return the values that a stage published in ``region``.

    Args:
        settings: of the stage.
        things: names of parameters, such as ``images-table``, by the keys of the returned dict.
        region: where they are deployed.
        ssm: a boto3 client; one of that region if None.

    Raises:
        NotDeployedError: a parameter is missing.
    """
    ssm = ssm or boto3.client("ssm", region_name=region)
    names = {field: settings.parameter_name(thing) for field, thing in things.items()}
    found = [ssm.get_parameters(Names=batch) for batch in batches(names.values(), _PARAMETERS_AT_ONCE)]
    if invalid := [name for response in found for name in response["InvalidParameters"]]:
        raise NotDeployedError(
            f"expected the SSM parameters {', '.join(sorted(invalid))} in {region} but stage {settings.stage!r} has"
            " none: deploy it (make deploy), or start the local stack (darkroom up) and point AWS_ENDPOINT_URL at it"
        )
    values = {parameter["Name"]: parameter["Value"] for response in found for parameter in response["Parameters"]}
    return {field: values[name] for field, name in names.items()}
