"""What the edge served since its start, counted from the same records that go into the access log."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from lambdas.core.keys import MIME_TYPES

_FORMATS = {mime_type: name for name, mime_type in MIME_TYPES.items()}
_HITS = ("Hit", "RefreshHit")


class Statistics:
    """Counts by result type, status and format ("none" for an answer without a picture).

    Bytes are those sent, headers included.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0
        self._results: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._formats: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, record: Mapping[str, str]) -> None:
        """Count one record of the access log."""
        sent, result = int(record["sc_bytes"]), record["x_edge_result_type"]
        self.requests += 1
        self.bytes += sent
        self._results[result] += 1
        self._statuses[record["sc_status"]] += 1
        form = self._formats[_FORMATS.get(record["sc_content_type"], "none")]
        form.update({"requests": 1, "hits": int(result in _HITS), "misses": int(result == "Miss"), "bytes": sent})

    def summary(self) -> dict[str, Any]:
        """Return the counts as JSON would have them.

        The hit ratio is CloudFront's: hits among hits and misses, errors and the function's own answers left out.
        """
        hits = sum(self._results[result] for result in _HITS)
        cacheable = hits + self._results["Miss"]
        return {
            "requests": self.requests,
            "bytes": self.bytes,
            "hits": hits,
            "hit_ratio": round(hits / cacheable, 6) if cacheable else None,
            "results": dict(self._results),
            "statuses": dict(self._statuses),
            "formats": {name: dict(counts) for name, counts in self._formats.items()},
        }
