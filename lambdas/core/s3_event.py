"""The message that a lane's queue carries: an S3 event, as EventBridge delivers it."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Json, ValidationError


class MalformedEventError(ValueError):
    """A queue message is not an S3 event; it belongs in the dead-letter queue, for a person to look at."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Bucket(_Part):
    name: str


class _Object(_Part):
    key: str
    size: int
    etag: Annotated[str, BeforeValidator(lambda text: str(text).strip('"'))]
    version_id: str | None = Field(default=None, alias="version-id")


class _Detail(_Part):
    bucket: _Bucket
    object: _Object


class _S3Event(_Part):
    detail_type: str = Field(alias="detail-type", pattern=r"^Object Created$")
    detail: _Detail


class _QueueRecord(_Part):
    body: Json[_S3Event]


class Arrival(_Part):
    """An object that was created in S3."""

    bucket: str
    key: str
    size: int
    etag: str
    version_id: str | None


def parse_record(record: Any) -> Arrival:
    """Read an SQS record that holds EventBridge's "Object Created" event.

    Raises:
        MalformedEventError: it does not.
    """
    try:
        detail = _QueueRecord.model_validate(record).body.detail
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
        raise MalformedEventError(
            f"expected an SQS record of an S3 Object Created event but received: {faults}"
        ) from error
    found = detail.object
    # In a bucket without versioning, S3 calls the version "null".
    version = None if found.version_id == "null" else found.version_id
    return Arrival(bucket=detail.bucket.name, key=found.key, size=found.size, etag=found.etag, version_id=version)
