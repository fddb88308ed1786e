"""What a request asks for, in no provider's words."""

from typing import Any, Literal

import msgspec


class Turn(msgspec.Struct, frozen=True):
    """One message of a conversation; `role` is system, user, assistant or tool."""

    role: str
    content: str


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class Chat(msgspec.Struct, frozen=True, tag="chat"):
    """A conversation to answer."""

    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A text to continue, without a chat template."""

    prompt: str


class Embed(msgspec.Struct, frozen=True, tag="embed"):
    """Texts to turn into vectors."""

    inputs: tuple[str, ...]


Input = Chat | Text | Embed
Temperature = float | Literal["default"] | None


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request. None leaves a choice to the server; `extra` goes into the body as it is.

    `temperature` None is 0 where all models of the provider take it, "default" is never sent.
    `ignore_eos` asks for exactly `max_tokens` where the server can be told so.
    """

    input: Input
    max_tokens: int | None = None
    temperature: Temperature = None
    seed: int | None = None
    stream: bool = True
    ignore_eos: bool = False
    extra: dict[str, Any] = {}
