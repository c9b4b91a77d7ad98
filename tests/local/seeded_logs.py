"""Access logs of a made-up distribution, written where the edge writes its own."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime

from infra.access_log import COLUMNS, partition_path
from infra.local.edge.log_writer import to_parquet
from infra.local.stack import LocalStack

Record = dict[str, str]
HOURS = (0, 9, 23)
_RECORDS_AN_HOUR = 120
# Content type, result type, status: as often as they stand here.
_ANSWERS = (
    *(("image/avif", "Hit", "200"),) * 12,
    *(("image/avif", "Miss", "200"),) * 2,
    *(("image/webp", "RefreshHit", "200"),) * 3,
    *(("image/jpeg", "Miss", "206"),) * 2,
    ("image/jpeg", "Hit", "304"),
    ("text/plain", "Error", "404"),
    ("-", "Error", "503"),
    ("text/plain", "FunctionGeneratedResponse", "400"),
)


def records_of(day: date) -> Iterator[tuple[datetime, list[Record]]]:
    """Make the records of some hours of ``day``, the same ones every time."""
    chance = random.Random(day.toordinal())
    for hour in HOURS:
        began = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        records = []
        for _ in range(_RECORDS_AN_HOUR):
            content_type, result, status = chance.choice(_ANSWERS)
            known = {
                "date": str(day),
                "time": f"{hour:02}:{chance.randrange(60):02}:{chance.randrange(60):02}",
                "sc_bytes": str(chance.randint(300, 90_000)),
                "sc_content_type": content_type,
                "sc_status": status,
                "x_edge_result_type": result,
            }
            records.append(dict.fromkeys(COLUMNS, "-") | known)
        yield began, records


def seed(stack: LocalStack, distribution: str, *days: date) -> None:
    """Write the logs of ``days`` into the logs bucket, a file an hour."""
    s3, bucket = stack.client("s3", "us-east-1"), stack.parameter("logs-bucket")
    for day in days:
        for hour, records in records_of(day):
            s3.put_object(
                Bucket=bucket, Key=f"{partition_path(distribution, hour)}{hour:%H}.parquet", Body=to_parquet(records)
            )


def unseed(stack: LocalStack, distribution: str, *days: date) -> None:
    """Remove what :func:`seed` wrote."""
    s3, bucket = stack.client("s3", "us-east-1"), stack.parameter("logs-bucket")
    for day in days:
        for hour, _ in records_of(day):
            s3.delete_object(Bucket=bucket, Key=f"{partition_path(distribution, hour)}{hour:%H}.parquet")
