"""What the stacks publish: Systems Manager's parameters, held for a while."""

from lambdas.core.cached_value import CachedValue
from lambdas.core.clients import parameters
from lambdas.core.settings import EDGE_REGION, load_settings

_SECONDS = 300
_REFRESH_SECONDS = 10


class Parameter:
    """One thing that the edge's stack publishes, once it is deployed."""

    def __init__(self, thing: str) -> None:
        self._name = load_settings().parameter_name(thing)
        self._cached = CachedValue(self._read, seconds=_SECONDS, refresh_seconds=_REFRESH_SECONDS)

    def get(self) -> str | None:
        """Return the value; None while the edge is not deployed.

        Raises:
            ClientError: it cannot be read; a retry may help.
        """
        return self._cached.get() or self._cached.refreshed()

    def _read(self) -> str | None:
        client = parameters(EDGE_REGION)
        try:
            return client.get_parameter(Name=self._name)["Parameter"]["Value"]
        except client.exceptions.ParameterNotFound:
            return None
