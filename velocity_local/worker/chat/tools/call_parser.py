"""Reads calls out of text that streams: waits, holds back, gives back. Knows no dialect.

A dialect derives from `CallParser` and writes `read` as if the whole text were there: the steps
it is made of wait for more text where they need it. What a step has read stays undecided until
`open_call` makes it a call or `give_back` makes it text; every character is read once, so hostile
text costs no more than any other.
"""

from collections.abc import Generator, Sequence
from typing import TypeAlias, TypeVar

from velocity_local.core.events import ToolCallDelta
from velocity_local.worker.chat.markers import first_marker, pending_suffix
from velocity_local.worker.chat.tools.json_end import JsonEnd
from velocity_local.worker.chat.tools.parser import CallIds, Offer, Parsed

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]
MAX_HELD_CHARS = 32 * 1024
"""What has not become a call by then is text."""


class CallParser:
    """Incremental; the same events come however the text is cut."""

    def __init__(self, call_id: CallIds, offers: Sequence[Offer] = ()) -> None:
        self.offers = {offer.name: offer for offer in offers}
        self._call_id = call_id
        self._buffer = ""  # undecided text; the steps have read it up to `_at`
        self._at = 0
        self._is_over = False
        self._index = 0
        self._is_after_call = False
        self._text: list[str] = []
        self._calls: list[ToolCallDelta] = []
        self._steps = self.read()

    def read(self) -> Steps[None]:
        """The dialect: what the whole text is made of. Text it leaves unread stays text."""
        raise NotImplementedError

    @property
    def held(self) -> int:
        return len(self._buffer)

    def feed(self, text: str) -> Parsed:
        at = 0
        while at < len(text):
            room = MAX_HELD_CHARS - len(self._buffer)
            assert room > 0
            self._buffer += text[at : at + room]
            at += room
            self._resume()
        return self._take()

    def finish(self) -> Parsed:
        self._is_over = True
        self._resume()
        return self._take()

    def _resume(self) -> None:
        try:
            next(self._steps)
        except StopIteration:
            self._at = len(self._buffer)
            self.give_back()

    def _take(self) -> Parsed:
        parsed = Parsed("".join(self._text), tuple(self._calls))
        self._text.clear()
        self._calls.clear()
        return parsed

    # Steps: they read, and wait for more text where that is needed.

    def more(self) -> Steps[bool]:
        """Wait for more text; False if none will come, or too much is undecided already."""
        if self._is_over or len(self._buffer) >= MAX_HELD_CHARS:
            return False
        yield
        return True

    def until(self, *markers: str) -> Steps[str | None]:
        """Pass text on up to a marker and read that; None at the end of the text.

        The space before the marker is held with it: it is dropped if a call follows.
        """
        assert self._at == 0
        while True:
            found = first_marker(self._buffer, markers)
            pending = 0 if found else pending_suffix(self._buffer, *markers)
            end = found.start if found else len(self._buffer) - pending
            self._release(len(self._buffer[:end].rstrip()))
            if found:
                self._at = self._buffer.index(found.marker) + len(found.marker)
                return found.marker
            if not (yield from self.more()):
                self._release(len(self._buffer) - pending * (not self._is_over))
                if self._is_over:
                    return None

    def peek(self, size: int = 1) -> Steps[str]:
        """The next `size` characters, not read; fewer at the end of the text."""
        while len(self._buffer) - self._at < size:
            if not (yield from self.more()):
                break
        return self._buffer[self._at : self._at + size]

    def accept(self, literal: str) -> Steps[bool]:
        """Read `literal` if it comes next."""
        while not self._buffer.startswith(literal, self._at):
            if not literal.startswith(self._buffer[self._at :]):
                return False
            if not (yield from self.more()):
                return False
        self._at += len(literal)
        return True

    def space(self) -> Steps[None]:
        while (yield from self.peek()).isspace():
            rest = self._buffer[self._at :]
            self._at += len(rest) - len(rest.lstrip())

    def accept_next(self, literal: str) -> Steps[bool]:
        """Read space, and then `literal` if it comes."""
        yield from self.space()
        return (yield from self.accept(literal))

    def peek_next(self) -> Steps[str]:
        """Read space; the character after it is not read."""
        yield from self.space()
        return (yield from self.peek())

    def run(self, stops: str) -> Steps[str]:
        """What comes before the first of the characters `stops`, or before the end."""
        start = self._at
        while True:
            ends = [at for stop in stops if (at := self._buffer.find(stop, self._at)) >= 0]
            self._at = min(ends, default=len(self._buffer))
            if ends or not (yield from self.more()):
                return self._buffer[start : self._at]

    def json_value(self) -> Steps[str | None]:
        """A JSON value's source; None if the text ends inside it."""
        if (yield from self.peek_next()) not in ('"', "{", "["):
            return (yield from self.run(" \r\n\t,}]<")) or None
        start = self._at
        end = JsonEnd()
        while True:
            stop = end.feed(self._buffer[self._at :])
            self._at = len(self._buffer) if stop is None else self._at + stop
            if stop is not None:
                return self._buffer[start : self._at]
            if not (yield from self.more()):
                return None

    # Decisions about what was read.

    def give_back(self) -> None:
        """What was read is text after all."""
        self._release(self._at)

    def drop(self) -> None:
        """What was read is neither text nor a part of a call."""
        self._buffer, self._at = self._buffer[self._at :], 0

    def open_call(self, name: str) -> None:
        """What was read begins a call of `name`."""
        self.drop()
        self._calls.append(ToolCallDelta(self._index, self._call_id(self._index), name, ""))

    def send(self, arguments: str) -> None:
        """A piece of the open call's arguments."""
        if arguments:
            self._calls.append(ToolCallDelta(self._index, None, None, arguments))

    def close_call(self) -> None:
        self.drop()
        self._index += 1
        self._is_after_call = True

    def stream_json(self, *, depth: int = 0, is_shown: bool = True) -> Steps[bool]:
        """Send a JSON object as it comes; `depth` of its brackets are read already.

        Only within an open call. False if the text ends first.
        """
        self.drop()
        end = JsonEnd(depth=depth)
        while True:
            stop = end.feed(self._buffer)
            self._at = len(self._buffer) if stop is None else stop
            if is_shown:
                self.send(self._buffer[: self._at])
            self.drop()
            if stop is not None:
                return True
            if not (yield from self.more()):
                return False

    def _release(self, size: int) -> None:
        text, self._buffer = self._buffer[:size], self._buffer[size:]
        self._at = 0
        if self._is_after_call:
            text = text.lstrip()
        if text:
            self._text.append(text)
            self._is_after_call = False
