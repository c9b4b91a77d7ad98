"""A seeded trace of viewers' requests: popular and rare pictures, headers of real browsers and bots, odd URLs."""

import itertools
import random
from collections.abc import Iterator
from typing import NamedTuple

IMAGES = 5_000
# Requests for photographs fall off about as 1/rank (Breslau et al., INFOCOM 1999; Huang et al., SOSP 2013).
_ZIPF = 1.0
_WIDTHS = (160, 200, 240, 256, 300, 320, 360, 375, 390, 400, 412, 414, 480, 500, 512, 600, 640, 720, 750, 768, 800,
           828, 960, 1000, 1024, 1080, 1200, 1280, 1440, 1600, 1920)  # fmt: skip
_JUNK = ("utm_source=mail", "utm_source=social", "utm_campaign=autumn", "ref=home", "v=2", "cb={}", "fbclid={}")


class Client(NamedTuple):
    """A kind of viewer.

    Share of the requests, Accept header, device pixels per CSS pixel of its screens, User-Agent, and whether it
    sends client hints.
    """

    share: float
    accept: str
    densities: tuple[float, ...]
    agent: str
    hints: bool = False


_CHROMIUM = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
_WEBKIT_18 = (
    "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,"
    "image/*;q=0.8,*/*;q=0.5"
)
_WEBKIT_16 = "image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
_WEBKIT_15 = "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
_WEBKIT_13 = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
_GECKO = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
_OLD_CHROMIUM = "image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"

_ON_LINUX = "Mozilla/5.0 (X11; Linux x86_64)"
_ON_ANDROID = "Mozilla/5.0 (Linux; Android 10; K)"
_ON_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_ON_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS {} like Mac OS X)"
_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"


def _safari(system: str, version: str) -> str:
    return f"{_ON_IPHONE.format(system)} {_APPLE} Version/{version} Mobile/15E148 Safari/604.1"


CLIENTS = (
    Client(0.30, _CHROMIUM, (2, 2.625, 2.75, 3), f"{_ON_ANDROID} {_BLINK} Chrome/142.0.0.0 Mobile Safari/537.36", True),
    Client(0.27, _CHROMIUM, (1, 1.25, 1.5, 2), f"{_ON_WINDOWS} {_BLINK} Chrome/142.0.0.0 Safari/537.36"),
    Client(0.22, _WEBKIT_18, (2, 3), _safari("18_6", "18.6")),
    Client(0.03, _WEBKIT_16, (2,), _safari("16_7", "16.6")),
    Client(0.02, _WEBKIT_15, (2, 3), _safari("15_8", "15.6")),
    Client(0.05, _GECKO, (1, 2), "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    Client(0.01, "image/avif,image/webp,*/*", (1,), f"{_ON_LINUX} Gecko/20100101 Firefox/102.0"),
    Client(0.01, "image/webp,*/*", (1,), f"{_ON_LINUX} Gecko/20100101 Firefox/78.0"),
    Client(0.01, _WEBKIT_13, (2,), _safari("13_7", "13.1")),
    Client(0.03, _OLD_CHROMIUM, (1, 2, 3), f"{_ON_WINDOWS} {_BLINK} Chrome/79.0.3945.130 Safari/537.36"),
    Client(0.04, "*/*", (1,), "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    Client(0.01, "", (1,), "python-requests/2.32.3"),
)


class TracedRequest(NamedTuple):
    """One request. ``width`` is the number of device pixels that the viewer needs, ``agent`` its User-Agent."""

    image: int
    query: str
    accept: str
    headers: tuple[tuple[str, str], ...]
    width: int
    agent: str = ""

    @property
    def path(self) -> str:
        """The requested path."""
        return f"/img/{self.image:032x}"


def trace(seed: int, requests: int, images: int = IMAGES) -> Iterator[TracedRequest]:
    """Yield ``requests`` requests for ``images`` pictures, 0 the most popular; the same for the same ``seed``."""
    chance = random.Random(seed)  # noqa: S311 - a trace, no secret
    ranks = list(itertools.accumulate(1 / rank**_ZIPF for rank in range(1, images + 1)))
    shares = list(itertools.accumulate(client.share for client in CLIENTS))
    asked = chance.choices(range(images), cum_weights=ranks, k=requests)
    clients = chance.choices(CLIENTS, cum_weights=shares, k=requests)
    for image, client in zip(asked, clients, strict=True):
        yield _request(chance, image, client)


def _request(chance: random.Random, image: int, client: Client) -> TracedRequest:
    density, width = chance.choice(client.densities), chance.choice(_WIDTHS)
    parameters, headers = [], [("accept", client.accept)] if client.accept else []
    if client.hints and chance.random() < 0.3:
        headers.append(("sec-ch-dpr", str(density)))
        parameters.append(f"w={width}")
    elif chance.random() < 0.5:
        parameters += [f"w={width}", f"dpr={density:g}"]
    else:
        width, density = round(width * density), 1.0  # a srcset with widths
        parameters.append(f"w={width}")
    if chance.random() < 0.08:
        parameters.append("ar=1:1")
    if chance.random() < 0.02:
        headers.append(("save-data", "on"))
    if chance.random() < 0.15:
        parameters.append(chance.choice(_JUNK).format(chance.randrange(1_000_000)))
    if chance.random() < 0.1:
        chance.shuffle(parameters)
    return TracedRequest(
        image, "&".join(parameters), client.accept, tuple(headers), round(width * density), client.agent
    )
