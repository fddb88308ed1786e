"""What can go wrong with one request, by kind, as its client saw it."""

from typing import Literal, get_args

import msgspec

FaultKind = Literal[
    "connect",
    "tls",
    "timeout_connect",
    "timeout_first_byte",
    "timeout_stall",
    "timeout_total",
    "reset",
    "half_closed",
    "bad_http",
    "bad_stream",
    "http_status",
    "rate_limit",
    "server_error_event",
    "wrong_output",
    "interrupted",
]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
TRANSIENT: frozenset[FaultKind] = frozenset(
    {"connect", "timeout_connect", "timeout_first_byte", "reset", "rate_limit"}
)
"""Worth asking again; besides these, the statuses of `TRANSIENT_STATUSES`."""
TRANSIENT_STATUSES = frozenset({408, 409, 425, 500, 502, 503, 504, 529})


class Fault(msgspec.Struct, frozen=True):
    """Why a request failed. `code` is the server's own word; `retry_after_s` what it asked for."""

    kind: FaultKind
    message: str
    status: int | None = None
    code: str | None = None
    retry_after_s: float | None = None

    @property
    def is_transient(self) -> bool:
        """Whether asking again may help."""
        return self.kind in TRANSIENT or self.status in TRANSIENT_STATUSES
