"""What every tool-call dialect offers: `NAME`, `recognises(template)` and `Parser`."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from velocity_local.core.events import ToolCallDelta

CallIds = Callable[[int], str]


class Parsed(NamedTuple):
    """What a piece of text made certain: text outside of calls, and pieces of calls."""

    text: str = ""
    calls: tuple[ToolCallDelta, ...] = ()


class ToolParser(Protocol):
    """Reads an answer in one dialect as it streams; nothing but space around calls is lost."""

    @property
    def held(self) -> int:
        """Characters fed that may still become text or a call."""
        ...

    def feed(self, text: str) -> Parsed: ...

    def finish(self) -> Parsed:
        """What is held back: no more text will come."""
        ...


class Dialect(Protocol):
    """A module of this package."""

    NAME: str

    def recognises(self, template: str) -> bool:
        """True if a chat template teaches this dialect."""
        ...

    def Parser(self, call_id: CallIds) -> ToolParser:  # noqa: N802 - the module's class
        """`call_id` names the call with a given index."""
        ...
