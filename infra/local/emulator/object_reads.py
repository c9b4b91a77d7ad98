"""Patch to the emulator's S3 where it says more of a missing object than S3 does.

Without ``s3:ListBucket`` a caller gets a 403 for a missing key or version, as for one that it may not read:
"Permissions" of GetObject and HeadObject in the S3 API reference.
"""

from collections.abc import Callable, Mapping
from typing import Any

from infra.local.emulator.patching import original

Answer = tuple[int, dict[str, str], bytes]
_MISSING = (b"<Code>NoSuchKey</Code>", b"<Code>NoSuchVersion</Code>")


def apply_patches() -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name is not there.
    """
    from ministack.core import iam_evaluator, responses, router
    from ministack.services import s3

    enforce: Callable[..., Any] = original(iam_evaluator, "enforce")
    access_key: Callable[..., str] = original(router, "extract_access_key_id")
    region: Callable[[], str] = original(responses, "get_region")
    error: Callable[..., Answer] = original(s3, "_error")

    def hiding(read: Callable[..., Answer]) -> Callable[..., Answer]:
        def read_or_refuse(
            bucket: str,
            key: str,
            headers: Mapping[str, str] | None = None,
            query: Mapping[str, list[str]] | None = None,
        ) -> Answer:
            answer = read(bucket, key, headers or {}, query or {})
            if answer[0] != 404 or not any(code in answer[2] for code in _MISSING):
                return answer
            caller = access_key(headers or {}, query or {})
            if enforce(caller, "s3:ListBucket", "s3", region(), resource_arn=f"arn:aws:s3:::{bucket}") is None:
                return answer
            return error("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}")

        return read_or_refuse

    for name in ("_get_object", "_head_object"):
        setattr(s3, name, hiding(original(s3, name)))
