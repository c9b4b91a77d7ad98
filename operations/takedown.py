"""Find the pictures that a takedown removes, and abort uploads in progress."""

import re
from collections.abc import Mapping, Sequence
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
    """Finds pictures by records and stored objects; changes nothing.

    ``reads_at_once`` limits the concurrent reads of the table.
    """

    inventory: Inventory
    image_resources: ImageResources
    reads_at_once: int

    def named(self, image_ids: Sequence[str], tenant: str | None = None) -> list[Target]:
        """Return the pictures with ``image_ids``; all must belong to ``tenant`` if one is given.

        The original of a picture without a record is searched among those of ``tenant``; without a tenant, such a
        picture must have derivatives.

        Raises:
            WrongPicturesError: an id is malformed, or nothing is known of it, or it belongs to another tenant.
            ClientError: the table or a bucket cannot be read; a retry may help.
        """
        parsed = _parse(image_ids)
        found = {
            record.image_id: Target(record.image_id, record.tenant or None, record.original_key)
            for record in self.inventory.find(parsed).values()
        }
        if tenant is not None:
            _require_tenant(tenant, found)
            if len(found) < len(parsed):
                originals = self._originals(tenant)
                found = {image_id: originals[image_id] for image_id in parsed if image_id in originals} | found
        for image_id in parsed:
            if image_id not in found:
                self._require_derivatives(image_id)
        return [found.get(image_id, Target(image_id, tenant)) for image_id in parsed]

    def of_tenant(self, tenant: str) -> list[Target]:
        """Return every picture of ``tenant`` that is not removed for good.

        These are its records, those of uploads that have not arrived too, and its originals, also deleted ones with
        versions left. The index does not list what has not arrived, so the whole table is read.

        Raises:
            WrongPicturesError: the tenant's name is malformed.
            ClientError: the table or a bucket cannot be read; a retry may help.
        """
        if not re.fullmatch(TENANT_PATTERN, tenant):
            raise WrongPicturesError(f"expected a tenant's name but received {tenant!r}")
        found = {
            record.image_id: Target(record.image_id, tenant, record.original_key)
            for record in self.inventory.records_of(tenant, self.reads_at_once)
            if not record.final
        }
        return [target for _, target in sorted((self._originals(tenant) | found).items())]

    def _originals(self, tenant: str) -> dict[ImageId, Target]:
        found = {}
        for text in self.image_resources.originals.keys(f"{tenant}/"):
            try:
                key = OriginalKey.parse(text)
            except MalformedKeyError:
                continue  # erased with the tenant's folder
            found[key.image_id] = Target(key.image_id, tenant, text)
        return found

    def _require_derivatives(self, image_id: ImageId) -> None:
        if not any(next(bucket.keys(f"{image_id}/"), None) for bucket in self.image_resources.derivatives):
            raise WrongPicturesError(
                f"No image {image_id}: it has no record and no derivatives; if it may have an original, name its tenant"
            )


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


def _require_tenant(tenant: str, found: Mapping[ImageId, Target]) -> None:
    strangers = sorted((image_id, target.tenant) for image_id, target in found.items() if target.tenant != tenant)
    if strangers:
        raise WrongPicturesError(
            f"expected images of the tenant {tenant} but {', '.join(image_id for image_id, _ in strangers[:5])} "
            f"{'is' if len(strangers) == 1 else 'are'} of {strangers[0][1] or 'an unknown tenant'}"
        )
