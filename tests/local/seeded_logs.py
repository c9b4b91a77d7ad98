"""Access logs of a made-up distribution, written where the edge writes its own."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime

from seeded_images import IMAGES

from infra.constructs.edge.access_log import COLUMNS, partition_path
from infra.local.cloudfront.access_log import to_parquet
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
_UNKNOWN = ("f" * 32, "p-" + "e" * 32)
_AGENTS = (
    "Mozilla/5.0%20(X11;%20Linux%20x86_64)%20AppleWebKit/537.36%20Chrome/142.0.0.0%20Safari/537.36",
    "Mozilla/5.0%20(iPhone;%20CPU%20iPhone%20OS%2018_1%20like%20Mac%20OS%20X)%20Version/18.1%20Safari/604.1",
    "Mozilla/5.0%20(compatible;%20Googlebot/2.1;%20+http://www.google.com/bot.html)",
    "curl/8.11.0",
    "-",
)
_REFERERS = ("https://shop.example.com/list?page=2", "https://blog.example.net/a", "http://Thief.example/", "-", "-")
_LOCATIONS = ("FRA60-P1", "FRA60-P2", "IAD12-C3", "NRT20-P4")
_RUNGS = (256, 512, 1024, 1600)


def records_of(day: date) -> Iterator[tuple[datetime, list[Record]]]:
    """Make the records of some hours of ``day``, the same ones every time."""
    chance = random.Random(day.toordinal())
    for hour in HOURS:
        began = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        yield began, [_record(chance, began) for _ in range(_RECORDS_AN_HOUR)]


def _record(chance: random.Random, hour: datetime) -> Record:
    content_type, result, status = chance.choice(_ANSWERS)
    image_id = chance.choice((*(item["image_id"] for item in IMAGES), *_UNKNOWN))
    rung, pixels = chance.choice(_RUNGS), chance.choice(("", str(chance.randint(90, 2500))))
    form = content_type.partition("/")[2] if content_type.startswith("image/") else "jpeg"
    refused = result == "FunctionGeneratedResponse"
    asked_origin = result == "Miss" or (result == "Error" and chance.random() < 0.5)
    known = {
        "date": f"{hour:%Y-%m-%d}",
        "time": f"{hour:%H}:{chance.randrange(60):02}:{chance.randrange(60):02}",
        "x_edge_location": chance.choice(_LOCATIONS),
        "sc_bytes": str(chance.randint(300, 90_000)),
        "c_ip": f"198.51.100.{chance.randrange(40)}",
        "cs_method": "HEAD" if chance.random() < 0.05 else "GET",
        "cs_uri_stem": "/img/nonsense" if refused else f"/{image_id}/{rung}x0.{form}",
        "sc_status": status,
        "cs_referer": chance.choice(_REFERERS),
        "cs_user_agent": chance.choice(_AGENTS),
        "x_edge_result_type": result,
        "x_edge_request_id": f"{chance.getrandbits(64):016x}",
        "time_to_first_byte": f"{chance.random():.3f}",
        "sc_content_type": content_type,
        "origin_fbl": f"{chance.random():.3f}" if asked_origin else "-",
        "viewer_request_log_data": "-" if refused else f"{rung}x0.{form}_{pixels}",
        "viewer_response_log_data": "replica" if int(status) < 400 and chance.random() < 0.1 else "-",
    }
    return dict.fromkeys(COLUMNS, "-") | known


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
