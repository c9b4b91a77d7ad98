"""Find the pictures that a takedown removes, and abort uploads in progress."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambdas.core.keys import TENANT_PATTERN, ImageId, MalformedKeyError, OriginalKey, parse_image_id
from lambdas.core.takedown import ImageResources, Target
from operations.inventory import Inventory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class WrongPicturesError(ValueError):
    """The named pictures cannot be taken down; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Search:
    """Finds pictures by records, uploads and stored originals; changes nothing."""

    inventory: Inventory
    uploads: UploadsTable
    image_resources: ImageResources

    def named(self, image_ids: Sequence[str], tenant: str | None = None) -> list[Target]:
        """Return the pictures with ``image_ids``; all must belong to ``tenant`` if one is given.

        The key of an original comes from the image's record or its upload; otherwise, with a ``tenant``, it is
        searched among the tenant's originals.

        Raises:
            WrongPicturesError: an id is malformed, or a picture belongs to another tenant.
            ClientError: a table or bucket cannot be read; a retry may help.
        """
        parsed = _parse(image_ids)
        records = self.inventory.find(parsed)
        keys: dict[ImageId, str] = {}
        for image_id in parsed:
            if image_id in records:
                keys[image_id] = records[image_id].original_key
            elif upload := self.uploads.find(image_id):
                keys[image_id] = upload.key
        if tenant is not None:
            _require_tenant(tenant, keys)
            if len(keys) < len(parsed):
                found = self._originals(tenant)
                keys |= {image_id: found[image_id] for image_id in parsed if image_id not in keys and image_id in found}
        return [Target(image_id, keys.get(image_id)) for image_id in parsed]

    def of_tenant(self, tenant: str) -> list[Target]:
        """Return every picture of ``tenant``: originals, including deleted ones with versions left, and records.

        Raises:
            WrongPicturesError: the tenant's name is malformed.
            ClientError: a table or bucket cannot be read; a retry may help.
        """
        if not re.fullmatch(TENANT_PATTERN, tenant):
            raise WrongPicturesError(f"expected a tenant's name but received {tenant!r}")
        keys = {record.image_id: record.original_key for record in self.inventory.records(tenant)}
        keys |= self._originals(tenant)
        return [Target(image_id, key) for image_id, key in sorted(keys.items())]

    def _originals(self, tenant: str) -> dict[ImageId, str]:
        found = {}
        for text in self.image_resources.originals.keys(f"{tenant}/"):
            try:
                key = OriginalKey.parse(text)
            except MalformedKeyError:
                continue  # erased with the tenant's folder
            found[key.image_id] = text
        return found


def abort_uploads(s3: "S3Client", bucket: str, tenant: str) -> int:
    """Abort every multipart upload of ``tenant``; return their number.

    Raises:
        ClientError: S3 refused; a retry may help.
    """
    aborted = 0
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=f"{tenant}/"):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            aborted += 1
    return aborted


def _parse(image_ids: Sequence[str]) -> list[ImageId]:
    try:
        return sorted({parse_image_id(text) for text in image_ids})
    except MalformedKeyError as error:
        raise WrongPicturesError(str(error)) from error


def _require_tenant(tenant: str, keys: dict[ImageId, str]) -> None:
    strangers = sorted(image_id for image_id, key in keys.items() if key.partition("/")[0] != tenant)
    if strangers:
        raise WrongPicturesError(
            f"expected images of the tenant {tenant} but {', '.join(strangers[:5])} "
            f"{'is' if len(strangers) == 1 else 'are'} of {keys[strangers[0]].partition('/')[0]}"
        )
