"""What a stage deployed, looked up where its stacks publish it: SSM parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

from flows.reporting.asked import settings_parameters
from lambdas.core.settings import EDGE_REGION, Settings

_PARAMETERS_AT_ONCE = 10  # what SSM looks up in one request


class NotDeployedError(LookupError):
    """A stage has published nothing under a name; the message says which, and what deploys it."""


@dataclass(frozen=True, slots=True)
class Analytics:
    """Where the edge's logs are asked and reports are kept; ``parameters`` is what questions call the settings."""

    distribution: str
    workgroup: str
    database: str
    reports_bucket: str
    region: str = EDGE_REGION
    parameters: Mapping[str, float | str] = field(default_factory=dict)


def find_analytics(settings: Settings, ssm: Any = None) -> Analytics:
    """Return what the stage of ``settings`` deployed for analytics.

    Args:
        settings: of the stage.
        ssm: a boto3 client; one of the edge's region if None.

    Raises:
        NotDeployedError: a parameter is missing.
    """
    things = {
        "distribution": "distribution-id",
        "workgroup": "athena-workgroup",
        "database": "glue-database",
        "reports_bucket": "reports-bucket",
    }
    return Analytics(**look_up(settings, things, EDGE_REGION, ssm), parameters=settings_parameters(settings))


def look_up(settings: Settings, things: Mapping[str, str], region: str, ssm: Any = None) -> dict[str, str]:
    """Return what the stage of ``settings`` published in ``region``.

    Args:
        settings: of the stage.
        things: what to look up, such as ``images-table``, by the name that the answer has for it.
        region: where it is deployed.
        ssm: a boto3 client; one of that region if None.

    Raises:
        NotDeployedError: a parameter is missing.
    """
    ssm = ssm or boto3.client("ssm", region_name=region)
    names = {field: settings.parameter_name(thing) for field, thing in things.items()}
    found = [
        ssm.get_parameters(Names=list(names.values())[start : start + _PARAMETERS_AT_ONCE])
        for start in range(0, len(names), _PARAMETERS_AT_ONCE)
    ]
    if invalid := [name for answer in found for name in answer["InvalidParameters"]]:
        raise NotDeployedError(
            f"expected the SSM parameters {', '.join(sorted(invalid))} in {region} but stage {settings.stage!r} has"
            " none: deploy it (make deploy), or start the local stack (darkroom up) and point AWS_ENDPOINT_URL at it"
        )
    values = {parameter["Name"]: parameter["Value"] for answer in found for parameter in answer["Parameters"]}
    return {field: values[name] for field, name in names.items()}
