"""Splits the reasoning that opens an answer from the answer itself. Knows nothing of tokens.

Only a block that opens the answer counts (white space before it is allowed), or one that the
prompt left open; the same words later in an answer are text. White space inside the block's
edges and between block and answer is dropped.
"""

from typing import NamedTuple, Protocol

from velocity_local.worker.chat.markers import first_marker, pending_suffix
from velocity_local.worker.chat.thinking import THINK, Block


class Segments(NamedTuple):
    """What a piece of text made certain, by channel; reasoning always comes first."""

    reasoning: str
    content: str


class Splitter(Protocol):
    """Text in, reasoning and content out; the same however the text is cut."""

    @property
    def held(self) -> int:
        """Characters fed whose channel is not decided."""
        ...

    def is_reasoning(self, at: int) -> bool:
        """True if the character at `at`, counted in those fed and decided, is of a block."""
        ...

    def feed(self, text: str) -> Segments: ...

    def flush(self) -> Segments:
        """What is held back: no more text will come."""
        ...


class ReasoningSplitter:
    """`reasoning_start` and `reasoning_end` are where the block lies, tags included, counted in
    characters fed; None is not known yet.
    """

    def __init__(self, block: Block = THINK, *, starts_inside: bool = False) -> None:
        self._block = block
        self._step = self._inside if starts_inside else self._before
        self._held = ""
        self._space: list[str] = []  # held as well, before what `_held` has
        self._n_space = 0
        self._fed = 0
        self._is_begun = False
        self.reasoning_start: int | None = 0 if starts_inside else None
        self.reasoning_end: int | None = None

    @property
    def held(self) -> int:
        return self._n_space + len(self._held)

    def is_reasoning(self, at: int) -> bool:
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
        text = self._released(self._held)
        self._held = ""
        return Segments(text, "") if self._step == self._inside else Segments("", text)

    def _set_aside(self, size: int) -> None:
        """Hold the first `size` characters, which are space, apart from what is looked at."""
        if size:
            self._space.append(self._held[:size])
            self._n_space += size
            self._held = self._held[size:]

    def _released(self, text: str) -> str:
        """The space set aside, and `text` behind it."""
        text = "".join((*self._space, text))
        self._drop_space()
        return text

    def _drop_space(self) -> None:
        self._space.clear()
        self._n_space = 0

    def _before(self) -> Segments:
        self._set_aside(_n_leading(self._held))
        opened = next((mark for mark in self._block.open if self._held.startswith(mark)), None)
        if opened is not None:
            self.reasoning_start = self._fed - len(self._held)
            self._drop_space()
            self._held = self._held[len(opened) :]
            self._step = self._inside
            return self._inside()
        if any(mark.startswith(self._held) for mark in self._block.open):
            return Segments("", "")
        self._step = self._unframed
        return self._unframed()

    def _inside(self) -> Segments:
        if not self._is_begun:
            self._held = self._held.lstrip()
        found = first_marker(self._held, self._block.close)
        pending = 0 if found else pending_suffix(self._held, *self._block.close)
        end = found.start if found else len(self._held) - pending
        size = len(self._held[:end].rstrip())
        reasoning = ""
        if size:
            reasoning = self._released(self._held[:size])
            self._held = self._held[size:]
            self._is_begun = True
        self._set_aside(end - size)
        return self._closed(reasoning, found.marker) if found else Segments(reasoning, "")

    def _closed(self, reasoning: str, marker: str) -> Segments:
        self._drop_space()
        self._held = self._held[len(marker) :]
        self.reasoning_end = self._fed - len(self._held)
        self._step = self._gap
        return Segments(reasoning, self._gap().content)

    def _gap(self) -> Segments:
        self._held = self._held.lstrip()
        if not self._held:
            return Segments("", "")
        self._step = self._unframed
        return self._unframed()

    def _unframed(self) -> Segments:
        """The answer, or what its family puts before it."""
        if self._block.answer is None:
            self._step = self._after
            return self.flush()
        opening = self._block.answer[0]
        self._set_aside(_n_leading(self._held))
        if opening.startswith(self._held) and self._held != opening:
            return Segments("", "")
        if self._held.startswith(opening):
            self._drop_space()
            self._held = self._held[len(opening) :]
            self._step = self._answer_gap
            return self._answer_gap()
        self._step = self._after
        return self.flush()

    def _answer_gap(self) -> Segments:
        self._held = self._held.lstrip()
        if not self._held:
            return Segments("", "")
        self._step = self._answer
        return self._answer()

    def _answer(self) -> Segments:
        """The answer up to what its family puts after it, which is dropped."""
        assert self._block.answer is not None
        close = self._block.answer[1]
        found = first_marker(self._held, (close,)) if close else None
        if found:
            text, self._held = self._held[: found.start], self._held[found.end :]
            self._step = self._after
            return Segments("", text + self.flush().content)
        end = len(self._held) - pending_suffix(self._held, close)
        text, self._held = self._held[:end], self._held[end:]
        return Segments("", text)

    def _after(self) -> Segments:
        return self.flush()


def _n_leading(text: str) -> int:
    """Characters of space at the beginning."""
    return len(text) - len(text.lstrip())
