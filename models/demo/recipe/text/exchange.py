"""The values the generators make: one exchange, one conversation. Knows no topic."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Message: TypeAlias = "dict[str, Json]"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the user says, what the model thinks if asked to, and what it answers."""

    user: str
    answer: str
    thought: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages and template arguments, ready to be rendered."""

    topic: str
    messages: list[Message]
    tools: list[Json] = field(default_factory=list)
    enable_thinking: bool = False


Topic: TypeAlias = Callable[[Random], Exchange]
