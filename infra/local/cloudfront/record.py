"""One line of the access log, by the columns of CloudFront's standard log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

from infra.local.cloudfront.exchange import Answer, ResultType, ViewerRequest

EDGE_LOCATION = "LOC50-P1"
_ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Served:
    """A request that was answered.

    ``path`` is the one after the viewer-request function, ``origin_seconds`` what its origin took if one was asked,
    ``logged`` the functions' own data, by event type.
    """

    request: ViewerRequest
    path: str
    answer: Answer
    result_type: ResultType
    request_id: str
    origin_seconds: float | None = None
    logged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a request came, in seconds since the epoch, and how many seconds its first and last byte took."""

    began_at: float
    first_byte_seconds: float
    whole_seconds: float

    @property
    def hour(self) -> datetime:
        """The UTC hour that the request belongs to."""
        return _hour(int(self.began_at) // 3600)


def access_record(served: Served, timing: Timing, domain_name: str) -> dict[str, str]:
    """Return every column of the standard log that the local edge knows of, "-" for what is absent."""
    request, answer = served.request, served.answer
    date, clock = _date_and_time(int(timing.began_at))
    first, last = _range(answer)
    return {
        "date": date,
        "time": clock,
        "x_edge_location": EDGE_LOCATION,
        "sc_bytes": str(answer.sent_bytes),
        "c_ip": request.client_ip,
        "cs_method": request.method,
        "cs_host": domain_name,
        "cs_uri_stem": served.path,
        "sc_status": str(answer.status),
        "cs_referer": _encoded(request.headers.get("referer")),
        "cs_user_agent": _encoded(request.headers.get("user-agent")),
        "x_edge_result_type": served.result_type,
        "x_edge_request_id": served.request_id,
        "x_host_header": _encoded(request.headers.get("host")),
        "cs_protocol": "http",
        "cs_bytes": str(request.received_bytes),
        "time_taken": f"{timing.whole_seconds:.3f}",
        "x_forwarded_for": _encoded(request.headers.get("x-forwarded-for")),
        "ssl_protocol": _ABSENT,
        "ssl_cipher": _ABSENT,
        "x_edge_response_result_type": served.result_type,
        "cs_protocol_version": f"HTTP/{request.http_version}",
        "fle_status": _ABSENT,
        "fle_encrypted_fields": _ABSENT,
        "c_port": str(request.client_port),
        "time_to_first_byte": f"{timing.first_byte_seconds:.3f}",
        "x_edge_detailed_result_type": served.result_type,
        "sc_content_type": _encoded(answer.headers.get("content-type")),
        "sc_content_len": answer.headers.get("content-length", _ABSENT),
        "sc_range_start": first,
        "sc_range_end": last,
        "origin_fbl": _ABSENT if served.origin_seconds is None else f"{served.origin_seconds:.3f}",
        "viewer_request_log_data": _encoded(served.logged.get("viewer-request")),
        "viewer_response_log_data": _encoded(served.logged.get("viewer-response")),
    }


# Neighbouring requests have the same second, and the same few browsers and pages.
@lru_cache(maxsize=16)
def _date_and_time(seconds: int) -> tuple[str, str]:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}"


@lru_cache(maxsize=16)
def _hour(hours: int) -> datetime:
    return datetime.fromtimestamp(hours * 3600, UTC)


def _range(answer: Answer) -> tuple[str, str]:
    if answer.status != 206:
        return _ABSENT, _ABSENT
    first, _, last = answer.headers["content-range"].removeprefix("bytes ").partition("/")[0].partition("-")
    return first, last


@lru_cache(maxsize=4096)
def _encoded(value: str | None) -> str:
    """Percent-encode what would break a line of the log, as CloudFront does."""
    return quote(value, safe="!#$&'()*+,/:;<=>?@[]^_`{|}~-.%") if value else _ABSENT
