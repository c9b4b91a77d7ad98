"""A seeded trace of viewers' requests: popular and rare pictures, real browsers' headers, pages' odd URLs."""

import itertools
import random
from collections.abc import Iterator
from typing import NamedTuple

_IMAGES = 5_000
# Requests for photographs fall off about as 1/rank (Breslau et al., INFOCOM 1999; Huang et al., SOSP 2013).
_ZIPF = 1.0


class Client(NamedTuple):
    """A kind of viewer: its share of the requests, its Accept header, and the densities of its screens."""

    share: float
    accept: str
    densities: tuple[float, ...]
    hints: bool = False


CLIENTS = (
    Client(0.30, "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", (2, 2.625, 2.75, 3), hints=True),
    Client(0.27, "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", (1, 1.25, 1.5, 2)),
    Client(0.22, "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,"
           "image/svg+xml,image/*;q=0.8,*/*;q=0.5", (2, 3)),
    Client(0.03, "image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", (2,)),
    Client(0.02, "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", (2, 3)),
    Client(0.05, "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", (1, 2)),
    Client(0.01, "image/avif,image/webp,*/*", (1,)),
    Client(0.01, "image/webp,*/*", (1,)),
    Client(0.01, "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", (2,)),
    Client(0.03, "image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", (1, 2, 3)),
    Client(0.04, "*/*", (1,)),  # bots
    Client(0.01, "", (1,)),
)  # fmt: skip
_WIDTHS = (160, 200, 240, 256, 300, 320, 360, 375, 390, 400, 412, 414, 480, 500, 512, 600, 640, 720, 750, 768, 800,
           828, 960, 1000, 1024, 1080, 1200, 1280, 1440, 1600, 1920)  # fmt: skip
_JUNK = ("utm_source=mail", "utm_source=social", "utm_campaign=autumn", "ref=home", "v=2", "cb={}", "fbclid={}")


class TracedRequest(NamedTuple):
    """One request. ``width`` is the number of pixels that the viewer needs across."""

    image: int
    query: str
    accept: str
    headers: tuple[tuple[str, str], ...]
    width: int

    @property
    def path(self) -> str:
        """Return the path that is asked for."""
        return f"/img/{self.image:032x}"


def trace(seed: int, requests: int) -> Iterator[TracedRequest]:
    """Yield ``requests`` requests, the same for the same ``seed``."""
    chance = random.Random(seed)
    ranks = list(itertools.accumulate(1 / rank**_ZIPF for rank in range(1, _IMAGES + 1)))
    shares = list(itertools.accumulate(client.share for client in CLIENTS))
    images = chance.choices(range(_IMAGES), cum_weights=ranks, k=requests)
    clients = chance.choices(CLIENTS, cum_weights=shares, k=requests)
    for image, client in zip(images, clients, strict=True):
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
    return TracedRequest(image, "&".join(parameters), client.accept, tuple(headers), round(width * density))
