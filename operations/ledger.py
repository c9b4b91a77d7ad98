"""Reports of operations: one JSON document per run in the reports bucket, sorted by time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Ledger:
    """The documents of one kind of operation."""

    s3: "S3Client"
    bucket: str
    kind: str
    """Their folder: ``takedown``, ``audit``, ``lane-concurrency``."""

    def new_name(self, run: str) -> str:
        """Return a name for the document of ``run`` that sorts after every earlier one."""
        return f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S.%fZ}-{run[:8]}"

    def write(self, name: str, document: Any) -> str:
        """Write ``document``, replacing one of the same name; return its S3 URI.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        body = json.dumps(document, indent=2, ensure_ascii=False, default=str).encode()
        return f"s3://{self.bucket}/{self.put(f'{name}.json', body, 'application/json')}"

    def put(self, file: str, body: bytes, content_type: str) -> str:
        """Put a file, such as a chart, beside the documents; return its key.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        key = f"{self.kind}/{file}"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)
        return key

    def read(self) -> Iterator[tuple[str, Any]]:
        """Yield every document by its name, oldest first.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        folder = f"{self.kind}/"
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=folder):
            for item in page.get("Contents", []):
                if not item["Key"].endswith(".json"):
                    continue
                body = self.s3.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read()
                yield item["Key"].removeprefix(folder).removesuffix(".json"), json.loads(body)
