"""A run's book: what it was to do and which jobs it made, so that whoever comes after a crash goes on with those.

There is one for each name while a run of it is under way; beginning one is a single conditional write.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from lambdas.core.aws_errors import is_conflict, is_missing
from operations.backfill.manifests import Manifest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Kind = Literal["canary", "main", "again"]
RUNS = "runs"  # folder of the books


class Entry(BaseModel):
    """One job of a run, and the manifest that it is made of."""

    model_config = ConfigDict(frozen=True)

    manifest: Manifest
    job_id: str | None = None


class Book(BaseModel):
    """One run."""

    model_config = ConfigDict(frozen=True)

    name: str
    started: datetime
    function_arn: str
    variants: tuple[str, ...]
    anew: bool = False
    images: int
    derivatives: int
    estimated_seconds: float
    estimated_usd: float
    entries: dict[Kind, Entry]

    @property
    def run_id(self) -> str:
        """What tells this run from others of its name; short enough for a job's token."""
        return f"{self.started:%Y%m%dT%H%M%SZ}-{self.name}"

    def token(self, kind: Kind) -> str:
        """Return the ClientRequestToken of a job: asked for twice, it is made once."""
        return f"{self.run_id}-{kind}"

    def with_entry(self, kind: Kind, entry: Entry) -> "Book":
        """Return the book with ``entry`` in it."""
        return self.model_copy(update={"entries": {**self.entries, kind: entry}})


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the books stand."""

    s3: "S3Client"
    bucket: str

    def find(self, name: str) -> Book | None:
        """Return the run of that name that is under way, or None.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return Book.model_validate_json(answer["Body"].read())

    def begin(self, book: Book) -> Book:
        """Write a new book, unless another run of its name began first; return the one that stands.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        try:
            self.s3.put_object(
                Bucket=self.bucket, Key=self._key(book.name), Body=book.model_dump_json(indent=2), IfNoneMatch="*"
            )
        except ClientError as error:
            if not is_conflict(error):
                raise
            return self.find(book.name) or book
        return book

    def save(self, book: Book) -> None:
        """Write a book over what stood there.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        self.s3.put_object(Bucket=self.bucket, Key=self._key(book.name), Body=book.model_dump_json(indent=2))

    def close(self, book: Book) -> None:
        """Put a book away: the next run of its name is another.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        key = f"{RUNS}/closed/{book.run_id}.json"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=book.model_dump_json(indent=2))
        self.s3.delete_object(Bucket=self.bucket, Key=self._key(book.name))

    @staticmethod
    def _key(name: str) -> str:
        return f"{RUNS}/{name}.json"


def started_now() -> datetime:
    """Return this moment (UTC), to the second that a run's id tells."""
    return datetime.now(UTC).replace(microsecond=0)
