"""One boto3 client per service and process, created on first use."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

# Three attempts within a call; beyond that, the state machine and the queue retry.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=3, read_timeout=20)


@cache
def s3(region: str | None = None) -> "S3Client":
    """Return the S3 client of ``region``, by default the function's own.

    Presigned requests use the region's own host name and signature version 4, which alone covers ``If-None-Match``: a
    browser's upload is not redirected, which would lose its body.
    """
    presigning = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    return boto3.client("s3", region_name=region, config=_CONFIG.merge(presigning))


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client."""
    return boto3.client("dynamodb", config=_CONFIG)


@cache
def sqs() -> "SQSClient":
    """Return the SQS client."""
    return boto3.client("sqs", config=_CONFIG)


@cache
def parameters(region: str) -> "SSMClient":
    """Return the client for Systems Manager parameters in ``region``."""
    return boto3.client("ssm", region_name=region, config=_CONFIG)


@cache
def cloudwatch(region: str) -> "CloudWatchClient":
    """Return the CloudWatch client of ``region``, with short timeouts: the region may be the one that is down."""
    brief = Config(retries={"mode": "standard", "total_max_attempts": 2}, read_timeout=5)
    return boto3.client("cloudwatch", region_name=region, config=_CONFIG.merge(brief))


@cache
def functions(seconds: float) -> "LambdaClient":
    """Return the client that invokes functions, once each, and waits for an answer for ``seconds``."""
    return boto3.client("lambda", config=_CONFIG.merge(Config(retries={"total_max_attempts": 1}, read_timeout=seconds)))


@cache
def cloudfront() -> "CloudFrontClient":
    """Return the CloudFront client."""
    return boto3.client("cloudfront", config=_CONFIG)
