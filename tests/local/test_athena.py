"""Athena's protocol as boto3 and PyAthena, unchanged, speak it to the local stack."""

import io
import json
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import boto3
import pyarrow.parquet as pq
import pyathena
import pytest
from botocore.exceptions import ClientError
from pyathena.error import DatabaseError, OperationalError
from pyathena.pandas.cursor import PandasCursor
from scan_limits import scan_limit
from seeded_logs import HOURS, records_of, seed, unseed

from infra.constructs.edge.access_log import TABLE, partition_path
from infra.local.stack import LocalStack

SITE, OTHER_SITE = "E1ATHENA", "E2ATHENA"
DAYS = (date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 2))
_FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


@pytest.fixture(scope="module", autouse=True)
def logs(stack: LocalStack) -> Iterator[None]:
    for site in (SITE, OTHER_SITE):
        seed(stack, site, *DAYS)
    yield
    for site in (SITE, OTHER_SITE):
        unseed(stack, site, *DAYS)


def client(stack: LocalStack, **credentials: str) -> Any:
    environment = stack.environment()
    return boto3.client(
        "athena",
        endpoint_url=environment["AWS_ENDPOINT_URL_ATHENA"],
        region_name=environment["AWS_REGION"],
        **(
            credentials
            or {
                "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
            }
        ),
    )


@pytest.fixture
def athena(stack: LocalStack) -> Any:
    return client(stack)


@pytest.fixture
def cursor(stack: LocalStack) -> Iterator[Any]:
    environment = stack.environment()
    with (
        pyathena.connect(
            endpoint_url=environment["AWS_ENDPOINT_URL_ATHENA"],
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            work_group=stack.parameter("athena-workgroup"),
            schema_name=stack.parameter("glue-database"),
            poll_interval=0.05,
        ) as connection,
        connection.cursor() as opened,
    ):
        yield opened


def run(stack: LocalStack, athena: Any, sql: str, **options: Any) -> dict[str, Any]:
    """Start a query and return its description once it is over."""
    started = athena.start_query_execution(
        QueryString=sql,
        WorkGroup=stack.parameter("athena-workgroup"),
        QueryExecutionContext={"Database": stack.parameter("glue-database")},
        **options,
    )["QueryExecutionId"]
    deadline = time.monotonic() + 60
    while True:
        execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]
        if execution["Status"]["State"] in _FINAL:
            return execution
        assert time.monotonic() < deadline, execution
        time.sleep(0.05)


def column_bytes(stack: LocalStack, site: str, day: date, *columns: str) -> int:
    """Add up the stored bytes of ``columns`` in a day's files, from the bucket itself."""
    s3, bucket = stack.client("s3"), stack.parameter("logs-bucket")
    total = 0
    for hour, _ in records_of(day):
        body = s3.get_object(Bucket=bucket, Key=f"{partition_path(site, hour)}{hour:%H}.parquet")["Body"].read()
        group = pq.ParquetFile(io.BytesIO(body)).metadata.row_group(0)
        chunks = [group.column(place) for place in range(group.num_columns)]
        total += sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in columns)
    return total


def test_a_query_finds_the_rows_of_its_partitions(cursor: Any) -> None:
    cursor.execute(
        f"SELECT month, day, hour, count(*) AS requests FROM {TABLE} WHERE distributionid = %(site)s"
        " AND year * 10000 + month * 100 + day BETWEEN 20261231 AND 20270101 GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3",
        {"site": SITE},
    )
    assert cursor.fetchall() == [(month, day, hour, 120) for month, day in ((12, 31), (1, 1)) for hour in HOURS]
    assert [(name, kind) for name, kind, *_ in cursor.description] == [
        ("month", "integer"),
        ("day", "integer"),
        ("hour", "integer"),
        ("requests", "bigint"),
    ]


def test_every_record_comes_back_as_it_was_written(cursor: Any) -> None:
    cursor.execute(
        f"SELECT date, time, sc_status, sc_bytes FROM {TABLE}"
        f" WHERE distributionid = '{SITE}' AND year = 2027 AND day = 2"
    )
    written = [
        tuple(record[column] for column in ("date", "time", "sc_status", "sc_bytes"))
        for _, records in records_of(DAYS[2])
        for record in records
    ]
    assert sorted(cursor.fetchall()) == sorted(written)


def test_bytes_scanned_are_those_of_the_columns_and_days_asked_for(stack: LocalStack, athena: Any) -> None:
    sql = f"SELECT sum(CAST(sc_bytes AS bigint)) FROM {TABLE} WHERE distributionid = ? AND year = 2027 AND day = ?"
    one_day = run(stack, athena, sql, ExecutionParameters=[f"'{SITE}'", "1"])
    assert one_day["Statistics"]["DataScannedInBytes"] == column_bytes(stack, SITE, DAYS[1], "sc_bytes")
    assert one_day["Query"] == sql
    assert one_day["StatementType"] == "DML"


