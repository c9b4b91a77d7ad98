"""The edge's access log as it stands in the logs bucket."""

import io
from typing import Any

import httpx
import pyarrow.parquet as pq

from infra.constructs.edge.access_log import PREFIX
from infra.local.stack import LocalStack


def logged_records(stack: LocalStack) -> list[dict[str, str]]:
    """Return every record that is in the bucket."""
    s3, bucket = stack.client("s3", "us-east-1"), stack.parameter("logs-bucket")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{PREFIX}/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    assert all(key.endswith(".parquet") for key in keys)
    files = [io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    return [record for file in files for record in pq.read_table(file).to_pylist()]


def edge_statistics(edge: httpx.Client) -> dict[str, Any]:
    """Return what the edge counted, once all of it is in the bucket."""
    flushed = edge.post("/_edge/flush").json()
    assert flushed["waiting"] == 0
    counted: dict[str, Any] = edge.get("/_edge/stats").json()
    return counted
