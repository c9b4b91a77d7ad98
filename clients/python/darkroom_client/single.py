"""A small file, in one request: a presigned form, posted with the file as its last field."""

import io
from collections.abc import Callable, Mapping

from darkroom_client.api import Api, Json
from darkroom_client.errors import TransientError, check_bucket
from darkroom_client.source import Sent, Slice
from darkroom_client.tally import Tally

_PLAIN_MD5 = 32  # an ETag of another length is no MD5 of the bytes


def post_file(api: Api, form: Json, whole: Slice, sent: Sent, on_retry: Callable[[], None]) -> None:
    """Post ``whole`` with ``form``, and hold what S3 says that it took against the file.

    Raises:
        UnreachableError, RefusedError: it did not get through.
        OSError: the file cannot be read.
    """

    def attempt() -> None:
        with Tally(sent) as tally, _MeteredFile(whole, tally.add) as file:
            answer = check_bucket(
                api.http.post(
                    form["url"],
                    data=form["fields"],
                    files={"file": ("file", file, whole.source.content_type)},
                )
            )
            _verify(answer.headers, whole)

    api.insist(attempt, f"{whole.source.path.name} in the bucket", on_retry)


def _verify(headers: Mapping[str, str], whole: Slice) -> None:
    etag = headers.get("etag", "").strip('"')
    encrypted_otherwise = "kms" in headers.get("x-amz-server-side-encryption", "")
    if len(etag) == _PLAIN_MD5 and not encrypted_otherwise and etag != whole.md5:
        raise TransientError(f"expected the bucket to hold MD5 {whole.md5} but received {etag}: damaged on its way")


class _MeteredFile(io.FileIO):
    """A file that tells of the bytes that are read of it."""

    def __init__(self, whole: Slice, sent: Sent) -> None:
        super().__init__(whole.source.path, "rb")
        self._sent = sent

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(-1 if size is None else size) or b""
        self._sent(len(chunk))
        return chunk
