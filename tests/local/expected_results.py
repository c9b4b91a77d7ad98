"""The expected results of queries, computed from the same records and images in plain Python."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import mean
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from seeded_logs import Record

from flows.reporting.queries import ROW_LIMIT
from lambdas.core.settings import Settings
from operations.costs.prices import PRICES

Row = dict[str, Any]
_ID = re.compile(r"/((?:p-)?[0-9a-f]{32})/")
_HITS = ("Hit", "RefreshHit")
NO_PICTURE, UNKNOWN = "(no picture)", "(unknown)"


class Around(NamedTuple):
    """Bounds of a percentile, which Athena itself only estimates."""

    low: float
    high: float


@dataclass(frozen=True)
class Seen:
    """The records of the days and the images by id, both restricted to a tenant if one is given."""

    records: Sequence[Record]
    images: Mapping[str, Row]
    settings: Settings

    @classmethod
    def of(cls, records: Iterable[Record], images: Iterable[Row], tenant: str | None, settings: Settings) -> "Seen":
        """Keep what is of ``tenant``, or all of it."""
        mine = {image["image_id"]: image for image in images if tenant in (None, image["tenant"])}
        return cls([r for r in records if tenant is None or image_id(r) in mine], mine, settings)

    def tenant(self, record: Record) -> str:
        found = image_id(record)
        return NO_PICTURE if found is None else self.images.get(found, {}).get("tenant", UNKNOWN)


def image_id(record: Record) -> str | None:
    found = _ID.match(record["cs_uri_stem"])
    return found[1] if found else None


def status(record: Record) -> int:
    return int(record["sc_status"])


def number(text: str) -> float | None:
    return None if text in ("-", "") else float(text)


def form(record: Record) -> str:
    kind, _, name = record["sc_content_type"].partition("/")
    return name if kind == "image" else "none"


def variant(record: Record) -> str:
    return record["viewer_request_log_data"].partition("_")[0]


def rung(record: Record) -> int | None:
    return int(variant(record).partition("x")[0]) if variant(record) != "-" else None


def moment(record: Record) -> str:
    return f"{record['date']} {record['time']}"


def counts(records: Sequence[Record]) -> Row:
    return {
        "requests": len(records),
        "hits": sum(r["x_edge_result_type"] in _HITS for r in records),
        "misses": sum(r["x_edge_result_type"] == "Miss" for r in records),
        "client_errors": sum(400 <= status(r) < 500 for r in records),
        "server_errors": sum(status(r) >= 500 for r in records),
        "bytes": sum(int(r["sc_bytes"]) for r in records),
    }


def fine_counts(records: Sequence[Record]) -> Row:
    return {name: count for name, count in counts(records).items() if "errors" not in name}


def grouped(records: Iterable[Record], key: Callable[[Record], Any]) -> dict[Any, list[Record]]:
    groups: dict[Any, list[Record]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return groups


def fine(seen: Seen) -> list[Record]:
    return [record for record in seen.records if status(record) < 400]


def distinct(records: Iterable[Record], key: Callable[[Record], Any]) -> int:
    return len({key(record) for record in records} - {None})


def hit_ratio_by(name: str, key: Callable[[Record], Any]) -> Callable[[Seen], list[Row]]:
    return lambda seen: [{name: each, **counts(found)} for each, found in grouped(seen.records, key).items()]


def day_of(record: Record) -> date:
    return date.fromisoformat(record["date"])


def hit_ratio_by_hour(seen: Seen) -> list[Row]:
    groups = grouped(seen.records, lambda r: (day_of(r), int(r["time"][:2])))
    return [{"day": day, "hour": hour, **counts(found)} for (day, hour), found in groups.items()]


def hit_ratio_by_tenant(seen: Seen) -> list[Row]:
    return [{"tenant": each, **counts(found)} for each, found in grouped(seen.records, seen.tenant).items()]


def top_keys(seen: Seen) -> list[Row]:
    groups = grouped(fine(seen), lambda r: (r["cs_uri_stem"], image_id(r), variant(r)))
    rows = [
        {"key": key, "image_id": image, "variant": made, **fine_counts(found)}
        for (key, image, made), found in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row["requests"], row["key"]))[:ROW_LIMIT]


def top_images(seen: Seen) -> list[Row]:
    rows = []
    for found_id, found in grouped(fine(seen), image_id).items():
        image = seen.images.get(found_id or "", {})
        original = {
            "original_format": image.get("format"), "original_width": image.get("width"),
            "original_height": image.get("height"), "original_bytes": image.get("bytes"),
        }  # fmt: skip
        rows.append({"image_id": found_id, "tenant": image.get("tenant"), **original, **fine_counts(found)})
    return sorted(rows, key=lambda row: (-row["requests"], row["image_id"]))[:ROW_LIMIT]


def errors(first: int, last: int) -> Callable[[Seen], list[Row]]:
    def rows(seen: Seen) -> list[Row]:
        found = [record for record in seen.records if first <= status(record) <= last]
        return [
            {
                "status": code,
                "result_type": result,
                "requests": len(group),
                "from_cache": sum(result == "Error" and r["origin_fbl"] == "-" for r in group),
                "paths": distinct(group, lambda r: r["cs_uri_stem"]),
                "addresses": distinct(group, lambda r: r["c_ip"]),
                "latest_at": moment(latest := max(group, key=moment)),
                "latest_path": latest["cs_uri_stem"],
                "latest_referer": latest["cs_referer"],
                "latest_user_agent": latest["cs_user_agent"],
                "latest_request_id": latest["x_edge_request_id"],
            }
            for (code, result), group in grouped(found, lambda r: (status(r), r["x_edge_result_type"])).items()
        ]

    return rows


def cost_by_tenant(seen: Seen) -> list[Row]:
    prices = PRICES
    each = (
        prices.delivery_million_requests + prices.edge_function_million_requests + prices.web_acl_million_requests
    ) / 1e6
    miss = (prices.edge_lambda_million_requests + prices.get_million) / 1e6
    rows = []
    for (tenant, kind, width), found in grouped(seen.records, lambda r: (seen.tenant(r), form(r), rung(r))).items():
        known = counts(found)
        usd = {
            "bytes_usd": known["bytes"] / 1e9 * prices.delivered_gb,
            "requests_usd": known["requests"] * each
            + sum(status(r) < 400 for r in found) * prices.edge_function_million_requests / 1e6
            + known["misses"] * miss,
        }
        kept = {name: known[name] for name in ("requests", "misses", "bytes")}
        rows.append({"tenant": tenant, "format": kind, "rung": width, **kept, **usd})
    return rows


def savings_by_tenant(seen: Seen) -> list[Row]:
    whole = [r for r in seen.records if status(r) == 200 and r["cs_method"] == "GET"]
    ready = [r for r in whole if seen.images.get(image_id(r) or "", {}).get("outcome") == "ready"]
    return [
        {
            "tenant": tenant,
            "requests": len(found),
            "bytes": counts(found)["bytes"],
            "original_bytes": sum(seen.images[image_id(r) or ""]["bytes"] for r in found),
        }
        for tenant, found in grouped(ready, seen.tenant).items()
    ]


def pixels(record: Record) -> float | None:
    return number(record["viewer_request_log_data"].partition("_")[2])


def widths(seen: Seen) -> list[Row]:
    rows = []
    for width, found in grouped((r for r in fine(seen) if rung(r)), rung).items():
        stated = [asked for r in found if (asked := pixels(r)) is not None]
        rows.append(
            {
                "rung": width,
                "requests": len(found),
                "stated": len(stated),
                "narrower": sum(asked > width for asked in stated),
                "min_pixels": min(stated),
                "median_pixels": around(sorted(stated), 50),
                "max_pixels": max(stated),
                "ratio": mean(width / asked for asked in stated),
                "bytes": counts(found)["bytes"],
            }
        )
    return rows


def latency(seen: Seen) -> list[Row]:
    rows = []
    for result, found in grouped(seen.records, lambda r: r["x_edge_result_type"]).items():
        waits = sorted(1000 * float(r["time_to_first_byte"]) for r in found)
        origin = sorted(1000 * took for r in found if (took := number(r["origin_fbl"])) is not None)
        rows.append(
            {
                "result_type": result,
                "requests": len(found),
                **{f"p{share}_ms": around(waits, share) for share in (50, 90, 99)},
                **{f"origin_p{share}_ms": around(origin, share) for share in (50, 99)},
            }
        )
    return rows


def around(ordered: Sequence[float], share: int) -> Around | None:
    last = len(ordered) - 1
    low, high = (min(max(round(last * each / 100), 0), last) for each in (share - 8, share + 8))
    return Around(ordered[low], ordered[high]) if ordered else None


AGENTS = {"Googlebot": "googlebot", "curl": "curl"}


def bots(seen: Seen) -> list[Row]:
    def agent(record: Record) -> str | None:
        said = record["cs_user_agent"]
        return "(none)" if said == "-" else next((name for part, name in AGENTS.items() if part in said), None)

    return [
        {
            "agent": name,
            "requests": len(found),
            "images": distinct(found, image_id),
            "addresses": distinct(found, lambda r: r["c_ip"]),
            "client_errors": counts(found)["client_errors"],
            "bytes": counts(found)["bytes"],
        }
        for name, found in grouped(seen.records, agent).items()
        if name is not None
    ]


def hotlinkers(seen: Seen) -> list[Row]:
    return [
        {
            "host": host,
            "listed": None,
            "requests": len(found),
            "images": distinct(found, image_id),
            "refused": sum(status(r) == 403 for r in found),
            "bytes": counts(found)["bytes"],
        }
        for host, found in grouped(seen.records, lambda r: urlsplit(r["cs_referer"]).hostname).items()
        if host
    ]


def unused_variants(seen: Seen) -> list[Row]:
    stored: Counter[str] = Counter()
    images: Counter[str] = Counter()
    for image in seen.images.values():
        stored.update(image["derivative_bytes"])
        images.update(image["derivative_bytes"].keys())
    asked = grouped(fine(seen), variant)
    return [
        {
            "variant": each,
            "rung": int(each.partition("x")[0]),
            "format": each.partition(".")[2],
            "images": images[each],
            "stored_bytes": stored[each],
            "stored_usd_month": stored[each] / 1e9 * PRICES.stored_gb_month,
            "requested_images": distinct(asked.get(each, []), image_id),
            "requests": len(asked.get(each, [])),
        }
        for each in stored
    ]


def missing_images(seen: Seen) -> list[Row]:
    rows = []
    for found_id, found in grouped((r for r in seen.records if status(r) == 404), image_id).items():
        image, latest = seen.images.get(found_id or "", {}), max(found, key=moment)
        rows.append(
            {
                "image_id": found_id,
                "tenant": image.get("tenant"),
                "outcome": image.get("outcome", UNKNOWN),
                "rejection": image.get("rejection"),
                "requests": len(found),
                "addresses": distinct(found, lambda r: r["c_ip"]),
                "latest_at": moment(latest),
                "latest_referer": latest["cs_referer"],
            }
        )
    return sorted(rows, key=lambda row: (-row["requests"], row["image_id"]))[:ROW_LIMIT]


def fallback_by_day(seen: Seen) -> list[Row]:
    rows = []
    for day, found in grouped(fine(seen), day_of).items():
        fetched = [r for r in found if r["x_edge_result_type"] == "Miss"]
        of_replica, fetched_there = (
            sum(r["viewer_response_log_data"] == "replica" for r in group) for group in (found, fetched)
        )
        rows.append(
            {
                "day": day,
                "requests": len(found),
                "from_replica": of_replica,
                "fetched": len(fetched),
                "fetched_from_replica": fetched_there,
            }
        )
    return rows


EXPECTED: dict[str, Callable[[Seen], list[Row]]] = {
    "bots": bots,
    "client_errors": errors(400, 499),
    "cost_by_tenant": cost_by_tenant,
    "fallback_by_day": fallback_by_day,
    "hit_ratio_by_day": hit_ratio_by("day", day_of),
    "hit_ratio_by_format": hit_ratio_by("format", form),
    "hit_ratio_by_hour": hit_ratio_by_hour,
    "hit_ratio_by_location": hit_ratio_by("location", lambda r: r["x_edge_location"][:3]),
    "hit_ratio_by_tenant": hit_ratio_by_tenant,
    "hotlinkers": hotlinkers,
    "latency": latency,
    "missing_images": missing_images,
    "savings_by_tenant": savings_by_tenant,
    "server_errors": errors(500, 599),
    "top_images": top_images,
    "top_keys": top_keys,
    "unused_variants": unused_variants,
    "widths": widths,
}
"""Rows by question, in no order."""
