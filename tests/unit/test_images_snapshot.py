"""Snapshots of the images table: sorted files, the list that publishes them, removal of old ones."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lambdas.core.records import COLUMNS
from operations import images_snapshot
from operations.images_snapshot import SCHEMA, Snapshot, Tally

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
LIST = "s3://logs/images/current/files"


class Bucket:
    """S3 with one bucket."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        assert bucket == "logs"
        self.objects[key] = Path(path).read_bytes()

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803
        assert (Bucket, ContentType) == ("logs", "text/plain")
        self.objects[Key] = Body

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> None:  # noqa: N803
        for each in Delete["Objects"]:
            del self.objects[each["Key"]]

    def get_paginator(self, name: str) -> "Bucket":
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        for key in sorted(self.objects):
            if key.startswith(Prefix):
                yield {"Contents": [{"Key": key}]}


def row(number: int, tenant: str = "demo") -> dict[str, Any]:
    known = {"image_id": f"{number:032x}", "tenant": tenant, "outcome": "ready", "bytes": number}
    return {column.name: known.get(column.name) for column in COLUMNS} | {"derivative_bytes": {"256x0.avif": number}}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images_snapshot, "_ROWS_A_GROUP", 4)
    monkeypatch.setattr(images_snapshot, "_ROWS_A_FILE", 10)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("rows", "files"), [(0, 0), (1, 1), (10, 1), (11, 2), (25, 3)])
def test_files_contain_every_row_sorted_by_tenant(rows: int, files: int) -> None:
    s3 = Bucket()
    written = [row(number, tenant=("studio", "demo")[number % 2]) for number in range(rows)]
    keys = Snapshot.begin(LIST, NOW).write(s3, "segment", written)
    assert sorted(keys) == sorted(s3.objects) and len(keys) == files
    found = []
    for key in keys:
        file = pq.ParquetFile(io.BytesIO(s3.objects[key]))
        assert file.schema_arrow.equals(SCHEMA)
        for group in range(file.num_row_groups):
            part = file.read_row_group(group).to_pylist()
            assert [each["tenant"] for each in part] == sorted(each["tenant"] for each in part)
            found += part
    assert sorted(each["bytes"] for each in found) == list(range(rows))
    assert all(dict(each["derivative_bytes"]) == {"256x0.avif": each["bytes"]} for each in found)


def test_the_list_has_only_the_files_of_the_current_snapshot() -> None:
    s3 = Bucket()
    for moment in (NOW, NOW + timedelta(minutes=5)):
        snapshot = Snapshot.begin(LIST, moment)
        snapshot.publish(s3, snapshot.write(s3, "segment", [row(1)]))
    assert s3.objects["images/current/files"].decode() == f"s3://logs/{snapshot.prefix}segment-00000.parquet\n"
    assert snapshot.prefix.startswith("images/snapshots/20261123T0605")


def test_a_discarded_snapshot_leaves_nothing() -> None:
    s3 = Bucket()
    kept, discarded = Snapshot.begin(LIST, NOW), Snapshot.begin(LIST, NOW + timedelta(seconds=1))
    kept.publish(s3, kept.write(s3, "segment", [row(1)]))
    before = dict(s3.objects)
    discarded.write(s3, "segment", [row(2)])
    discarded.discard(s3)
    assert s3.objects == before


def test_snapshots_older_than_a_day_are_removed() -> None:
    s3 = Bucket()
    made = [Snapshot.begin(LIST, NOW - timedelta(hours=hours)) for hours in (49, 25, 23, 0)]
    for snapshot in made:
        snapshot.write(s3, "segment", [row(1)])
    made[-1].publish(s3, [])
    assert made[-1].remove_older(s3) == 2
    assert {key.rpartition("/")[0] + "/" for key in s3.objects if "snapshots" in key} == {
        snapshot.prefix for snapshot in made[2:]
    }


def test_only_images_with_an_outcome_are_exported() -> None:
    original = {"bytes": 1, "format": "jpeg"}
    times = {"uploaded_at": "2026-11-23T05:00:00.000Z", "recorded_at": "2026-11-23T05:00:03.000Z"}
    items: list[dict[str, Any]] = [
        {"image_id": "1", "tenant": "demo", "state": "expected", "key": "k", "bytes": 1},
        {"image_id": "2", "tenant": "demo", "state": "processing", "original": original},
        {"image_id": "3", "tenant": "demo", "state": "removed", "removed_at": "2026-11-23T05:00:00.000Z"},
        *(
            {"image_id": state, "tenant": "demo", "state": state, "original": original, **times}
            for state in ("ready", "rejected", "held")
        ),
    ]
    tally = Tally()
    assert [row["outcome"] for row in tally.rows([items[:3], items[3:]])] == ["ready", "rejected", "held"]
    assert (tally.images, tally.skipped) == ({"ready": 1, "rejected": 1, "held": 1}, {})


def test_malformed_items_are_reported() -> None:
    tally = Tally()
    item = {"image_id": "odd", "tenant": "demo"}
    assert list(tally.rows([[item]])) == []
    assert tally.skipped == {"odd": "KeyError('original')"}
