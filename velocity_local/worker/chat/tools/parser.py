"""What every tool-call dialect offers: a parser of its calls, and a grammar that forces them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from velocity_local.core.errors import UnsupportedField
from velocity_local.core.events import ToolCallDelta

CallIds = Callable[[int], str]
Mark = Callable[[str], str]
"""The Lark source of a marker: `<[id]>` where the vocabulary has one token for it that is no
plain text, else the marker quoted."""


class Inexpressible(UnsupportedField):
    """A schema asks what the grammar of a dialect cannot enforce; `keyword` asks it."""

    def __init__(self, keyword: str) -> None:
        super().__init__(
            f"{keyword!r} cannot be enforced in this model's form of tool calls; leave it out",
            param="tools",
        )
        self.keyword = keyword


class Offer(NamedTuple):
    """A tool the model may call; `parameters_schema` is the JSON Schema of its arguments."""

    name: str
    description: str | None
    parameters_schema: dict[str, Any]


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
    """A module of this package.

    `MARKERS` are the texts that frame calls and may be control tokens of the model: they must be
    written out in the text a parser is fed. With one of `TRIGGERS` every call begins, or with one
    of `OPENERS`: those are ordinary text, and begin a call only as the first text of an answer.
    Everything `grammar` accepts begins with one of them, or goes on to one.
    """

    @property
    def NAME(self) -> str: ...  # noqa: N802 - the module's constants

    @property
    def MARKERS(self) -> tuple[str, ...]: ...  # noqa: N802 - as above

    @property
    def TRIGGERS(self) -> tuple[str, ...]: ...  # noqa: N802 - as above

    @property
    def OPENERS(self) -> tuple[str, ...]: ...  # noqa: N802 - as above

    def Parser(  # noqa: N802 - the module's class
        self, call_id: CallIds, offers: Sequence[Offer] = ()
    ) -> ToolParser:
        """`call_id` names the call with a given index; `offers` are the tools of the request."""
        ...

    def grammar(self, tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
        """Lark for llguidance: one call of one of `tools`, or several if `parallel`.

        It ends where the model should end its answer.
        https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md

        Raises:
            Inexpressible: if a schema asks what this form of calls cannot be held to.
        """
        ...
