"""The access log's format: its fields, and the paths of its files.

CloudFront standard logging v2 as Parquet with Hive-compatible paths. The log delivery, the Glue table and the local
edge share it. Field names: "Standard logging reference" of the CloudFront guide; their Parquet columns, all
strings: "Create a table for CloudFront logs in Athena … with Parquet". Plain data, without the CDK.
"""

from datetime import datetime
from typing import NamedTuple


class LogField(NamedTuple):
    """One field: its name in a delivery's ``recordFields`` and its column in the Parquet files."""

    name: str
    column: str


# Without cs-uri-query and cs(Cookie), which may carry the token of a private picture. viewer_request.js logs what the
# query asked for as viewer-request-log-data, by cf.logCustomData.
FIELDS: tuple[LogField, ...] = tuple(
    LogField(name, column)
    for name, column in (
        ("date", "date"),
        ("time", "time"),
        ("x-edge-location", "x_edge_location"),
        ("sc-bytes", "sc_bytes"),
        ("c-ip", "c_ip"),
        ("cs-method", "cs_method"),
        ("cs(Host)", "cs_host"),
        ("cs-uri-stem", "cs_uri_stem"),
        ("sc-status", "sc_status"),
        ("cs(Referer)", "cs_referer"),
        ("cs(User-Agent)", "cs_user_agent"),
        ("x-edge-result-type", "x_edge_result_type"),
        ("x-edge-request-id", "x_edge_request_id"),
        ("x-host-header", "x_host_header"),
        ("cs-protocol", "cs_protocol"),
        ("cs-bytes", "cs_bytes"),
        ("time-taken", "time_taken"),
        ("x-forwarded-for", "x_forwarded_for"),
        ("ssl-protocol", "ssl_protocol"),
        ("ssl-cipher", "ssl_cipher"),
        ("x-edge-response-result-type", "x_edge_response_result_type"),
        ("cs-protocol-version", "cs_protocol_version"),
        ("fle-status", "fle_status"),
        ("fle-encrypted-fields", "fle_encrypted_fields"),
        ("c-port", "c_port"),
        ("time-to-first-byte", "time_to_first_byte"),
        ("x-edge-detailed-result-type", "x_edge_detailed_result_type"),
        ("sc-content-type", "sc_content_type"),
        ("sc-content-len", "sc_content_len"),
        ("sc-range-start", "sc_range_start"),
        ("sc-range-end", "sc_range_end"),
        ("origin-fbl", "origin_fbl"),
        ("viewer-request-log-data", "viewer_request_log_data"),
        ("viewer-response-log-data", "viewer_response_log_data"),
    )
)

RECORD_FIELDS = tuple(field.name for field in FIELDS)
COLUMNS = tuple(field.column for field in FIELDS)

TABLE = "access_log"
"""The Glue table over the log, as queries name it."""

PREFIX = "cloudfront"
"""Folder in the logs bucket, named in the destination's ARN (``{bucket arn}/cloudfront``).

With a prefix, CloudFront does not add ``AWSLogs/{account}/CloudFront/`` before the suffix path.
"""

_PARTITIONS = {
    "distributionid": "{distributionid}",
    "year": "{yyyy}",
    "month": "{MM}",
    "day": "{dd}",
    "hour": "{HH}",
}

PARTITION_KEYS = tuple(_PARTITIONS)
"""The table's partition keys, outermost first; the hour is that of the request, UTC."""

SUFFIX_PATH = "/".join(_PARTITIONS.values())
"""A delivery's ``s3SuffixPath``; Hive compatibility adds ``key=`` before each part."""

LOCATION_TEMPLATE = PREFIX + "/" + "/".join(f"{key}=${{{key}}}" for key in PARTITION_KEYS) + "/"
"""A partition's path as in a Glue table's ``storage.location.template``, without the bucket."""


def partition_path(distribution_id: str, hour: datetime) -> str:
    """Return the folder, with a trailing slash, of the UTC ``hour`` of ``distribution_id``."""
    values = (distribution_id, f"{hour:%Y}", f"{hour:%m}", f"{hour:%d}", f"{hour:%H}")
    return PREFIX + "/" + "".join(f"{key}={value}/" for key, value in zip(PARTITION_KEYS, values, strict=True))
