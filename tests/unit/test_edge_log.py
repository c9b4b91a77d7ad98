"""The local edge's access log: one record a request, Parquet files by hour, counts from the same records."""

import asyncio
import dataclasses
import io
from datetime import UTC, datetime
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from infra.constructs.edge.access_log import COLUMNS
from infra.local.cloudfront.access_log import LogWriter, Served, Statistics, Timing, access_record, to_parquet
from infra.local.cloudfront.exchange import Response, ViewerRequest

HOUR = datetime(2026, 1, 2, 3, tzinfo=UTC)
BEGAN = HOUR.timestamp() + 4 * 60 + 5.25


def served(status: int = 200, result: Any = "Miss", **headers: str) -> Served:
    request = ViewerRequest(
        "GET",
        "/img/a",
        "token=secret",
        httpx.Headers({"user-agent": 'Mozilla/5.0 "x"\n', "host": "127.0.0.1", "cookie": "token=secret"}),
        "192.0.2.1",
        4711,
        321,
    )
    named = {"content-type": "image/avif", "content-length": "7"} | {n.replace("_", "-"): v for n, v in headers.items()}
    response = Response(status, httpx.Headers(named), b"picture")
    return Served(request, "/a/1024x0.avif", response, result, "id", 0.25, {"viewer-request": "1024x0.avif_900"})


def record(status: int = 200, result: str = "Miss", **headers: str) -> dict[str, str]:
    return access_record(served(status, result, **headers), Timing(BEGAN, 0.0125, 0.5), "d1.cloudfront.net")


@pytest.mark.parametrize(("logged", "field"), [("1024x0.avif_9", "1024x0.avif_9"), ("a/b c", "a%2Fb%20c"), (None, "-")])
def test_what_a_function_logs_is_percent_encoded(logged: str | None, field: str) -> None:
    one = dataclasses.replace(served(), logged={"viewer-request": logged} if logged else {})
    line = access_record(one, Timing(BEGAN, 0.0125, 0.5), "d1.cloudfront.net")
    assert (line["viewer_request_log_data"], line["viewer_response_log_data"]) == (field, "-")


def test_record() -> None:
    line = record()
    assert set(COLUMNS) <= set(line)
    expected = {
        "date": "2026-01-02",
        "time": "03:04:05",
        "c_ip": "192.0.2.1",
        "c_port": "4711",
        "cs_bytes": "321",
        "cs_host": "d1.cloudfront.net",
        "cs_method": "GET",
        "cs_uri_stem": "/a/1024x0.avif",
        "sc_status": "200",
        "sc_content_type": "image/avif",
        "sc_content_len": "7",
        "x_edge_result_type": "Miss",
        "x_edge_request_id": "id",
        "x_host_header": "127.0.0.1",
        "cs_user_agent": "Mozilla/5.0%20%22x%22%0A",
        "cs_referer": "-",
        "time_to_first_byte": "0.013",
        "time_taken": "0.500",
        "sc_range_start": "-",
        "origin_fbl": "0.250",
        "viewer_request_log_data": "1024x0.avif_900",
        "viewer_response_log_data": "-",
    }
    assert {column: line[column] for column in expected} == expected


def test_no_token_is_in_a_record() -> None:
    assert "secret" not in str(record())


def test_bytes_are_those_on_the_wire() -> None:
    wire = b"HTTP/1.1 200 OK\r\ncontent-type: image/avif\r\ncontent-length: 7\r\n\r\npicture"
    assert int(record()["sc_bytes"]) == len(wire)


def test_range_of_a_part() -> None:
    part = record(206, content_range="bytes 10-19/100")
    assert (part["sc_range_start"], part["sc_range_end"]) == ("10", "19")


def test_parquet_has_the_log_s_columns_as_strings() -> None:
    table = pq.read_table(io.BytesIO(to_parquet([record(), record(404, "Error")])))
    assert tuple(table.column_names) == COLUMNS
    assert {str(column.type) for column in table.columns} == {"string"}
    assert table["sc_status"].to_pylist() == ["200", "404"]


class Bucket:
    """Takes files as S3 does, or refuses them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.refuses = False

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803
        if self.refuses:
            raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
        assert (Bucket, ContentType) == ("logs", "application/vnd.apache.parquet")
        self.files[Key] = Body

    def rows(self) -> int:
        return sum(pq.read_table(io.BytesIO(body)).num_rows for body in self.files.values())


def test_a_file_an_hour_in_the_hour_s_partition() -> None:
    bucket = Bucket()
    log = LogWriter(bucket, "logs", "E1")
    for hour in (HOUR, HOUR, HOUR.replace(hour=4)):
        log.add(hour, record())
    assert asyncio.run(log.flush()) == 3
    assert asyncio.run(log.flush()) == 3
    assert (log.written, log.waiting, bucket.rows()) == (3, 0, 3)
    folders = sorted(key.rpartition("/")[0] for key in bucket.files)
    assert folders == [f"cloudfront/distributionid=E1/year=2026/month=01/day=02/hour={hour}" for hour in ("03", "04")]
    assert all(key.rpartition("/")[2].startswith("E1.2026-01-02-0") for key in bucket.files)


def test_records_that_the_bucket_refuses_wait_for_the_next_flush() -> None:
    bucket = Bucket()
    bucket.refuses = True
    log = LogWriter(bucket, "logs", "E1")
    log.add(HOUR, record())
    assert asyncio.run(log.flush()) == 0
    assert log.waiting == 1
    bucket.refuses = False
    log.add(HOUR, record())
    assert asyncio.run(log.flush()) == 2
    assert bucket.rows() == 2


@pytest.fixture
def statistics() -> Statistics:
    counted = Statistics()
    for line in (
        record(),
        record(200, "Hit"),
        record(200, "RefreshHit", content_type="image/webp"),
        record(404, "Error", content_type="text/plain"),
        record(400, "FunctionGeneratedResponse", content_type="text/plain"),
    ):
        counted.add(line)
    return counted


def test_statistics(statistics: Statistics) -> None:
    summary = statistics.summary()
    assert (summary["requests"], summary["hits"], summary["hit_ratio"]) == (5, 2, 0.666667)
    assert summary["results"] == {"Miss": 1, "Hit": 1, "RefreshHit": 1, "Error": 1, "FunctionGeneratedResponse": 1}
    assert summary["statuses"] == {"200": 3, "404": 1, "400": 1}
    assert {name: (c["requests"], c["hits"], c["misses"]) for name, c in summary["formats"].items()} == {
        "avif": (2, 1, 1),
        "webp": (1, 1, 0),
        "none": (2, 0, 0),
    }
    assert summary["bytes"] == sum(counts["bytes"] for counts in summary["formats"].values())


def test_statistics_of_nothing() -> None:
    assert Statistics().summary()["hit_ratio"] is None
