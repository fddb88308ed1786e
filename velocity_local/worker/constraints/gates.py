"""Constraints that begin later: after the reasoning, or where a tool call begins.

Until then they watch the text go by. All they forbid before their time is what would lead past
it: an end inside the reasoning, or a token that ends the marker and goes on with what may not
follow. A token refused so is replaced by the next one of the marker.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from velocity_local.worker.constraints.vocabulary import Vocabulary

_SPACE = b" \t\r\n"
# What a model may write between its reasoning and its answer; it is not shown.
_MAX_GAP_BYTES = 64


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
        self.texts = tuple(text.encode() for text in texts)
        self._longest = max(map(len, self.texts))
        self._vocabulary = vocabulary

    def find(self, seen: bytes) -> tuple[int, int] | None:
        """Where the first of them lies."""
        spans = ((seen.find(text), len(text)) for text in self.texts)
        return min(((at, at + size) for at, size in spans if at >= 0), default=None)

    def tail(self, seen: bytes) -> bytes:
        """The end of `seen` that may belong to one."""
        return seen[max(0, len(seen) - self._longest + 1) :]

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


class _Phase(Enum):
    BEFORE = "before"
    INSIDE = "inside"
    GAP = "gap"
    ARMED = "armed"


class AfterReasoning:
    """Arms `inner` once the reasoning block is closed.

    A model whose prompt does not open the block may open it as the first thing it writes; until
    it is clear whether it does, the answer may begin as well.
    """

    def __init__(
        self,
        inner: Inner,
        vocabulary: Vocabulary,
        *,
        opening: Sequence[str],
        closing: Sequence[str],
        starts_inside: bool,
    ) -> None:
        self._inner = inner
        self._fresh = inner.copy()
        self._shown = vocabulary.shown
        self._is_end = vocabulary.tokens.is_end
        self._opening = Markers(opening, vocabulary)
        self._closing = Markers(closing, vocabulary)
        self._phase = _Phase.INSIDE if starts_inside else _Phase.BEFORE
        self._seen = b""
        self._is_answer = not starts_inside  # what was written may be the answer's beginning
        self._gap_bytes = 0

    @property
    def is_complete(self) -> bool:
        return self._phase is _Phase.ARMED and self._inner.is_complete

    def accept(self, token: int) -> bool:
        match self._phase:
            case _Phase.BEFORE:
                return self._before(token)
            case _Phase.INSIDE:
                return self._inside(token)
            case _Phase.GAP:
                return self._gap(token)
            case _Phase.ARMED:
                return self._inner.accept(token)

    def allowed(self) -> bytes:
        match self._phase:
            case _Phase.BEFORE:
                return self._allowed_before()
            case _Phase.INSIDE:
                return self._closing.next_token(self._seen)
            case _Phase.GAP | _Phase.ARMED:
                return self._inner.allowed()

    def _before(self, token: int) -> bool:
        seen = self._seen + self._shown(token)
        is_opening = seen != self._seen and self._opening.begun(seen)
        self._is_answer, was_answer = self._is_answer and self._inner.accept(token), self._is_answer
        if not is_opening:
            if self._is_answer:
                self._phase = _Phase.ARMED
                return True
            self._is_answer = was_answer
            return False
        self._seen = seen
        opened = self._opening.opened(seen)
        if opened is not None:
            self._inner = self._fresh
            self._phase, self._seen = _Phase.INSIDE, b""
            return self._watch(seen[opened:])
        return True

    def _allowed_before(self) -> bytes:
        masks = []
        if self._is_answer:
            masks.append(self._inner.allowed())
        if self._seen:
            masks.append(self._opening.next_token(self._seen))
        return masks[0] if len(masks) == 1 else _either(*masks)

    def _inside(self, token: int) -> bool:
        return not self._is_end(token) and self._watch(self._shown(token))

    def _watch(self, text: bytes) -> bool:
        """Look for the end of the block; what follows it in the same token is the answer's."""
        seen = self._seen + text
        found = self._closing.find(seen)
        if found is None:
            self._seen = self._closing.tail(seen)
            return True
        rest = seen[found[1] :].lstrip(_SPACE)
        if rest and not self._inner.accept_text(rest):
            return False
        self._phase = _Phase.ARMED if rest else _Phase.GAP
        return True

    def _gap(self, token: int) -> bool:
        piece = self._shown(token)
        rest = piece.lstrip(_SPACE)
        if piece and not rest:
            self._gap_bytes += len(piece)
            return self._gap_bytes <= _MAX_GAP_BYTES
        is_same = rest == piece
        if self._inner.accept(token) if is_same else self._inner.accept_text(rest):
            self._phase = _Phase.ARMED
            return True
        return False


class AfterTrigger:
    """Arms `inner`, whose sentences begin with the trigger, once that was written.

    Text before it is free, and so is an answer without it. With `token` the trigger is that
    token alone. If the trigger `opens` the answer, it counts only as its first text.
    """

    def __init__(
        self,
        inner: Inner,
        vocabulary: Vocabulary,
        *,
        trigger: str,
        token: int | None = None,
        opens: bool = False,
    ) -> None:
        self._inner = inner
        self._vocabulary = vocabulary
        self._shown = vocabulary.shown
        self._trigger = Markers((trigger,), vocabulary)
        self._token = token
        self._opens = opens
        self._seen = b""
        self._is_armed = False
        self._is_free = False

    def copy(self) -> "AfterTrigger":
        copied = AfterTrigger(
            self._inner.copy(),
            self._vocabulary,
            trigger=self._trigger.texts[0].decode(),
            token=self._token,
            opens=self._opens,
        )
        copied._seen, copied._is_armed, copied._is_free = self._seen, self._is_armed, self._is_free
        return copied

    @property
    def is_complete(self) -> bool:
        return self._is_armed and self._inner.is_complete

    def accept(self, token: int) -> bool:
        if self._is_armed:
            return self._inner.accept(token)
        if token == self._token:
            self._is_armed = self._inner.accept(token)
            return self._is_armed
        return self._token is not None or self.accept_text(self._shown(token))

    def accept_text(self, text: bytes) -> bool:
        if self._is_armed:
            return self._inner.accept_text(text)
        if self._is_free:
            return True
        seen = self._seen + text
        return self._open(seen) if self._opens else self._find(seen)

    def allowed(self) -> bytes:
        return self._inner.allowed() if self._is_armed else self._trigger.next_token(self._seen)

    def _find(self, seen: bytes) -> bool:
        found = self._trigger.find(seen)
        if found is not None:
            self._is_armed = self._inner.accept_text(seen[found[0] :])
            return self._is_armed
        self._seen = self._trigger.tail(seen)
        return True

    def _open(self, seen: bytes) -> bool:
        seen = seen.lstrip(_SPACE)
        if self._trigger.opened(seen) is not None:
            self._is_armed = self._inner.accept_text(seen)
            return self._is_armed
        self._is_free = not self._trigger.begun(seen)
        self._seen = seen
        return True


def _only(token: int, n_vocab: int) -> bytes:
    bits = bytearray((n_vocab + 7) // 8)
    bits[token >> 3] = 1 << (token & 7)
    return bytes(bits)


def _either(first: bytes, second: bytes) -> bytes:
    size = max(len(first), len(second))
    numbers = (int.from_bytes(bits, "little") for bits in (first, second))
    return (next(numbers) | next(numbers)).to_bytes(size, "little")
