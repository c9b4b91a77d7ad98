"""A seeded trace of viewers' requests: popular and rare pictures, real browsers' headers, pages' odd URLs."""

import itertools
import random
from collections.abc import Iterator
from typing import NamedTuple

from infra.command.traffic.clients import CLIENTS, Client

IMAGES = 5_000
# Requests for photographs fall off about as 1/rank (Breslau et al., INFOCOM 1999; Huang et al., SOSP 2013).
_ZIPF = 1.0
_WIDTHS = (160, 200, 240, 256, 300, 320, 360, 375, 390, 400, 412, 414, 480, 500, 512, 600, 640, 720, 750, 768, 800,
           828, 960, 1000, 1024, 1080, 1200, 1280, 1440, 1600, 1920)  # fmt: skip
_JUNK = ("utm_source=mail", "utm_source=social", "utm_campaign=autumn", "ref=home", "v=2", "cb={}", "fbclid={}")


class TracedRequest(NamedTuple):
    """One request. ``width`` is the number of pixels that the viewer needs across, ``agent`` who it says it is."""

    image: int
    query: str
    accept: str
    headers: tuple[tuple[str, str], ...]
    width: int
    agent: str = ""

    @property
    def path(self) -> str:
        """Return the path that is asked for."""
        return f"/img/{self.image:032x}"


def trace(seed: int, requests: int, images: int = IMAGES) -> Iterator[TracedRequest]:
    """Yield ``requests`` requests for ``images``, the first the most popular; the same for the same ``seed``."""
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
