"""Splits a `<think>` block from the answer that follows it. Knows nothing of tokens.

Only a block that opens the answer counts (white space before it is allowed), or one that the
prompt left open; the same words later in an answer are text. White space inside the block's
edges and between block and answer is dropped.
"""

from typing import NamedTuple

from velocity_local.worker.chat.markers import pending_suffix

OPEN = "<think>"
CLOSE = "</think>"


class Segments(NamedTuple):
    """What a piece of text made certain, by channel; reasoning always comes first."""

    reasoning: str
    content: str


class ReasoningSplitter:
    """`reasoning_start` and `reasoning_end` are where the block lies, tags included, counted in
    characters fed; None is not known yet.
    """

    def __init__(self, *, starts_inside: bool = False) -> None:
        self._step = self._inside if starts_inside else self._before
        self._held = ""
        self._fed = 0
        self._is_begun = False
        self.reasoning_start: int | None = 0 if starts_inside else None
        self.reasoning_end: int | None = None

    @property
    def held(self) -> int:
        """Characters fed whose channel is not decided."""
        return len(self._held)

    def is_reasoning(self, at: int) -> bool:
        """True if the character at `at`, which must be decided, lies in the block."""
        if self.reasoning_start is None or at < self.reasoning_start:
            return False
        return self.reasoning_end is None or at < self.reasoning_end

    def feed(self, text: str) -> Segments:
        self._fed += len(text)
        if self._step == self._after:
            return Segments("", text)
        self._held += text
        return self._step()

    def flush(self) -> Segments:
        """What is held back: no more text will come."""
        text, self._held = self._held, ""
        return Segments(text, "") if self._step == self._inside else Segments("", text)

    def _before(self) -> Segments:
        text = self._held.lstrip()
        if OPEN.startswith(text):
            return Segments("", "")
        if not text.startswith(OPEN):
            self._step = self._after
            return self.flush()
        self.reasoning_start = self._fed - len(text)
        self._held = text[len(OPEN) :]
        self._step = self._inside
        return self._inside()

    def _inside(self) -> Segments:
        if not self._is_begun:
            self._held = self._held.lstrip()
        end = self._held.find(CLOSE)
        if end < 0:
            return Segments(self._release_inside(), "")
        reasoning, self._held = self._held[:end].rstrip(), self._held[end + len(CLOSE) :]
        self.reasoning_end = self._fed - len(self._held)
        self._step = self._gap
        return Segments(reasoning, self._gap().content)

    def _release_inside(self) -> str:
        sure = self._held[: len(self._held) - pending_suffix(self._held, CLOSE)].rstrip()
        self._held = self._held[len(sure) :]
        self._is_begun = self._is_begun or bool(sure)
        return sure

    def _gap(self) -> Segments:
        content, self._held = self._held.lstrip(), ""
        if content:
            self._step = self._after
        return Segments("", content)

    def _after(self) -> Segments:
        return self.flush()