def test_a_query_over_the_workgroups_limit_is_cancelled(stack: LocalStack, athena: Any) -> None:
    sql = f"SELECT max(time) FROM {TABLE} WHERE distributionid = '{SITE}'"
    with scan_limit(stack, 100):
        execution = run(stack, athena, sql)
    assert execution["Status"]["State"] == "CANCELLED"
    assert "Bytes scanned limit was exceeded" in execution["Status"]["StateChangeReason"]
    with pytest.raises(ClientError, match="Final query state: CANCELLED"):
        athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    assert run(stack, athena, sql)["Status"]["State"] == "SUCCEEDED"


def test_a_query_that_names_no_distribution_fails_as_it_would_on_aws(cursor: Any) -> None:
    with pytest.raises(OperationalError, match=r"CONSTRAINT_VIOLATION: .* partition column distributionid"):
        cursor.execute(f"SELECT count(*) FROM {TABLE}")


def test_an_empty_result_has_columns(cursor: Any) -> None:
    cursor.execute(f"SELECT sc_status, hour FROM {TABLE} WHERE distributionid = 'nobody'")
    assert cursor.fetchall() == []
    assert [column[0] for column in cursor.description] == ["sc_status", "hour"]


def test_a_cursor_that_reads_the_result_file_finds_it(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    connection = pyathena.connect(
        work_group=stack.parameter("athena-workgroup"),
        schema_name=stack.parameter("glue-database"),
        poll_interval=0.05,
        cursor_class=PandasCursor,
    )
    sql = f"SELECT hour, count(*) AS requests FROM {TABLE} WHERE distributionid = '{SITE}' AND day = 2 GROUP BY 1"
    rows = connection.cursor().execute(sql).as_pandas()
    assert sorted(zip(rows["hour"], rows["requests"], strict=True)) == [(hour, 120) for hour in HOURS]


def test_new_files_are_seen_at_once(stack: LocalStack, cursor: Any) -> None:
    sql = f"SELECT count(*) FROM {TABLE} WHERE distributionid = 'E3ATHENA'"
    cursor.execute(sql)
    assert cursor.fetchone() == (0,)
    seed(stack, "E3ATHENA", DAYS[0])
    cursor.execute(sql)
    assert cursor.fetchone() == (360,)
    unseed(stack, "E3ATHENA", DAYS[0])
    cursor.execute(sql)
    assert cursor.fetchone() == (0,)


def test_malformed_sql_is_refused_at_once(cursor: Any, athena: Any, stack: LocalStack) -> None:
    with pytest.raises(ClientError) as refusal:
        run(stack, athena, "SELECT count( FROM access_log")
    assert refusal.value.response["Error"]["Code"] == "InvalidRequestException"
    assert refusal.value.response["AthenaErrorCode"] == "MALFORMED_QUERY"
    assert "line 1:" in refusal.value.response["Error"]["Message"]
    with pytest.raises(DatabaseError):
        cursor.execute("SELECT count( FROM access_log")


def test_an_unknown_column_fails_the_query(stack: LocalStack, athena: Any) -> None:
    status = run(stack, athena, f"SELECT nope FROM {TABLE} WHERE distributionid = '{SITE}'")["Status"]
    assert status["State"] == "FAILED"
    assert "nope" in status["StateChangeReason"]


def test_other_statements_are_forwarded(athena: Any, stack: LocalStack) -> None:
    assert stack.parameter("athena-workgroup") in {group["Name"] for group in athena.list_work_groups()["WorkGroups"]}
    metadata = athena.get_table_metadata(
        CatalogName="AwsDataCatalog", DatabaseName=stack.parameter("glue-database"), TableName=TABLE
    )
    assert metadata["TableMetadata"]["Name"] == TABLE


def test_policies_and_signatures_are_enforced(stack: LocalStack) -> None:
    iam = stack.client("iam")
    iam.create_user(UserName="analyst")
    key = iam.create_access_key(UserName="analyst")["AccessKey"]
    pair = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    sql = f"SELECT count(*) FROM {TABLE} WHERE distributionid = '{SITE}'"
    try:
        with pytest.raises(ClientError, match="not authorized to perform: athena:StartQueryExecution"):
            run(stack, client(stack, **pair), sql)
        with pytest.raises(ClientError, match="signature"):
            run(stack, client(stack, **pair | {"aws_secret_access_key": "guessed"}), sql)
        allowed = {"Effect": "Allow", "Action": "athena:*", "Resource": "*"}
        iam.put_user_policy(
            UserName="analyst",
            PolicyName="ask",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        )
        assert run(stack, client(stack, **pair), sql)["Status"]["State"] == "SUCCEEDED"
    finally:
        iam.delete_access_key(UserName="analyst", AccessKeyId=key["AccessKeyId"])
        for policy in iam.list_user_policies(UserName="analyst")["PolicyNames"]:
            iam.delete_user_policy(UserName="analyst", PolicyName=policy)
        iam.delete_user(UserName="analyst")
