"""The trace against three cache keys: ours, the raw one, and one with the format alone normalised."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.command.traffic.trace import TracedRequest, trace
from lambdas.core.keys import Variant
from lambdas.core.settings import Settings
from tests.bench.delivery.function import event, run_function

REQUESTS = 200_000
_WARM_UP_SEED, _SEED = 1, 2
# Bytes a pixel of width 768 × 512, as the calibration's photograph had them: what matters here is their proportion.
_BYTES_PER_PIXEL = {"avif": 0.24, "webp": 0.42, "jpeg": 0.54}


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one cache key made of the trace; hits as shares, cold without and warm with the earlier trace."""

    name: str
    cold_hit_ratio: float
    warm_hit_ratio: float
    objects: int
    origin_bytes: int
    """Fetched from the origin over both traces, every variant taken to have the bytes of its format and size."""


@dataclass(frozen=True, slots=True)
class _Keyed:
    key: str
    size: int


def replay(settings: Settings) -> list[Replayed]:
    """Replay a trace to warm a cache without bound, then another one that is measured, for each kind of key."""
    traces = [list(trace(seed, REQUESTS)) for seed in (_WARM_UP_SEED, _SEED)]
    paths = _rewritten(settings, [request for requests in traces for request in requests])
    return [
        _simulate("Darkroom", [[_ours(paths[_identity(r)]) for r in requests] for requests in traces]),
        _simulate("Format only", [[_format_only(paths[_identity(r)], r) for r in requests] for requests in traces]),
        _simulate("Raw Accept and query", [[_raw(paths[_identity(r)], r) for r in requests] for requests in traces]),
    ]


def _rewritten(settings: Settings, requests: Sequence[TracedRequest]) -> dict[tuple[object, ...], str]:
    distinct = list({_identity(request): request for request in requests}.values())
    lines: Iterator[dict[str, object]] = ({"event": event(r.path, r.query, r.headers)} for r in distinct)
    with tempfile.TemporaryDirectory() as folder:
        results = run_function(settings, lines, Path(folder))
    return {_identity(request): path for request, path in zip(distinct, results, strict=True)}


def _identity(request: TracedRequest) -> tuple[object, ...]:
    return request.image, request.query, request.headers


def _ours(path: str) -> _Keyed:
    variant = Variant.parse(path.rpartition("/")[2])
    return _Keyed(path, _bytes(variant.width, variant.format))


def _format_only(path: str, request: TracedRequest) -> _Keyed:
    fmt = path.rpartition(".")[2]
    return _Keyed(f"{request.path}?{request.query}\n{fmt}", _bytes(request.width, fmt))


def _raw(path: str, request: TracedRequest) -> _Keyed:
    return _Keyed(f"{request.path}?{request.query}\n{request.accept}", _bytes(request.width, path.rpartition(".")[2]))


def _bytes(width: int, fmt: str) -> int:
    return round(width * width * 2 / 3 * _BYTES_PER_PIXEL[fmt])


def _simulate(name: str, traces: Sequence[Sequence[_Keyed]]) -> Replayed:
    kept: set[str] = set()
    ratios, fetched = [], 0
    for requests in traces:
        hits = 0
        for request in requests:
            if request.key in kept:
                hits += 1
            else:
                kept.add(request.key)
                fetched += request.size
        ratios.append(hits / len(requests))
    return Replayed(name, ratios[0], ratios[-1], len(kept), fetched)
