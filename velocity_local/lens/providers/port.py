"""What the lens needs of a provider, and the neutral values that its answers are read into."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from velocity_local.lens.asks import Ask
from velocity_local.lens.faults import Fault
from velocity_local.lens.results import ServerTimes

Framing = Literal["sse", "ndjson"]
PieceKind = Literal["text", "reasoning", "tool"]


class WireRequest(msgspec.Struct, frozen=True):
    """What goes over the wire. `headers` may hold a secret: it has no place in any log."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"WireRequest(path={self.path!r}, body={len(self.body)} bytes)"


class Piece(msgspec.Struct, frozen=True, gc=False):
    """Text that came, in whose channel."""

    kind: PieceKind
    text: str


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Tokens as the server counts them; None where it does not say."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    reasoning: int | None = None


class TokenClock(msgspec.Struct, frozen=True, gc=False):
    """The server's own clock: `n` tokens are made, the last `at_ms` after the first."""

    n: int
    at_ms: float


class Ending(msgspec.Struct, frozen=True, gc=False):
    """The model stopped, for this reason in the server's words."""

    reason: str


class Vectors(msgspec.Struct, frozen=True, gc=False):
    """So many embeddings came, each this long."""

    count: int
    dimensions: int


Part = Piece | Counts | TokenClock | ServerTimes | Ending | Vectors | Fault


class Provider(Protocol):
    """A server's dialect. Holds no secret and no state."""

    @property
    def name(self) -> str: ...

    @property
    def framing(self) -> Framing: ...

    @property
    def default_url(self) -> str | None:
        """Where it is, if there is one place only."""
        ...

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The environment variables that its own tools read a key from."""
        ...

    def request(self, ask: Ask, *, model: str, key: str | None) -> WireRequest:
        """The request as bytes.

        Raises:
            NotOffered: if the provider's API has nothing of this kind.
        """
        ...

    def event(self, data: str) -> Sequence[Part]:
        """What one event of a stream says.

        Raises:
            msgspec.DecodeError: if it is not what the provider's API documents.
        """
        ...

    def whole(self, body: bytes) -> Sequence[Part]:
        """What an answer that came at once says; raises as `event`."""
        ...


class NotOffered(Exception):
    """The provider has no such endpoint; the message says which."""
