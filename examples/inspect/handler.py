"""An inspecting function for Darkroom: rejects pictures on one list of SHA-256 sums, and holds those on another.

Darkroom calls it for each picture before publishing it, with the image's id, its tenant, its metadata, and the bucket
and key of a small JPEG of it. It answers ``{"verdict": "allow" | "hold" | "reject", "reason": "…"}``. Anything else,
or an error, is tried again; the picture is not published meanwhile.
"""

import os
from typing import Any

import boto3


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Return the verdict on one picture."""
    digest = event["metadata"]["sha256"]
    if digest in os.environ.get("REJECTED", "").split():
        return {"verdict": "reject", "reason": "expected a picture that is not on the list of rejected ones"}
    if digest in os.environ.get("HELD", "").split():
        return {"verdict": "hold", "reason": "on the list of pictures that a person looks at first"}
    # This is what you would give to a classifier, such as Rekognition's detect_moderation_labels.
    preview = boto3.client("s3").get_object(Bucket=event["preview"]["bucket"], Key=event["preview"]["key"])
    if preview["ContentType"] != "image/jpeg":
        raise ValueError(f"expected a JPEG to look at but received {preview['ContentType']}")
    return {"verdict": "allow"}
