"""Blocks of prefect-aws by which other flows, and people in Prefect's UI, reach what a stage deployed."""

import os

from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket
from pydantic import SecretStr

from lambdas.core.settings import Settings
from operations.discovery import find_analytics

# Where it is set, AWS is an emulator, whose keys open nothing else; on AWS, roles speak and no key is stored.
_ENDPOINT = "AWS_ENDPOINT_URL"


def save_blocks(settings: Settings) -> list[str]:
    """Write the stage's blocks to Prefect's server, over those there are; return their names.

    Raises:
        NotDeployedError: the stage has no reports bucket.
    """
    analytics = find_analytics(settings)
    credentials = _credentials(analytics.region)
    blocks = {
        settings.prefix: credentials,
        f"{settings.prefix}-reports": S3Bucket(bucket_name=analytics.reports_bucket, credentials=credentials),
    }
    for name, block in blocks.items():
        block.save(name, overwrite=True)
    return [f"{block.get_block_type_slug()}/{name}" for name, block in blocks.items()]


def _credentials(region: str) -> AwsCredentials:
    endpoint = os.environ.get(_ENDPOINT)
    if endpoint is None:
        return AwsCredentials(region_name=region)
    return AwsCredentials(
        region_name=region,
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=SecretStr(os.environ["AWS_SECRET_ACCESS_KEY"]),
        aws_client_parameters=AwsClientParameters(endpoint_url=endpoint),
    )
