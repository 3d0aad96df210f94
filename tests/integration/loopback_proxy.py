"""A proxy on loopback before a server, whose connections can be cut like a cable."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

_RESET = struct.pack("ii", 1, 0)  # closing sends a reset at once


class LoopbackProxy:
    """Hands bytes on between whoever connects to `port` and the server; `cut` ends all connections."""

    def __init__(self, server_port: Callable[[], int]) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> int:
        """End every connection without a word; gives how many there were."""
        with self._lock:
            ended, self._open = self._open, set()
        for side in ended:
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                side.shutdown(socket.SHUT_RDWR)
            side.close()
        return len(ended) // 2

    def close(self) -> None:
        """Take no more connections, and cut those there are."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._server_port()))
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._open |= {client, server}
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._hand_on, args=(source, target), daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # cut
            while content := source.recv(1 << 16):
                target.sendall(content)
        for side in (source, target):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def loopback_proxy(server_port: Callable[[], int]) -> Iterator[LoopbackProxy]:
    """A proxy before the server at this port, asked for at every connection."""
    proxy = LoopbackProxy(server_port)
    try:
        yield proxy
    finally:
        proxy.close()
