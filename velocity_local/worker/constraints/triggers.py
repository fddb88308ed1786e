"""A constraint that begins where a tool call does; text before it is free."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from velocity_local.worker.constraints.marks import SPACE, Inner, Markers
from velocity_local.worker.constraints.vocabulary import Vocabulary


class _Written(NamedTuple):
    """A piece of the answer, and its token where it is a whole one."""

    text: bytes
    token: int | None


class _Refusal(Enum):
    """Where what was written does not fit: in the trigger itself, or in what follows it."""

    WITHIN_IT = "within it"
    BEHIND_IT = "behind it"


class AfterTrigger:
    """Arms `inner`, whose sentences begin with a trigger or go on to one, once that was written.

    Text before it is free, and so is an answer without it. `openers` count only as the first text
    of the answer. A trigger that is spelled in other tokens than the sentences have, where those
    are control tokens, is text like any other.
    """

    def __init__(
        self,
        inner: Inner,
        vocabulary: Vocabulary,
        *,
        triggers: Sequence[str] = (),
        openers: Sequence[str] = (),
    ) -> None:
        self._inner = inner
        self._vocabulary = vocabulary
        self._triggers = Markers(triggers, vocabulary)
        self._openers = Markers(openers, vocabulary)
        self._recent: list[_Written] = []  # those whose texts a trigger may begin in
        self._is_armed = False
        self._may_open = bool(openers)

    def copy(self) -> "AfterTrigger":
        copied = AfterTrigger(self._inner.copy(), self._vocabulary)
        copied._triggers, copied._openers = self._triggers, self._openers
        copied._recent = list(self._recent)
        copied._is_armed, copied._may_open = self._is_armed, self._may_open
        return copied

    @property
    def is_complete(self) -> bool:
        return self._is_armed and self._inner.is_complete

    def accept(self, token: int) -> bool:
        if self._is_armed:
            return self._inner.accept(token)
        return self._read(_Written(self._vocabulary.seen(token), token))

    def accept_text(self, text: bytes) -> bool:
        if self._is_armed:
            return self._inner.accept_text(text)
        return self._read(_Written(text, None))

    def allowed(self) -> bytes:
        if self._is_armed:
            return self._inner.allowed()
        markers = self._openers if self._may_open else self._triggers
        return markers.next_token(_text(self._recent))

    def _read(self, written: _Written) -> bool:
        recent = [*self._recent, written]
        seen = _text(recent)
        found = self._opened(seen) if self._may_open else None
        found = found or self._triggers.find(seen, n_known=len(seen) - len(written.text))
        armed = self._armed(recent, *found) if found else None
        if armed is _Refusal.BEHIND_IT:
            return False
        if armed is not None and not isinstance(armed, _Refusal):
            self._inner, self._is_armed = armed, True
            return True
        self._may_open = self._may_open and (
            self._openers.begun(seen) or self._openers.begun(seen.lstrip(SPACE))
        )
        self._recent = recent if self._may_open else _tail(recent, self._triggers.longest - 1)
        return True

    def _opened(self, seen: bytes) -> tuple[int, int] | None:
        """Where an opener lies, before which there is only space."""
        found = self._openers.find(seen)
        return found if found and not seen[: found[0]].strip(SPACE) else None

    def _armed(self, recent: Sequence[_Written], start: int, end: int) -> "Inner | _Refusal":
        """What the answer is held to once a trigger was written from `start` to `end`."""
        inner = self._inner.copy()
        at = 0
        for text, token in recent:
            first, at = at, at + len(text)
            if at <= start or not text:
                continue
            if first >= start and at <= end and token is not None:
                is_accepted = inner.accept(token)
            else:
                is_accepted = inner.accept_text(text[max(0, start - first) : max(0, end - first)])
            if not is_accepted:
                return _Refusal.WITHIN_IT
            rest = text[max(0, end - first) :] if at > end else b""
            if rest and not inner.accept_text(rest):
                return _Refusal.BEHIND_IT
        return inner


def _text(written: Sequence[_Written]) -> bytes:
    return b"".join(text for text, _ in written)


def _tail(written: list[_Written], size: int) -> list[_Written]:
    """The last of them, whose texts have `size` bytes."""
    n_bytes = 0
    for at in range(len(written) - 1, -1, -1):
        if n_bytes >= size:
            return written[at + 1 :]
        n_bytes += len(written[at].text)
    return written
