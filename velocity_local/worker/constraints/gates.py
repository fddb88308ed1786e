"""Constraints that begin later: after the reasoning, or after the header of the answer.

Until then they watch the text go by. All they forbid before their time is what would lead past
it: an end inside the reasoning, or a token that ends the marker and goes on with what may not
follow. A token refused so is replaced by the next one of the marker.
"""

from collections.abc import Sequence
from enum import Enum

from velocity_local.worker.constraints.marks import SPACE, Inner, Markers, either
from velocity_local.worker.constraints.vocabulary import Vocabulary

# What a model may write between its reasoning and its answer; it is not shown.
_MAX_GAP_BYTES = 64


class Way(Enum):
    """Where an answer goes that may begin in two ways."""

    OPEN = "open"
    INNER = "inner"
    MARKED = "marked"
    NEITHER = "neither"


class Fork:
    """An answer's beginning: one of `markers`, or what `inner` allows; both, while that is open."""

    def __init__(self, inner: Inner, markers: Markers) -> None:
        self.inner = inner
        self._fresh = inner.copy()
        self._markers = markers
        self._seen = b""
        self._may_be_inner = True

    def copy(self) -> "Fork":
        copied = Fork(self.inner.copy(), self._markers)
        copied._fresh = self._fresh.copy()
        copied._seen, copied._may_be_inner = self._seen, self._may_be_inner
        return copied

    def accept(self, text: bytes, token: int | None) -> tuple[Way, bytes]:
        """Go on with a token, or with text; and what of it comes after a marker.

        If it goes neither way, nothing has changed. After a marker `inner` is at its beginning.
        """
        seen = self._seen + text
        is_marker = bool(text) and self._markers.begun(seen)
        is_inner = self._may_be_inner and (
            self.inner.accept(token) if token is not None else self.inner.accept_text(text)
        )
        if not is_marker:
            return Way.INNER if is_inner else Way.NEITHER, b""
        self._seen, self._may_be_inner = seen, is_inner
        opened = self._markers.opened(seen)
        if opened is None:
            return Way.OPEN, b""
        self.inner = self._fresh
        return Way.MARKED, seen[opened:]

    def allowed(self) -> bytes:
        masks = [self.inner.allowed()] if self._may_be_inner else []
        if self._seen:
            masks.append(self._markers.next_token(self._seen))
        return masks[0] if len(masks) == 1 else either(*masks)


class _Phase(Enum):
    BEFORE = "before"
    INSIDE = "inside"
    GAP = "gap"
    ARMED = "armed"


class AfterReasoning:
    """Arms `inner` once the reasoning block is closed.

    A model whose prompt does not open the block may open it as the first thing it writes; until
    it is clear whether it does, the answer may begin as well. `breaks` are control tokens that
    close the block by beginning the answer.
    """

    def __init__(
        self,
        inner: Inner,
        vocabulary: Vocabulary,
        *,
        opening: Sequence[str],
        closing: Sequence[str],
        starts_inside: bool,
        breaks: Sequence[str] = (),
    ) -> None:
        self._inner = inner
        self._fork = Fork(inner, Markers(opening, vocabulary))
        self._seen_as = vocabulary.seen
        self._is_end = vocabulary.tokens.is_end
        self._closing = Markers(closing, vocabulary)
        self._breaks = frozenset(map(vocabulary.marked, breaks))
        self._phase = _Phase.INSIDE if starts_inside else _Phase.BEFORE
        self._seen = b""
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
                return self._fork.allowed()
            case _Phase.INSIDE:
                return self._closing.next_token(self._seen)
            case _Phase.GAP | _Phase.ARMED:
                return self._inner.allowed()

    def _before(self, token: int) -> bool:
        way, rest = self._fork.accept(self._seen_as(token), token)
        self._inner = self._fork.inner
        if way is Way.INNER:
            self._phase = _Phase.ARMED
        elif way is Way.MARKED:
            self._phase = _Phase.INSIDE
            return self._watch(rest)
        return way is not Way.NEITHER

    def _inside(self, token: int) -> bool:
        text = self._seen_as(token)
        if text in self._breaks:
            return self._gap(token)
        return (bool(text) or not self._is_end(token)) and self._watch(text)

    def _watch(self, text: bytes) -> bool:
        """Look for the end of the block; what follows it in the same token is the answer's."""
        seen = self._seen + text
        found = self._closing.find(seen)
        if found is None:
            self._seen = self._closing.tail(seen)
            return True
        rest = seen[found[1] :].lstrip(SPACE)
        if rest and not self._inner.accept_text(rest):
            return False
        self._phase = _Phase.ARMED if rest else _Phase.GAP
        return True

    def _gap(self, token: int) -> bool:
        piece = self._seen_as(token)
        rest = piece.lstrip(SPACE)
        if piece and not rest:
            self._gap_bytes += len(piece)
            return self._gap_bytes <= _MAX_GAP_BYTES
        is_same = rest == piece
        if self._inner.accept(token) if is_same else self._inner.accept_text(rest):
            self._phase = _Phase.ARMED
            return True
        return False


class AfterHeader:
    """Arms `inner` behind one of `headers`, or at once if none of them comes."""

    def __init__(self, inner: Inner, vocabulary: Vocabulary, *, headers: Sequence[str]) -> None:
        self._fork = Fork(inner, Markers(headers, vocabulary))
        self._vocabulary = vocabulary
        self._is_armed = False

    def copy(self) -> "AfterHeader":
        copied = AfterHeader(self._fork.inner, self._vocabulary, headers=())
        copied._fork, copied._is_armed = self._fork.copy(), self._is_armed
        return copied

    @property
    def is_complete(self) -> bool:
        return self._is_armed and self._fork.inner.is_complete

    def accept(self, token: int) -> bool:
        if self._is_armed:
            return self._fork.inner.accept(token)
        return self._read(self._vocabulary.seen(token), token)

    def accept_text(self, text: bytes) -> bool:
        if self._is_armed:
            return self._fork.inner.accept_text(text)
        return self._read(text, None)

    def allowed(self) -> bytes:
        return self._fork.inner.allowed() if self._is_armed else self._fork.allowed()

    def _read(self, text: bytes, token: int | None) -> bool:
        before = self._fork.copy()
        way, rest = self._fork.accept(text, token)
        if rest and not self._fork.inner.accept_text(rest):
            self._fork = before
            return False
        self._is_armed = way in (Way.INNER, Way.MARKED)
        return way is not Way.NEITHER
