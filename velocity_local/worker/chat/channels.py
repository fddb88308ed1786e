"""Tells the channels of gpt-oss apart: reasoning, calls and the answer. Knows nothing of tokens.

An answer is a row of messages, `<|start|>assistant<|channel|>analysis<|message|>...<|end|>`. The
analysis is reasoning; what is for nobody else is content, without its frame; a message to a
recipient goes on as a call, with its header in one form, for `tools/harmony.py` to read.
https://cookbook.openai.com/articles/openai-harmony
"""

from collections.abc import Callable

from velocity_local.worker.chat.markers import first_marker, pending_suffix
from velocity_local.worker.chat.segments import Segments

START = "<|start|>"
CHANNEL = "<|channel|>"
CONSTRAIN = "<|constrain|>"
MESSAGE = "<|message|>"
END = "<|end|>"
END_OF_CALL = "<|call|>"
_RECIPIENT = " to="
MARKERS = (START, CHANNEL, CONSTRAIN, MESSAGE, END, END_OF_CALL)
_BREAKS = (START, CHANNEL, END, END_OF_CALL)
_HEADERS = (START, CHANNEL, _RECIPIENT)
_MAX_HEADER_CHARS = 1024


class ChannelSplitter:
    """Text before any header is content: an answer that goes on with a message begun before."""

    def __init__(self) -> None:
        self._held = ""
        self._taken = 0
        self._step: Callable[[], bool] = self._between
        self._is_reasoning = False
        self._is_call = False
        self._spans: list[tuple[int, int]] = []
        self._reasoning: list[str] = []
        self._content: list[str] = []

    @property
    def held(self) -> int:
        return len(self._held)

    def is_reasoning(self, at: int) -> bool:
        return any(start <= at < end for start, end in self._spans)

    def feed(self, text: str) -> Segments:
        self._held += text
        while self._step():
            pass
        return self._released()

    def flush(self) -> Segments:
        """What is held back; a header that was cut off is nothing to show."""
        if self._step == self._body or not self._held.startswith(_HEADERS):
            self._show(self._held)
        self._take(len(self._held))
        return self._released()

    def _released(self) -> Segments:
        segments = Segments("".join(self._reasoning), "".join(self._content))
        self._reasoning.clear()
        self._content.clear()
        return segments

    def _between(self) -> bool:
        if not self._held or any(mark.startswith(self._held) for mark in _HEADERS):
            return False
        if self._held.startswith(_HEADERS):
            self._step = self._header
        else:
            self._begin("")
        return True

    def _header(self) -> bool:
        end = self._held.find(MESSAGE, 0, _MAX_HEADER_CHARS)
        if end < 0 and len(self._held) < _MAX_HEADER_CHARS:
            return False
        if end < 0:
            self._begin("")
            self._show(self._take(_MAX_HEADER_CHARS))
            return True
        start = self._taken
        header = self._take(end)
        self._take(len(MESSAGE))
        self._begin(header)
        self._note(start)
        return True

    def _begin(self, header: str) -> None:
        """A message with this header; its recipient may stand before its channel or after it."""
        recipient = header.partition(_RECIPIENT)[2].split("<")[0].split()
        self._is_call = bool(recipient) and recipient[0] != "assistant"
        self._is_reasoning = not self._is_call and f"{CHANNEL}analysis" in header
        if self._is_call:
            self._show(f"{CHANNEL}commentary{_RECIPIENT}{recipient[0]} {CONSTRAIN}json{MESSAGE}")
        elif self._is_reasoning and self._spans:
            self._show("\n")
        self._step = self._body

    def _body(self) -> bool:
        found = first_marker(self._held, _BREAKS)
        end = found.start if found else len(self._held) - pending_suffix(self._held, *_BREAKS)
        start = self._taken
        self._show(self._take(end))
        if found and found.marker in (END, END_OF_CALL):
            self._take(len(found.marker))
        self._note(start)
        if not found:
            return False
        if self._is_call:
            self._show(END_OF_CALL)
        self._step = self._between
        return True

    def _show(self, text: str) -> None:
        (self._reasoning if self._is_reasoning else self._content).append(text)

    def _take(self, size: int) -> str:
        text, self._held = self._held[:size], self._held[size:]
        self._taken += size
        return text

    def _note(self, start: int) -> None:
        """What was taken since `start` is of an analysis, if one is being read."""
        if not self._is_reasoning or start == self._taken:
            return
        if self._spans and self._spans[-1][1] == start:
            start = self._spans.pop()[0]
        self._spans.append((start, self._taken))
