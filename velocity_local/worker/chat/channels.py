"""Tells the messages of an answer apart, where it is a row of them with headers: reasoning, calls
and the answer proper. Knows nothing of tokens, and of no family: `chat/channel_forms.py` does.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from velocity_local.worker.chat.markers import first_marker, pending_suffix
from velocity_local.worker.chat.segments import Segments

_MAX_HEADER_CHARS = 512


class Channel(NamedTuple):
    """What follows a header. It ends with one of `ends`, which is dropped, or before one of
    `breaks`; what reads calls is shown `opening` and `closing` around it. Some headers have no
    message.
    """

    ends: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    opening: str = ""
    closing: str = ""
    is_reasoning: bool = False
    has_message: bool = True


class ChannelForm(NamedTuple):
    """How a family writes headers: they begin with one of `starts` and end with one of `stops`.

    `markers` are the control tokens they are made of. `read` tells the channel of a header; that
    of no header is the one an answer goes on with if the prompt has begun it. Reasoning stands
    between one of `open` and one of `close`. The answer proper may begin with the texts
    `answer`, of which the first is that of any new message.
    """

    markers: tuple[str, ...]
    starts: tuple[str, ...]
    stops: tuple[str, ...]
    read: Callable[[str], Channel]
    open: tuple[str, ...]
    close: tuple[str, ...]
    answer: tuple[str, str]

    @property
    def breaks(self) -> tuple[str, ...]:
        """Markers before which the reasoning ends as well, since they begin the next message."""
        return self.read(self.open[0]).breaks

    def is_left_open(self, prompt: str) -> bool:
        """True if `prompt` ends inside the reasoning."""
        return prompt.rstrip().endswith(self.open)


class ChannelSplitter:
    """Text before any header is content: an answer that goes on with a message begun before."""

    def __init__(self, form: ChannelForm, *, starts_inside: bool = False) -> None:
        self._form = form
        self._buffer = ""
        self._at = 0
        self._n_searched = 0  # characters behind `_at` in which no header ends
        self._taken = 0
        self._channel = form.read(form.open[0] if starts_inside else "")
        self._step: Callable[[], bool] = self._message if starts_inside else self._between
        self._span_starts: list[int] = []
        self._span_ends: list[int] = []
        self._reasoning: list[str] = []
        self._content: list[str] = []

    @property
    def held(self) -> int:
        return len(self._buffer) - self._at

    def is_reasoning(self, at: int) -> bool:
        span = bisect_right(self._span_starts, at) - 1
        return span >= 0 and at < self._span_ends[span]

    def feed(self, text: str) -> Segments:
        self._buffer, self._at = self._buffer[self._at :] + text, 0
        while self._step():
            pass
        return self._released()

    def flush(self) -> Segments:
        """What is held back; a header that was cut off is nothing to show."""
        is_header = self._buffer.startswith(self._form.starts, self._at)
        text = self._take(self.held)
        if self._step == self._message or not is_header:
            self._show(text)
        return self._released()

    def _released(self) -> Segments:
        segments = Segments("".join(self._reasoning), "".join(self._content))
        self._reasoning.clear()
        self._content.clear()
        return segments

    def _between(self) -> bool:
        if self._buffer.startswith(self._form.starts, self._at):
            self._step = self._header
            return True
        rest = self._buffer[self._at : self._at + max(map(len, self._form.starts))]
        if any(start.startswith(rest) for start in self._form.starts):
            return False
        self._enter(self._form.read(""))
        return True

    def _header(self) -> bool:
        # What ends a message ends what was none as well.
        marks = (*self._form.stops, *self._form.read("").ends)
        begun = self._at + max(0, self._n_searched - max(map(len, marks)))
        found = first_marker(self._buffer, marks, begun, self._at + _MAX_HEADER_CHARS)
        self._n_searched = self.held
        if not found and self.held < _MAX_HEADER_CHARS:
            return False
        if not found or found.marker not in self._form.stops:
            self._enter(self._form.read(""))
            self._show(self._take(found.start - self._at if found else _MAX_HEADER_CHARS))
            return True
        start = self._taken
        self._enter(self._form.read(self._take(found.end - self._at)))
        self._note(start)
        return True

    def _enter(self, channel: Channel) -> None:
        self._channel = channel
        if channel.is_reasoning and self._span_starts:
            self._show("\n")
        self._show(channel.opening)
        self._step = self._message if channel.has_message else self._between

    def _message(self) -> bool:
        marks = self._channel.ends + self._channel.breaks
        found = first_marker(self._buffer, marks, self._at)
        pending = 0 if found else pending_suffix(self._buffer, *marks, start=self._at)
        start = self._taken
        self._show(self._take((found.start if found else len(self._buffer) - pending) - self._at))
        if found and found.marker in self._channel.ends:
            self._take(len(found.marker))
        self._note(start)
        if not found:
            return False
        self._show(self._channel.closing)
        self._step = self._between
        return True

    def _show(self, text: str) -> None:
        (self._reasoning if self._channel.is_reasoning else self._content).append(text)

    def _take(self, size: int) -> str:
        text = self._buffer[self._at : self._at + size]
        self._at += len(text)
        self._taken += len(text)
        self._n_searched = 0
        return text

    def _note(self, start: int) -> None:
        """What was taken since `start` is of a reasoning, if one is being read."""
        if not self._channel.is_reasoning or start == self._taken:
            return
        if self._span_ends and self._span_ends[-1] == start:
            self._span_ends[-1] = self._taken
        else:
            self._span_starts.append(start)
            self._span_ends.append(self._taken)
