"""Bounds a reasoning block in tokens: once they are spent, its end is all that may follow."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from velocity_local.worker.engine.constraint import Constraint


class Tokens(Protocol):
    """The part of a tokenizer that is needed here."""

    @property
    def n_vocab(self) -> int: ...

    def piece_special(self, token: int) -> bytes: ...


class Frame(NamedTuple):
    """What opens a block, what closes it, and the tokens that close it by force."""

    opening: Sequence[str]
    closing: Sequence[str]
    ending: Sequence[int]


class _Phase(Enum):
    BEFORE = "before"
    INSIDE = "inside"
    ENDING = "ending"
    DONE = "done"


class ReasoningBudget:
    """Watches what is written, forbids nothing until the budget is spent, then forces the ending.

    The block counts only as the first text of the answer, or if the prompt left it open. Its
    markers are not counted.
    """

    def __init__(
        self, tokens: Tokens, frame: Frame, *, budget_tokens: int, starts_inside: bool
    ) -> None:
        self._inner: Constraint | None = None
        self._tokens = tokens
        self._opening = tuple(text.encode() for text in frame.opening)
        self._closing = tuple(text.encode() for text in frame.closing)
        self._longest = max(map(len, self._closing))
        self._ending = frame.ending
        self._n_left = budget_tokens
        self._n_ended = 0
        self._seen = b""
        self._phase = _Phase.BEFORE
        if starts_inside:
            self._enter(b"")

    def hold(self, inner: Constraint) -> None:
        """Let `inner` hold as well from here on; it has to bear the ending."""
        self._inner = inner

    @property
    def is_complete(self) -> bool:
        return self._inner is not None and self._inner.is_complete

    def accept(self, token: int) -> bool:
        is_ending = self._phase is _Phase.ENDING
        if is_ending and token != self._ending[self._n_ended]:
            return False
        if self._inner is not None and not self._inner.accept(token):
            return False
        if is_ending:
            self._n_ended += 1
            if self._n_ended == len(self._ending):
                self._phase = _Phase.DONE
        elif self._phase is not _Phase.DONE:
            self._watch(self._tokens.piece_special(token))
        return True

    def allowed(self) -> bytes:
        if self._phase is _Phase.ENDING:
            return _only(self._ending[self._n_ended], self._tokens.n_vocab)
        assert self._inner is not None, "nothing was forbidden"
        return self._inner.allowed()

    def _watch(self, piece: bytes) -> None:
        self._seen += piece
        if self._phase is _Phase.BEFORE:
            text = self._seen.lstrip()
            opened = next((mark for mark in self._opening if text.startswith(mark)), None)
            if opened is not None:
                self._enter(text[len(opened) :])
            elif not any(mark.startswith(text) for mark in self._opening):
                self._phase = _Phase.DONE
            return
        self._n_left -= 1
        self._look()

    def _enter(self, text: bytes) -> None:
        self._phase = _Phase.INSIDE
        self._seen = text
        self._look()

    def _look(self) -> None:
        if any(mark in self._seen for mark in self._closing):
            self._phase = _Phase.DONE
        elif self._n_left <= 0:
            self._phase = _Phase.ENDING
        else:
            self._seen = self._seen[-self._longest :]


def _only(token: int, n_vocab: int) -> bytes:
    bits = bytearray((n_vocab + 7) // 8)
    bits[token >> 3] = 1 << (token & 7)
    return bytes(bits)
