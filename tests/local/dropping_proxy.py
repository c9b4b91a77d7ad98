"""A TCP proxy before the local stack that drops connections: by default every third, some of them in mid-transfer."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHUNK = 64 * 1024
# Of the connections that are dropped, one is cut at once and the next after some of its bytes have gone through.
_BYTES_BEFORE_CUT = (0, 700_000)


class DroppingProxy:
    """Forwards each connection to ``target``, whole but for every third.

    With ``lose_answer_to``, it drops one connection alone: the first whose request begins so, and that once the whole
    request was served and an answer is there.
    """

    def __init__(self, target: tuple[str, int], lose_answer_to: bytes | None = None) -> None:
        self._target = target
        self._lose_answer_to = lose_answer_to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.connections = 0
        self.dropped = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    self.connections += 1
                    cut = None
                    if self._lose_answer_to is None and self.connections % 3 == 0:
                        cut = _BYTES_BEFORE_CUT[self.dropped % len(_BYTES_BEFORE_CUT)]
                        self.dropped += 1
                threading.Thread(target=self._serve, args=(client, cut), daemon=True).start()

    def _serve(self, client: socket.socket, cut: int | None) -> None:
        if cut == 0:
            _reset(client)
            return
        with contextlib.suppress(OSError):
            server = socket.create_connection(self._target)
            if self._loses_answer(client):
                threading.Thread(target=_pump, args=(client, server, None), daemon=True).start()
                server.recv(1)  # the answer begins: the request was served
                _reset(client)
                return
            threading.Thread(target=_pump, args=(server, client, None), daemon=True).start()
            _pump(client, server, cut)

    def _loses_answer(self, client: socket.socket) -> bool:
        if self._lose_answer_to is None:
            return False
        begins = client.recv(len(self._lose_answer_to), socket.MSG_PEEK | socket.MSG_WAITALL)
        with self._lock:
            if begins != self._lose_answer_to or self.dropped:
                return False
            self.dropped += 1
            return True


def _pump(source: socket.socket, sink: socket.socket, cut: int | None) -> None:
    passed = 0
    try:
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
            passed += len(chunk)
            if cut is not None and passed >= cut:
                break
    except OSError:
        pass
    finally:
        for end in (source, sink):
            _reset(end) if cut is not None else _close(end)


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Lingering for no time sends a reset, as a network does that has lost the connection.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    _close(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def dropping_proxy(target: tuple[str, int], lose_answer_to: bytes | None = None) -> Iterator[DroppingProxy]:
    proxy = DroppingProxy(target, lose_answer_to)
    try:
        yield proxy
    finally:
        proxy.close()
