"""What a stage deployed, looked up where its stacks publish it: SSM parameters."""

from dataclasses import dataclass
from typing import Any

import boto3

from lambdas.settings import EDGE_REGION, Settings


class NotDeployedError(LookupError):
    """A stage has published nothing under a name; the message says which, and what deploys it."""


@dataclass(frozen=True, slots=True)
class Analytics:
    """Where the edge's logs are asked and reports are kept."""

    distribution: str
    workgroup: str
    database: str
    reports_bucket: str
    region: str = EDGE_REGION


def find_analytics(settings: Settings, ssm: Any = None) -> Analytics:
    """Return what the stage of ``settings`` deployed for analytics.

    Args:
        settings: of the stage.
        ssm: a boto3 client; one of the edge's region if None.

    Raises:
        NotDeployedError: a parameter is missing.
    """
    ssm = ssm or boto3.client("ssm", region_name=EDGE_REGION)
    things = {
        "distribution": "distribution-id",
        "workgroup": "athena-workgroup",
        "database": "glue-database",
        "reports_bucket": "reports-bucket",
    }
    names = {field: settings.parameter_name(thing) for field, thing in things.items()}
    found = ssm.get_parameters(Names=list(names.values()))
    if found["InvalidParameters"]:
        missing = ", ".join(sorted(found["InvalidParameters"]))
        raise NotDeployedError(
            f"expected the SSM parameters {missing} in {EDGE_REGION} but stage {settings.stage!r} has none: deploy it "
            "(make deploy), or start the local stack (darkroom up) and point AWS_ENDPOINT_URL at it"
        )
    values = {parameter["Name"]: parameter["Value"] for parameter in found["Parameters"]}
    return Analytics(**{field: values[name] for field, name in names.items()})
