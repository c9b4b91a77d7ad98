"""The uploads table: what a client requested, by image id, until the upload expires."""

import time
from typing import TYPE_CHECKING

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import BaseModel, ConfigDict, Field

from lambdas.core.keys import ImageId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class UploadRecord(BaseModel):
    """One signed upload."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    image_id: ImageId
    tenant: str
    key: str = Field(description="S3 key of the original.")
    bytes: int
    requested_at: str = Field(description="ISO 8601, UTC.")
    expires_at: int = Field(description="Seconds since the epoch, after which DynamoDB deletes the item.")
    multipart_id: str | None = Field(default=None, description="S3's id; None for an upload in one piece.")
    part_bytes: int | None = None


class UploadsTable:
    """Uploads by image id."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def add(self, record: UploadRecord) -> None:
        """Write a new upload.

        Raises:
            ClientError: the table cannot be written; a retry may help.
        """
        serializer = TypeSerializer()
        item = {name: serializer.serialize(value) for name, value in record.model_dump(exclude_none=True).items()}
        self._client.put_item(TableName=self._name, Item=item, ConditionExpression="attribute_not_exists(image_id)")

    def find(self, image_id: ImageId) -> UploadRecord | None:
        """Return an upload; None if there is none, or it has expired: DynamoDB deletes items late.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        item = self._client.get_item(TableName=self._name, Key={"image_id": {"S": image_id}}, ConsistentRead=True).get(
            "Item"
        )
        if item is None:
            return None
        deserializer = TypeDeserializer()
        record = UploadRecord.model_validate({name: deserializer.deserialize(value) for name, value in item.items()})
        return record if record.expires_at > time.time() else None

    def remove(self, image_id: ImageId) -> None:
        """Delete an upload's item.

        Raises:
            ClientError: the table cannot be written; a retry may help.
        """
        self._client.delete_item(TableName=self._name, Key={"image_id": {"S": image_id}})
