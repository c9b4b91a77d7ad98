"""Reports in their bucket."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import boto3

_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".webp": "image/webp",
}
LINK_SECONDS = 7 * 24 * 3600  # the longest that S3 signs for


def upload_files(folder: Path, files: Iterable[Path], bucket: str, prefix: str, region: str) -> None:
    """Put ``files`` of ``folder`` into ``bucket`` under ``prefix``, in that order, each by its path in the folder."""
    s3 = _client(region)
    for file in files:
        s3.upload_file(
            str(file),
            bucket,
            f"{prefix}/{file.relative_to(folder).as_posix()}",
            ExtraArgs={"ContentType": _CONTENT_TYPES[file.suffix], "CacheControl": "no-cache"},
        )


def sign_link(bucket: str, key: str, region: str) -> str:
    """Return an address at which anyone may read ``key`` for a week, or until the signing credentials end."""
    link: str = _client(region).generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=LINK_SECONDS
    )
    return link


def _client(region: str) -> Any:
    return boto3.client("s3", region_name=region)
