"""Reads calls out of text that streams: waits, holds back, gives back. Knows no dialect.

A dialect derives from `CallParser` and writes `read` as if the whole text were there: the steps
it is made of wait for more text where they need it. What a step has read stays undecided until
`open_call` makes it a call or `give_back` makes it text; every character is read once and copied
once, so hostile text costs no more than any other.
"""

import re
from collections.abc import Callable, Generator, Sequence
from typing import TypeAlias, TypeVar

from velocity_local.core.events import ToolCallDelta
from velocity_local.worker.chat.markers import Found, first_marker, pending_suffix
from velocity_local.worker.chat.tools.json_end import JsonEnd, JsonStrings
from velocity_local.worker.chat.tools.parser import CallIds, Offer, Parsed

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]
MAX_HELD_CHARS = 32 * 1024
"""What has not become a call by then is text."""
MAX_NAME_CHARS = 256
_NO_SPACE = re.compile(r"\S")
_NAME = re.compile(r"[\w./:-]{1,256}")


def is_name(text: str) -> bool:
    """True if `text` may name a tool, and is not prose that follows something like a marker."""
    return _NAME.fullmatch(text) is not None


class CallParser:
    """Incremental; the same events come however the text is cut."""

    def __init__(self, call_id: CallIds, offers: Sequence[Offer] = ()) -> None:
        self.offers = {offer.name: offer for offer in offers}
        self._call_id = call_id
        # Undecided: what was read of earlier pieces, and the buffer from `_start` on; what lies
        # behind `_at` is not read. Only a feed moves the buffer's text.
        self._earlier: list[str] = []
        self._n_earlier = 0
        self._buffer = ""
        self._start = 0
        self._at = 0
        self._is_over = False
        self._index = 0
        self._is_open = False
        self.is_after_call = False
        self._text: list[str] = []
        self._calls: list[ToolCallDelta] = []
        self._steps = self.read()

    def read(self) -> Steps[None]:
        """The dialect: what the whole text is made of. Text it leaves unread stays text."""
        raise NotImplementedError

    @property
    def held(self) -> int:
        return self._n_earlier + len(self._buffer) - self._start

    def feed(self, text: str) -> Parsed:
        at = 0
        while at < len(text):
            room = MAX_HELD_CHARS - self.held
            assert room > 0
            self._refill(text[at : at + room])
            at += room
            self._resume()
        return self._take()

    def finish(self) -> Parsed:
        self._is_over = True
        self._resume()
        return self._take()

    def _refill(self, text: str) -> None:
        if self._start < self._at:
            self._earlier.append(self._buffer[self._start : self._at])
            self._n_earlier += self._at - self._start
        self._buffer = self._buffer[self._at :] + text
        self._start = self._at = 0

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

    # Steps: they read, and wait for more text where that is needed. Places in the buffer are
    # others after a wait, but for `_at`.

    def more(self) -> Steps[bool]:
        """Wait for more text; False if none will come, or too much is undecided already."""
        if self._is_over or self.held >= MAX_HELD_CHARS:
            return False
        yield
        return True

    def until(self, *markers: str) -> Steps[str | None]:
        """Pass text on up to a marker and read that; None at the end of the text.

        The space before the marker is held with it: it is dropped if a call follows.
        """
        assert not self._n_earlier
        assert self._start == self._at
        while True:
            found = first_marker(self._buffer, markers, self._at)
            pending = 0 if found else pending_suffix(self._buffer, *markers, start=self._at)
            self._pass_on(found.start if found else len(self._buffer) - pending)
            if found:
                self._at = found.end
                return found.marker
            if not (yield from self.more()):
                self._at += pending * self._is_over
                if pending and self._is_cut_off:
                    self.drop()
                self.give_back()
                if self._is_over:
                    return None

    def _pass_on(self, end: int) -> None:
        """Give back the text up to `end`, and keep the space at its end."""
        size = len(self._buffer[self._at : end].rstrip())
        if size:
            self._at += size
            self.give_back()
        self._at = end

    def peek(self, size: int = 1) -> Steps[str]:
        """The next `size` characters, not read; fewer at the end of the text."""
        while len(self._buffer) - self._at < size:
            if not (yield from self.more()):
                break
        return self._buffer[self._at : self._at + size]

    def take(self, size: int = 1) -> Steps[str]:
        """Read the next `size` characters; fewer at the end of the text."""
        text = yield from self.peek(size)
        self._at += len(text)
        return text

    def accept(self, literal: str) -> Steps[bool]:
        """Read `literal` if it comes next, or its beginning where a call is cut off in it."""
        while not self._buffer.startswith(literal, self._at):
            begun = self._buffer[self._at : self._at + len(literal)]
            if not literal.startswith(begun):
                return False
            if not (yield from self.more()):
                is_cut = bool(begun) and self._is_cut_off
                self._at += len(begun) * is_cut
                return is_cut
        self._at += len(literal)
        return True

    @property
    def _is_cut_off(self) -> bool:
        """True if the text is over within calls: no text that begins a marker can be text."""
        return self._is_over and (self._is_open or self.is_after_call)

    def space(self) -> Steps[None]:
        while True:
            found = _NO_SPACE.search(self._buffer, self._at)
            self._at = found.start() if found else len(self._buffer)
            if found or not (yield from self.more()):
                return

    def accept_next(self, literal: str) -> Steps[bool]:
        """Read space, and then `literal` if it comes."""
        yield from self.space()
        return (yield from self.accept(literal))

    def peek_next(self) -> Steps[str]:
        """Read space; the character after it is not read."""
        yield from self.space()
        return (yield from self.peek())

    def run(self, stops: str) -> Steps[str]:
        """What comes before the first of the characters `stops`: a name, or a number."""
        while True:
            window = self._buffer[self._at : self._at + MAX_NAME_CHARS]
            found = first_marker(window, tuple(stops))
            if not found and len(window) < MAX_NAME_CHARS and (yield from self.more()):
                continue
            text = window[: found.start] if found else window
            self._at += len(text)
            return text

    def before(self, *markers: str) -> Steps[str | None]:
        """What comes before the first of `markers`, which is read too; None if it is no name."""
        limit = MAX_NAME_CHARS + max(map(len, markers))
        while True:
            window = self._buffer[self._at : self._at + limit]
            found = first_marker(window, markers)
            if not found and len(window) < limit and (yield from self.more()):
                continue
            self._at += found.end if found else len(window)
            return window[: found.start] if found else None

    def json_value(self) -> Steps[str | None]:
        """A JSON value's source; None if the text ends inside it."""
        if (yield from self.peek_next()) not in ('"', "{", "["):
            return (yield from self.run(" \r\n\t,}]<")) or None
        parts: list[str] = []
        end = JsonEnd()
        while True:
            stop = end.feed(self._buffer, self._at)
            parts.append(self._buffer[self._at : stop])
            self._at = len(self._buffer) if stop is None else stop
            if stop is not None:
                return "".join(parts)
            if not (yield from self.more()):
                return None

    # Decisions about what was read.

    def give_back(self) -> None:
        """What was read is text after all."""
        text = "".join((*self._earlier, self._buffer[self._start : self._at]))
        self.drop()
        if self.is_after_call:
            text = text.lstrip()
        if text:
            self._text.append(text)
            self.is_after_call = False

    def drop(self) -> None:
        """What was read is neither text nor a part of a call."""
        self._earlier.clear()
        self._n_earlier = 0
        self._start = self._at

    def open_call(self, name: str) -> None:
        """What was read begins a call of `name`."""
        self.drop()
        self._is_open = True
        self._calls.append(ToolCallDelta(self._index, self._call_id(self._index), name, ""))

    def send(self, arguments: str) -> None:
        """A piece of the open call's arguments."""
        if arguments:
            self._calls.append(ToolCallDelta(self._index, None, None, arguments))

    def close_call(self) -> None:
        self.drop()
        self._index += 1
        self._is_open = False
        self.is_after_call = True

    def stream_named(self, name: str | None) -> Steps[bool]:
        """A whole call of `name`, if it may be one and an object of arguments comes next."""
        if not name or not is_name(name) or (yield from self.peek_next()) != "{":
            return False
        self.open_call(name)
        yield from self.stream_json()
        self.close_call()
        return True

    def stream_json(self, *, depth: int = 0, is_shown: bool = True) -> Steps[bool]:
        """Send a JSON object as it comes; `depth` of its brackets are read already.

        Only within an open call. False if the text ends first.
        """
        self.drop()
        end = JsonEnd(depth=depth)
        while True:
            stop = end.feed(self._buffer, self._at)
            if is_shown:
                self.send(self._buffer[self._at : stop])
            self._at = len(self._buffer) if stop is None else stop
            self.drop()
            if stop is not None:
                return True
            if not (yield from self.more()):
                return False

    def stream_until(self, *closes: str, written: Callable[[str], str]) -> Steps[str | None]:
        """Send what comes before one of `closes`, as `written`, and read that; None if the text
        ends first. Only within an open call.
        """
        self.drop()
        while True:
            found = first_marker(self._buffer, closes, self._at)
            self.send(written(self._up_to(found, closes)))
            self.drop()
            if found:
                return found.marker
            if not (yield from self.more()):
                self._drop_rest()
                return None

    def collect_until(self, close: str, *, strings: JsonStrings | None = None) -> Steps[str | None]:
        """What comes before `close`, however long; None if the text ends first, and then it is
        sent as it is. Only within an open call. A `close` inside of `strings` is passed over.
        """
        self.drop()
        parts: list[str] = []
        while True:
            found = first_marker(self._buffer, (close,), self._at)
            parts.append(self._up_to(found, (close,)))
            self.drop()
            is_inside = strings is not None and strings.feed(parts[-1])
            if found and not is_inside:
                return "".join(parts)
            if found and strings is not None:
                parts.append(close)
                strings.feed(close)
            elif not (yield from self.more()):
                self.send("".join(parts).strip())
                self._drop_rest()
                return None

    def _drop_rest(self) -> None:
        """The text is over in the middle of a call, perhaps within a marker."""
        self._at = len(self._buffer)
        self.drop()

    def _up_to(self, found: Found | None, closes: tuple[str, ...]) -> str:
        """Read on to the end of the marker, or to where one may begin; what comes before it."""
        pending = 0 if found else pending_suffix(self._buffer, *closes, start=self._at)
        end = found.start if found else len(self._buffer) - pending
        text = self._buffer[self._at : end]
        self._at = found.end if found else end
        return text
