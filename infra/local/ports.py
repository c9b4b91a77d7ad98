"""TCP ports on the loopback interface: chosen, and known to be free before anything starts."""

import errno
import random
import socket

from infra.local.endpoint import HOST
from infra.local.errors import LocalStackError
from infra.local.state import Ports

# Below the ephemeral ports (Linux: from 32768, others: from 49152), so that no outgoing connection takes a port
# before its process binds it, seconds later.
_CHOICE = range(20_000, 30_000)
_ATTEMPTS = 100


class BusyPortError(LocalStackError):
    """A port is taken; the message says which, what for, and how to choose another."""


def choose_ports(wanted: Ports) -> Ports:
    """Return ``wanted`` with every 0 replaced by a free port.

    Raises:
        BusyPortError: a port that was asked for is in use, or is asked for twice.
    """
    chosen: dict[str, int] = {}
    for part, port in wanted.model_dump().items():
        if port and port in chosen.values():
            raise BusyPortError(f"expected a port of its own for the {part} but received {port} twice")
        if port:
            _require_free(part, port)
        chosen[part] = port or _any_free(set(wanted.model_dump().values()) | set(chosen.values()))
    return Ports(**chosen)


def _any_free(taken: set[int]) -> int:
    for _attempt in range(_ATTEMPTS):
        port = random.choice(_CHOICE)  # noqa: S311  # not a secret
        if port not in taken and _bind_error(port) is None:
            return port
    raise BusyPortError(f"expected a free port in {_CHOICE.start}–{_CHOICE.stop - 1} within {_ATTEMPTS} attempts")


def _require_free(part: str, port: int) -> None:
    error = _bind_error(port)
    if error is None:
        return
    reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
    raise BusyPortError(
        f"expected port {port} for the {part} to be free but it {reason}; choose another with "
        f"--{part}-port PORT or DARKROOM_{part.upper()}_PORT=PORT (0 takes any free one)"
    ) from error


def _bind_error(port: int) -> OSError | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error
    return None
