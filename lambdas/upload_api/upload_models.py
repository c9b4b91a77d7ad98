"""Requests and responses of ``/uploads``."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from lambdas.upload_api.image_models import Focus

Sha256 = Annotated[
    StrictStr, Field(pattern=r"^[A-Za-z0-9+/]{43}=$", description="SHA-256 of the bytes, in base64, as S3 expects it.")
]
PartNumber = Annotated[StrictInt, Field(ge=1, le=10_000, description="Counted from 1.")]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UploadRequest(_Request):
    """A file to upload."""

    content_type: StrictStr = Field(description="As the client believes; the bytes decide.")
    bytes: StrictInt = Field(ge=0, description="Size of the file; the upload must have exactly this size.")
    private: StrictBool = Field(default=False, description="Whether viewing the image needs a token.")
    sha256: Sha256 | None = Field(
        default=None,
        description="In base64. S3 then accepts no other bytes in one request. Required where originals are locked.",
    )
    focus: Focus | None = Field(default=None, description="What crops keep in view; null: as the settings say.")
    form: StrictBool = Field(
        default=False,
        description="Sign a form, for a client that can send nothing else. Refused unless uploads.forms is set.",
    )


class PartToSign(_Request):
    """One part that is about to be sent."""

    number: PartNumber
    sha256: Sha256


class SignatureRequest(_Request):
    """Parts that are about to be sent."""

    parts: tuple[PartToSign, ...] = Field(min_length=1, max_length=1000)


class SentPart(_Request):
    """One part that S3 has accepted, with the ETag that it returned."""

    number: PartNumber
    etag: StrictStr = Field(min_length=1, max_length=200)


class CompletionRequest(_Request):
    """All parts of an upload, in order."""

    parts: tuple[SentPart, ...] = Field(min_length=1, max_length=10_000)


class SingleUpload(BaseModel):
    """One request for the whole file, accepted once: send its bytes to the URL, with the headers.

    Every header is part of the signature, and so is the Content-Length: send exactly these bytes, not chunked. S3
    answers 412 once the file has arrived.
    """

    kind: Literal["single"] = "single"
    image_id: str
    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str] = Field(description="Send each as it is.")
    bytes: int = Field(description="Content-Length of the request; a browser sets it from the body.")
    expires_in: int = Field(description="Lifetime of the URL, in seconds.")


class FormUpload(BaseModel):
    """A form for the whole file: send the fields, then the file as the last field, as multipart/form-data."""

    kind: Literal["form"] = "form"
    image_id: str
    method: Literal["POST"] = "POST"
    url: str
    fields: dict[str, str]
    bytes: int = Field(description="Size of the file; S3 accepts no other.")
    expires_in: int = Field(description="Lifetime of the form, in seconds. Until then it may be sent again.")


class MultipartUpload(BaseModel):
    """An upload in parts: sign them, send each, complete."""

    kind: Literal["multipart"] = "multipart"
    image_id: str
    part_bytes: int = Field(description="Size of every part but the last.")
    part_count: int
    parts_per_page: int = Field(description="Parts that may be signed at a time.")


class SignedPart(BaseModel):
    """The URL to PUT one part to, and the headers that are part of the signature."""

    number: int
    url: str
    headers: dict[str, str]
    bytes: int


class SignedParts(BaseModel):
    """Signed parts."""

    parts: list[SignedPart]
    expires_in: int = Field(description="Lifetime of the URLs, in seconds.")


class ArrivedPart(BaseModel):
    """One part in S3."""

    number: int
    bytes: int
    etag: str
    sha256: str


class UploadState(BaseModel):
    """The progress of an upload."""

    image_id: str
    kind: Literal["single", "multipart"]
    state: Literal["open", "arrived"] = Field(description="Arrived: the original is complete, the pipeline has it.")
    bytes: int
    part_bytes: int | None = None
    part_count: int | None = None
    parts_per_page: int | None = None
    parts: list[ArrivedPart] = Field(default=[], description="Those that have arrived, in order.")
    next: int | None = Field(default=None, description="Repeat the request with after=next for the following parts.")


class CompletedUpload(BaseModel):
    """A complete original."""

    image_id: str
    state: Literal["arrived"] = "arrived"
    bytes: int
    etag: str
