"""Who asks for pictures: kinds of browsers, bots and scripts, as they name themselves and what they accept."""

from typing import NamedTuple


class Client(NamedTuple):
    """A kind of viewer: its share of the requests, its Accept header, the densities of its screens, its User-Agent."""

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
