"""Three viewers, by the request headers that they really send for an ``<img>``."""

from dataclasses import dataclass

from lambdas.core.keys import Format


@dataclass(frozen=True)
class Browser:
    """A viewer: its name, its headers, and the format that negotiation owes it."""

    name: str
    accept: str
    user_agent: str
    format: Format

    @property
    def headers(self) -> dict[str, str]:
        """The request headers that tell this viewer from others."""
        return {"Accept": self.accept, "User-Agent": self.user_agent}


# Accept values: MDN, "List of default Accept values", section "Values for an image"; curl: its own default.
CHROMIUM = Browser(
    "Chromium",
    accept="image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    format="avif",
)
# Safari 16 learned AVIF; the version before it is the one that shows what WebP is for.
SAFARI = Browser(
    "Safari 15",
    accept="image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5",
    user_agent=(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/15.6 Safari/605.1.15"
    ),
    format="webp",
)
CURL = Browser("curl", accept="*/*", user_agent="curl/8.14.1", format="jpeg")

BROWSERS = (CHROMIUM, SAFARI, CURL)
