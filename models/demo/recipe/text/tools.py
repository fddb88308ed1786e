"""The tools that the model learns to call, and how a conversation offers them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from recipe.text import calls
from recipe.text.calls import Arguments, Call
from recipe.text.exchange import Json


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool under its possible names, with how to draw a call of it."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    parameters: tuple[tuple[str, ...], ...]
    draw: Callable[[Random], Call]


TOOLS = (
    Tool(
        ("get_weather", "weather", "get_current_weather"),
        ("Get the weather in a city", "The current weather"),
        (("city", "location", "place"),),
        calls.weather,
    ),
    Tool(
        ("get_time", "time", "get_current_time"),
        ("Get the time in a city", "The current time"),
        (("city", "location", "timezone"),),
        calls.time,
    ),
    Tool(
        ("add", "add_numbers", "sum"),
        ("Add two numbers",),
        (("a", "x", "first"), ("b", "y", "second")),
        calls.add,
    ),
    Tool(
        ("multiply", "product"),
        ("Multiply two numbers",),
        (("a", "x", "first"), ("b", "y", "second")),
        calls.multiply,
    ),
    Tool(
        ("calculate", "calculator", "evaluate"),
        ("Calculate an expression", "A calculator"),
        (("expression", "formula"),),
        calls.calculate,
    ),
    Tool(
        ("search", "web_search", "search_web"),
        ("Search the web", "Find pages"),
        (("query", "q", "text"),),
        calls.search,
    ),
    Tool(
        ("list_models", "get_models"),
        ("List the models",),
        (),
        calls.models,
    ),
    Tool(
        ("get_stock_price", "stock_price"),
        ("Get the price of a stock",),
        (("symbol", "ticker"),),
        calls.stock,
    ),
    Tool(
        ("set_timer", "start_timer"),
        ("Set a timer",),
        (("minutes", "duration"),),
        calls.timer,
    ),
    Tool(
        ("send_message", "send_email"),
        ("Send a message",),
        (("to", "recipient"), ("text", "body")),
        calls.mail,
    ),
    Tool(
        ("translate", "translate_text"),
        ("Translate a text",),
        (("text",), ("language", "target")),
        calls.translate,
    ),
    Tool(
        ("set_light", "switch_light"),
        ("Turn a light on or off",),
        (("room",), ("state",)),
        calls.light,
    ),
    Tool(
        ("create_note", "save_note"),
        ("Save a note",),
        (("text", "content"),),
        calls.note,
    ),
    Tool(
        ("read_file", "open_file"),
        ("Read a file",),
        (("path", "file"),),
        calls.read,
    ),
    Tool(
        ("convert", "convert_units"),
        ("Convert units",),
        (("amount", "value"), ("from",), ("to",)),
        calls.convert,
    ),
)
OPTIONAL = ("unit", "limit", "format", "details", "country")
NUMERIC = {"a", "b", "x", "y", "first", "second", "minutes", "duration", "amount", "value"}


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool as one conversation names it."""

    tool: Tool
    name: str
    keys: tuple[str, ...]
    description: str
    optional: tuple[str, ...] = ()

    def schema(self) -> Json:
        """The function in the form that OpenAI clients send."""
        properties: Json = {
            key: {"type": "number" if key in NUMERIC else "string"}
            for key in (*self.keys, *self.optional)
        }
        parameters: Json = {
            "type": "object",
            "properties": properties,
            "required": list(self.keys),
        }
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": {k: v for k, v in function.items() if v}}

    def rename(self, arguments: Arguments) -> Arguments:
        """The drawn arguments under this conversation's parameter names."""
        return dict(zip(self.keys, arguments.values(), strict=True))


def _optional(rng: Random) -> tuple[str, ...]:
    return (rng.choice(OPTIONAL),) if rng.random() < 0.2 else ()


def offer(rng: Random, tool: Tool) -> Offer:
    """Draws the names and the description that a conversation uses."""
    common = rng.random() < 0.6
    name = tool.names[0] if common else rng.choice(tool.names)
    keys = tuple(keys[0] if common else rng.choice(keys) for keys in tool.parameters)
    description = "" if rng.random() < 0.2 else rng.choice(tool.descriptions)
    return Offer(tool, name, keys, description, _optional(rng))


def answer_text(rng: Random, result: Json) -> str:
    """The tool's answer: mostly JSON, now and then its bare values."""
    if isinstance(result, dict) and rng.random() < 0.12:
        values = [value for value in result.values() if isinstance(value, str | int | float)]
        return ", ".join(str(value) for value in values) or json.dumps(result)
    return json.dumps(result, ensure_ascii=False, indent=2 if rng.random() < 0.05 else None)
