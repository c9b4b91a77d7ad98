"""Publisher of an assembly's assets: files and zipped folders, once each, to the staging buckets."""

import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.local.cloudformation.assembly import Asset
from infra.local.endpoint import Endpoint


def zip_folder(folder: Path) -> bytes:
    """Return ``folder`` as a zip archive, stored and not compressed: it travels over loopback."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for parent, folders, files in os.walk(folder, followlinks=True):
            folders.sort()
            for name in sorted(files):
                path = Path(parent) / name
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


class AssetPublisher:
    """Puts assets where templates expect them, creating the staging buckets that a bootstrap would have made."""

    def __init__(self, endpoint: Endpoint):
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}
        self._buckets: set[str] = set()
        self._published: set[tuple[str, str]] = set()

    def publish(self, assets: Iterable[Asset], region: str) -> None:
        """Upload what is not there yet of ``assets`` to buckets in ``region``."""
        for asset in assets:
            if (asset.bucket, asset.key) not in self._published:
                body = zip_folder(asset.source) if asset.packaging == "zip" else asset.source.read_bytes()
                self.put(asset.bucket, asset.key, body, region)

    def put(self, bucket: str, key: str, body: bytes, region: str) -> str:
        """Upload ``body``, and return the URL at which CloudFormation reads it."""
        if region not in self._clients:
            self._clients[region] = self._endpoint.client("s3", region)
        s3 = self._clients[region]
        if bucket not in self._buckets:
            where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            s3.create_bucket(Bucket=bucket, **where)
            self._buckets.add(bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        self._published.add((bucket, key))
        return f"{self._endpoint.url}/{bucket}/{key}"
