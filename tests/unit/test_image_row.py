"""An item of the images table as a row for analytics."""

from datetime import UTC, datetime
from typing import Any

from test_record_item import CORRUPT, IMAGE, METADATA, made, request

from lambdas.core.records import COLUMNS, image_item, image_row

RECORDED_AT = datetime(2026, 11, 23, 12, 0, 5, 250_000, UTC)


def row(**fields: Any) -> dict[str, Any]:
    return image_row(image_item(request(**fields), RECORDED_AT))


def test_a_ready_image() -> None:
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
        "type_mismatch": True,
        "uploaded_at": datetime(2026, 11, 23, 12),
        "recorded_at": datetime(2026, 11, 23, 12, 0, 5, 250_000),
        "derivative_bytes": {"1600x0.avif": 10, "256x256.webp": 10},
    }
    assert tuple(found) == tuple(column.name for column in COLUMNS)


def test_a_rejected_image() -> None:
    found = row(rejection=CORRUPT)
    assert (found["outcome"], found["rejection"], found["bytes"]) == ("rejected", "corrupt", 1234)
    assert (found["width"], found["animation"], found["derivative_bytes"]) == (None, None, {})
    assert tuple(found) == tuple(column.name for column in COLUMNS)


def test_an_item_from_before_a_field_was_recorded() -> None:
    old = {name: value for name, value in METADATA.items() if name not in ("animation", "type_mismatch")}
    item = image_item(request(metadata=METADATA), RECORDED_AT) | {"metadata": old}
    assert (image_row(item)["animation"], image_row(item)["width"]) == (None, 4000)
