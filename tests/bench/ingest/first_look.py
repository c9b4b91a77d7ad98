"""How soon a picture can be looked at: asked for once its upload is answered, beside a crop of one that is ready.

And how soon a crop of a ready picture comes when nothing else is drawn, beside drawing it alone.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from infra.local.stack import LocalStack
from infra.local.tenant import tenant_uploader
from lambdas.core.keys import Variant
from tests.bench.ingest.bare import bare_seconds
from tests.bench.ingest.intake import Intake

LOOKS = 20
_EVERY_SECONDS = 1.0
_WIDTH = 1024
_CROP = "w=1024&ar=4:3"  # as many pixels, on the ladder, and not drawn ahead
_CROPPED = Variant(1024, 768, "avif")  # what that becomes, for viewers who accept it
_PATIENCE_SECONDS = 120.0
_ACCEPT = {"Accept": "image/avif,image/webp,*/*"}


@dataclass(frozen=True)
class FirstLooks:
    """Milliseconds to the first byte: of pictures just uploaded, and of crops of pictures that are ready."""

    first: tuple[float, ...]
    lazy: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The slowest twentieth of first looks against that of crops."""
        return percentile(self.first, 95) / percentile(self.lazy, 95)


@dataclass(frozen=True)
class LazyCrops:
    """Crops of ready pictures, in milliseconds: the generator's first one, later ones, and drawing alone."""

    cold: float
    warm: tuple[float, ...]
    bare: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median first byte, in times of drawing that variant alone."""
        return percentile(self.warm, 50) / percentile(self.bare, 50)


def percentile(values: tuple[float, ...], percent: int) -> float:
    """Return the ``percent``-th percentile of at least two ``values``."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def measure(stack: LocalStack, intake: Intake, photograph: Path, report: Callable[[int], None]) -> FirstLooks:
    """Upload ``photograph`` once a second and look at it; beside that, ask for a crop of one that is ready.

    Both in turn, for the pipeline draws what was uploaded before, on the same processors. ``report`` is called with the
    number of pictures seen.
    """
    ready = intake.put([photograph] * (LOOKS + 1))
    intake.await_ready(ready)
    first, lazy = [], []
    with tenant_uploader(stack, intake.tenant) as uploader, httpx.Client(trust_env=False, timeout=60) as viewer:
        for number, ready_id in enumerate(ready):
            began = time.monotonic()
            image_id = uploader.upload(photograph).image_id
            looked = _first_byte(viewer, f"{stack.edge_url}/img/{image_id}?w={_WIDTH}")
            cropped = _first_byte(viewer, f"{stack.edge_url}/img/{ready_id}?{_CROP}")
            if number:  # the first ones warm the functions
                first.append(looked)
                lazy.append(cropped)
                report(2)
            time.sleep(max(0.0, _EVERY_SECONDS - (time.monotonic() - began)))
    return FirstLooks(tuple(first), tuple(lazy))


def measure_crops(stack: LocalStack, intake: Intake, photograph: Path, report: Callable[[int], None]) -> LazyCrops:
    """Ask for a crop of each of some pictures that are ready, and draw it alone in turn with that.

    Nobody may have asked the stack's generator for anything before: the first one pays for its start.
    """
    ready = intake.put([photograph] * (LOOKS + 1))
    intake.await_ready(ready)
    seen, bare = [], []
    with httpx.Client(trust_env=False, timeout=60) as viewer:
        for image_id in ready:
            seen.append(_first_byte(viewer, f"{stack.edge_url}/img/{image_id}?{_CROP}"))
            bare.append(1000 * bare_seconds([photograph], [_CROPPED]))
            report(1)
    return LazyCrops(seen[0], tuple(seen[1:]), tuple(bare))


def _first_byte(viewer: httpx.Client, url: str) -> float:
    """Return the milliseconds until ``url`` is answered with a picture, as a viewer who obeys Retry-After waits."""
    began = time.perf_counter()
    while time.perf_counter() - began < _PATIENCE_SECONDS:
        with viewer.stream("GET", url, headers=_ACCEPT) as answer:
            if answer.status_code == httpx.codes.OK:
                return (time.perf_counter() - began) * 1000
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                raise RuntimeError(f"expected a picture at {url} but received {answer.status_code}")
            wait = float(answer.headers.get("Retry-After", "1"))
        time.sleep(wait)
    raise TimeoutError(f"expected a picture at {url} within {_PATIENCE_SECONDS:g} s")
