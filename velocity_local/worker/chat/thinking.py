"""How a model family marks off what it thinks before it answers. Values only."""

from typing import Literal

import msgspec


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reasoning between one of `open` and one of `close`, at the beginning of an answer.

    `answer` is what some families put around the answer itself. `spelled` is how their template
    writes `close`, if otherwise.
    """

    open: tuple[str, ...]
    close: tuple[str, ...]
    answer: tuple[str, str] | None = None
    spelled: str | None = None

    @property
    def markers(self) -> tuple[str, ...]:
        """Every text that must be written out for the block to be seen."""
        return (*self.open, *self.close, *(self.answer or ()))

    def is_left_open(self, prompt: str) -> bool:
        """True if `prompt` ends inside a block."""
        return prompt.rstrip().endswith(self.open)

    def is_known_to(self, template: str) -> bool:
        """True if `template` writes the block's end."""
        marks = (self.spelled,) if self.spelled else self.close
        return any(mark in template for mark in marks)

    def begins(self, answer: str) -> bool:
        """True if an answer begun like this is still inside its block."""
        begun = answer.lstrip()
        return begun.startswith(self.open) and not any(mark in begun for mark in self.close)


THINK = Block(("<think>",), ("</think>",))
Channels = Literal["harmony", "kimi_k3", "muse", "solar"]
Thinking = Block | Channels
"""A block, or messages with headers, whose forms are in `chat/channel_forms.py`."""
