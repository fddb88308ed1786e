"""The texts that open a gate, in answers that come as bytes."""

from collections.abc import Sequence
from typing import Protocol

from velocity_local.worker.constraints.vocabulary import Vocabulary

SPACE = b" \t\r\n"


class Inner(Protocol):
    """What a gate leads to: a constraint that can be copied and fed bytes."""

    def copy(self) -> "Inner": ...

    def accept(self, token: int) -> bool: ...

    def accept_text(self, text: bytes) -> bool: ...

    def allowed(self) -> bytes: ...

    @property
    def is_complete(self) -> bool: ...


class Markers:
    """The texts that open a gate, and how to write the rest of one."""

    def __init__(self, texts: Sequence[str], vocabulary: Vocabulary) -> None:
        self.texts = tuple(map(vocabulary.marked, texts))
        self.longest = max(map(len, self.texts), default=0)
        self._vocabulary = vocabulary

    def find(self, seen: bytes, *, n_known: int = 0) -> tuple[int, int] | None:
        """Where the first of them lies that is not all within the first `n_known` bytes."""
        spans = (
            (seen.find(text, max(0, n_known - len(text) + 1)), len(text)) for text in self.texts
        )
        return min(((at, at + size) for at, size in spans if at >= 0), default=None)

    def tail(self, seen: bytes) -> bytes:
        """The end of `seen` that may belong to one."""
        return seen[max(0, len(seen) - self.longest + 1) :]

    def begun(self, seen: bytes) -> bool:
        """True if `seen` is the beginning of one, or begins with one."""
        return any(text.startswith(seen) or seen.startswith(text) for text in self.texts)

    def opened(self, seen: bytes) -> int | None:
        """The length of the one that `seen` begins with."""
        return next((len(text) for text in self.texts if seen.startswith(text)), None)

    def next_token(self, seen: bytes) -> bytes:
        """The mask of the token that goes on with a marker after `seen`."""
        begun = (
            (size, text)
            for text in self.texts
            for size in range(len(text) - 1, -1, -1)
            if seen.endswith(text[:size])
        )
        size, text = max(begun, key=lambda each: each[0])
        rest = text[size:].decode(errors="ignore")
        return _only(self._vocabulary.first_of(rest), self._vocabulary.tokens.n_vocab)


def _only(token: int, n_vocab: int) -> bytes:
    bits = bytearray((n_vocab + 7) // 8)
    bits[token >> 3] = 1 << (token & 7)
    return bytes(bits)


def either(first: bytes, second: bytes) -> bytes:
    size = max(len(first), len(second))
    numbers = (int.from_bytes(bits, "little") for bits in (first, second))
    return (next(numbers) | next(numbers)).to_bytes(size, "little")
