"""Ends a request from another thread than the one that waits for its answer."""

import contextlib
import socket
import threading


class Cancellation:
    """Shuts the request's connection down, which the daemon takes for its end.

    One for each request; `cancel` may be called at any time, also before there is a connection.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        return self._is_cancelled

    def cancel(self) -> None:
        """Whoever reads the answer sees the connection break off."""
        with self._lock:
            self._is_cancelled = True
            self._shut_down()

    def watch(self, connection: socket.socket) -> None:
        """Take the connection that `cancel` is to end."""
        with self._lock:
            self._socket = connection
            if self._is_cancelled:
                self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            # The other side, or the reading thread, may have been first.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
