"""Where the edge listens, what it serves, and where it keeps things: its environment variables."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl

from infra.local.cloudfront.cache import DEFAULT_SIZE_BYTES
from infra.local.endpoint import Endpoint
from lambdas.core.environment import Environment


class EdgeEnvironment(Environment):
    """The environment of ``python -m infra.local.cloudfront``."""

    endpoint_url: HttpUrl = Field(alias="AWS_ENDPOINT_URL", description="The emulator.")
    region: str = Field("us-east-1", alias="AWS_REGION", description="The primary region.")
    home: Path = Field(alias="DARKROOM_HOME", description="The state folder; the cache stands in it.")
    port: int = Field(4580, alias="DARKROOM_EDGE_PORT", ge=1, le=65535, description="TCP port on loopback.")
    cache_bytes: int = Field(
        DEFAULT_SIZE_BYTES, alias="DARKROOM_EDGE_CACHE_BYTES", ge=1_000_000, description="Bound of the cache."
    )

    @property
    def endpoint(self) -> Endpoint:
        """The emulator, for AWS clients."""
        return Endpoint(urlsplit(str(self.endpoint_url)).port or 80, self.region)

    def cache_folder(self, distribution_id: str) -> Path:
        """Return where the cache of a distribution stands."""
        return self.home / "cache" / distribution_id
