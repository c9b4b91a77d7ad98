"""Sessions of an IAM role, so that a stand-in may do what its role allows and no more."""

from typing import Any

import boto3
import botocore.session
from botocore.credentials import DeferredRefreshableCredentials

from infra.local.endpoint import CLIENT_CONFIG, Endpoint


def assume_role(endpoint: Endpoint, role_arn: str, name: str) -> boto3.Session:
    """Return a session whose credentials are the role's, taken when first needed and renewed when they expire."""
    sts = endpoint.client("sts")

    def refresh() -> dict[str, Any]:
        credentials = sts.assume_role(RoleArn=role_arn, RoleSessionName=name)["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }

    session = botocore.session.get_session()
    # botocore has no public way to give a session credentials that renew themselves.
    session._credentials = DeferredRefreshableCredentials(refresh, "sts-assume-role")  # type: ignore[attr-defined]
    return boto3.Session(botocore_session=session, region_name=endpoint.region)


def role_client(endpoint: Endpoint, session: boto3.Session, service: str, region: str) -> Any:
    """Return a boto3 client of the emulator with the credentials of ``session``."""
    return session.client(  # type: ignore[call-overload]
        service, endpoint_url=endpoint.url, region_name=region, config=CLIENT_CONFIG
    )
