"""TCP ports on the loopback interface: chosen, and known to be free before anything starts."""

import errno
import socket

from infra.local.endpoint import HOST
from infra.local.errors import LocalStackError
from infra.local.state import Ports


class BusyPortError(LocalStackError):
    """A port is taken; the message says which, by whom it was wanted, and how to choose another."""


def choose_ports(wanted: Ports) -> Ports:
    """Return ``wanted`` with every 0 replaced by a free port.

    Raises:
        BusyPortError: a port that was asked for is in use, or is asked for twice.
    """
    chosen: dict[str, int] = {}
    for part, port in wanted.model_dump().items():
        if port and port in chosen.values():
            raise BusyPortError(f"expected a port of its own for the {part} but received {port} twice")
        chosen[part] = _bind(part, port)
    return Ports(**chosen)


def _bind(part: str, port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            reason = "is in use" if error.errno == errno.EADDRINUSE else "may not be used by this user"
            raise BusyPortError(
                f"expected port {port} for the {part} to be free but it {reason}; choose another with "
                f"--{part}-port PORT or DARKROOM_{part.upper()}_PORT=PORT (0 takes any free one)"
            ) from error
        return int(probe.getsockname()[1])
