"""A workgroup whose questions may read very little."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

from infra.local.stack import LocalStack


@contextmanager
def scan_limit(stack: LocalStack, limit: int) -> Iterator[None]:
    """Let no question read more than ``limit`` bytes, even fewer than the ten million that AWS asks for."""
    environment, workgroup = stack.environment(), stack.parameter("athena-workgroup")
    athena: Any = boto3.client(
        "athena",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(parameter_validation=False),
    )
    before = athena.get_work_group(WorkGroup=workgroup)["WorkGroup"]["Configuration"]["BytesScannedCutoffPerQuery"]
    try:
        athena.update_work_group(WorkGroup=workgroup, ConfigurationUpdates={"BytesScannedCutoffPerQuery": limit})
        yield
    finally:
        athena.update_work_group(WorkGroup=workgroup, ConfigurationUpdates={"BytesScannedCutoffPerQuery": int(before)})
