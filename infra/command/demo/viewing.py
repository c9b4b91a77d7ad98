"""Requests to the edge as three browsers send them: every request once, then some of them again."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from infra.command.demo.records import BROWSERS, CHROMIUM, Answer, Ask
from lambdas.core.keys import Variant
from lambdas.core.settings.pictures import Ladder

_PICTURES_AT_ONCE = 4
_CROP = "1:1"

SMALL = tuple(Ask(browser, 256) for browser in BROWSERS)
LARGE = tuple(Ask(browser, 800, density=2) for browser in BROWSERS)
LAZY = Ask(CHROMIUM, 512, aspect_ratio=_CROP)

ASKS: tuple[Ask, ...] = (*SMALL, *LARGE, LAZY, *SMALL, LAZY)
"""Two widths for every browser; a crop that does not exist until it is requested; then the small ones and it again."""


def expected_variant(ask: Ask, ladder: Ladder) -> Variant:
    """Return the variant that the edge should serve for ``ask``."""
    rung = ladder.snap(ask.width * ask.density)
    height = ladder.height(rung, ask.aspect_ratio) if ask.aspect_ratio else 0
    return Variant(rung, height, ask.browser.format)


class Viewer:
    """Sends requests to the edge at ``edge_url``; what it serves is kept in ``folder``, with a folder per picture."""

    def __init__(self, edge_url: str, folder: Path, ladder: Ladder) -> None:
        self._folder = folder
        self._ladder = ladder
        self._client = httpx.Client(base_url=edge_url, timeout=60, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def view(self, image_id: str) -> tuple[Answer, ...]:
        """Send every one of ``ASKS`` for ``image_id``, in order; a request without a response has status 0."""
        folder = self._folder / image_id
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(self._ask(image_id, ask, folder) for ask in ASKS)

    def view_all(self, image_ids: list[str], done: Callable[[], None]) -> dict[str, tuple[Answer, ...]]:
        """View several pictures in parallel; ``done`` is called after each."""

        def one(image_id: str) -> tuple[Answer, ...]:
            answers = self.view(image_id)
            done()
            return answers

        with ThreadPoolExecutor(_PICTURES_AT_ONCE, thread_name_prefix="viewer") as pool:
            return dict(zip(image_ids, pool.map(one, image_ids), strict=True))

    def _ask(self, image_id: str, ask: Ask, folder: Path) -> Answer:
        variant = expected_variant(ask, self._ladder)
        started = time.perf_counter()
        try:
            response = self._client.get(f"/img/{image_id}", params=ask.query(), headers=ask.browser.headers)
        except httpx.HTTPError as error:
            return Answer(ask, variant, 0, type(error).__name__, time.perf_counter() - started, 0, "")
        seconds = time.perf_counter() - started
        content_type = response.headers.get("content-type", "").split(";")[0]
        file = folder / str(variant)
        if response.status_code == 200 and not file.exists():
            file.write_bytes(response.content)
        return Answer(
            ask,
            variant,
            response.status_code,
            response.headers.get("x-cache", "none").split(" ")[0],
            seconds,
            len(response.content),
            content_type,
            file if response.status_code == 200 else None,
        )
