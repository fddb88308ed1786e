"""What can go wrong between a client and a daemon.

ClientError
├── Unreachable       nobody answers at the address
├── ApiError          the daemon refused: status, stable code, message
└── ProtocolError     what came back is not what this version understands
"""


class ClientError(Exception):
    """Base; the message says what and which."""


class Unreachable(ClientError):
    """No daemon answers at `base_url`."""

    def __init__(self, base_url: str, reason: str) -> None:
        super().__init__(f"no daemon answers at {base_url} ({reason})")
        self.base_url = base_url
        self.reason = reason


class ApiError(ClientError):
    """An answer with an error status, or an error event inside a stream."""

    def __init__(
        self, status: int, code: str, message: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


class ProtocolError(ClientError):
    """The answer cannot be understood; most often another program has the port."""
