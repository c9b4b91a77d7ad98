"""A row of the images table: what an outcome adds to it, and its analytics row."""

import json
from datetime import UTC, datetime
from typing import Any

from lambdas.core.messages import RecordRequest
from lambdas.core.records import COLUMNS, image_row, original_of, rejection_of, results

RECORDED_AT = datetime(2026, 11, 23, 12, 0, 5, 250_000, UTC)
IMAGE_ID = "0123456789abcdef0123456789abcdef"
IMAGE = {
    "image_id": IMAGE_ID,
    "tenant": "demo",
    "bucket": "originals",
    "key": f"demo/2026-11-23/{IMAGE_ID}",
    "version_id": None,
    "etag": "abc",
    "bytes": 1234,
    "uploaded_at": "2026-11-23T12:00:00Z",
    "format": "jpeg",
    "claim_id": "execution",
}
METADATA = {
    "width": 4000, "height": 3000, "format": "jpeg", "mime_type": "image/jpeg", "bytes": 1234, "sha256": "0" * 64,
    "declared_type": "image/png", "type_mismatch": True, "orientation": 6, "color_space": "srgb",
    "profile": "Display P3", "profile_ignored": None, "hdr": "none", "gamut": "reduced", "alpha": False,
    "pages": 1, "animation": "none", "first_frame_reason": None, "damaged": False,
    "camera_make": "Canon", "camera_model": None, "captured_at": "2015-10-11T14:41:44",
    "position": {"latitude": 52.52, "longitude": -13.4}, "dominant_color": "#1428c8", "thumbhash": "1QcSHQ==",
}  # fmt: skip
CORRUPT = {"code": "corrupt", "message": "expected pixels but received none"}


def made(seconds: float, *variants: str) -> dict[str, Any]:
    stored = [{"variant": variant, "bytes": 10, "width": 256, "height": 192} for variant in variants]
    return {"outcome": "made", "derivatives": stored, "rejection": None, "seconds": seconds}


def request(**fields: Any) -> RecordRequest:
    return RecordRequest.model_validate({"image": IMAGE, "timings": {"validate": 0.1, "metadata": 0.2}, **fields})


def test_what_a_ready_image_adds() -> None:
    found = results(
        request(metadata=METADATA, derivations=[made(1.5, "1600x0.avif"), made(0.5, "256x0.avif", "256x0.webp")]),
        RECORDED_AT,
    )
    assert found == {
        "recorded_at": "2026-11-23T12:00:05.250Z",
        "metadata": METADATA,
        "derivatives": {
            "1600x0.avif": {"bytes": 10, "width": 256, "height": 192},
            "256x0.avif": {"bytes": 10, "width": 256, "height": 192},
            "256x0.webp": {"bytes": 10, "width": 256, "height": 192},
        },
        "timings": {"validate": 0.1, "metadata": 0.2, "derive": 1.5, "derive_all_groups": 2.0},
    }
    json.dumps(found)


def test_the_original_in_a_row() -> None:
    expected = {name: IMAGE[name] for name in ("bucket", "key", "version_id", "etag", "bytes", "format")}
    assert original_of(request().image) == expected


def test_a_rejected_image_adds_a_reason_and_no_derivatives() -> None:
    found = results(request(rejection=CORRUPT), RECORDED_AT)
    assert found["rejection"] == CORRUPT
    assert {"derivatives", "metadata"} & set(found) == set()
    assert found["timings"] == {"validate": 0.1, "metadata": 0.2}


def test_one_failed_group_rejects_the_image() -> None:
    failed = {"outcome": "rejected", "derivatives": [], "rejection": CORRUPT, "seconds": 0.3}
    asked = request(metadata=METADATA, derivations=[made(1.0, "1600x0.avif"), failed])
    found = rejection_of(asked)
    assert found is not None
    assert found.code == "corrupt"
    assert results(asked, RECORDED_AT)["rejection"]["code"] == "corrupt"


def item(**fields: Any) -> dict[str, Any]:
    asked = request(**fields)
    return {
        "image_id": IMAGE_ID,
        "tenant": "demo",
        "state": "ready" if rejection_of(asked) is None else "rejected",
        "uploaded_at": "2026-11-23T12:00:00.000Z",
        "original": original_of(asked.image),
        **results(asked, RECORDED_AT),
    }


def row(**fields: Any) -> dict[str, Any]:
    return image_row(item(**fields))


def test_the_row_of_a_ready_image() -> None:
    found = row(metadata=METADATA, derivations=[made(1.5, "1600x0.avif"), made(0.5, "256x256.webp")])
    assert found == {
        "image_id": IMAGE["image_id"],
        "tenant": "demo",
        "outcome": "ready",
        "rejection": None,
        "format": "jpeg",
        "bytes": 1234,
        "width": 4000,
        "height": 3000,
        "alpha": False,
        "pages": 1,
        "animation": "none",
        "color_space": "srgb",
        "hdr": "none",
        "gamut": "reduced",
        "type_mismatch": True,
        "uploaded_at": datetime(2026, 11, 23, 12),
        "recorded_at": datetime(2026, 11, 23, 12, 0, 5, 250_000),
        "derivative_bytes": {"1600x0.avif": 10, "256x256.webp": 10},
    }
    assert tuple(found) == tuple(column.name for column in COLUMNS)


def test_the_row_of_a_rejected_image() -> None:
    found = row(rejection=CORRUPT)
    assert (found["outcome"], found["rejection"], found["bytes"]) == ("rejected", "corrupt", 1234)
    assert (found["width"], found["animation"], found["derivative_bytes"]) == (None, None, {})
    assert tuple(found) == tuple(column.name for column in COLUMNS)


def test_the_row_of_an_older_item_without_a_field() -> None:
    old = {name: value for name, value in METADATA.items() if name not in ("animation", "hdr", "type_mismatch")}
    found = image_row(item(metadata=METADATA) | {"metadata": old})
    assert (found["animation"], found["hdr"], found["width"]) == (None, None, 4000)
