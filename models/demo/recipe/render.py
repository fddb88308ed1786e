"""Conversations to text through the chat template, the way the product renders it."""

import json
from pathlib import Path
from typing import NoReturn

from jinja2 import Template
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from recipe.text.exchange import Conversation, Json, Message

SOURCE = Path(__file__).with_name("chat_template.jinja")


def _tojson(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def source() -> str:
    """The template's text, as it is stored in the model."""
    return SOURCE.read_text().rstrip("\n")


def compile_template() -> Template:
    """The template in the sandbox that clients use."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    return environment.from_string(source())


TEMPLATE = compile_template()


def render(one: Conversation) -> str:
    """A whole conversation, or a plain text and its end, for training."""
    if one.topic == "plain":
        return f"{one.messages[0]['content']}<|endoftext|>"
    return TEMPLATE.render(
        messages=one.messages, tools=one.tools, enable_thinking=one.enable_thinking
    )


def prompt(
    messages: list[Message], *, tools: list[Json] | None = None, enable_thinking: bool = False
) -> str:
    """A conversation up to the point where the model speaks."""
    return TEMPLATE.render(
        messages=messages,
        tools=tools or [],
        enable_thinking=enable_thinking,
        add_generation_prompt=True,
    )
