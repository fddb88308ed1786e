"""Parts of requests that several providers write alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from velocity_local.lens.asks import Chat, Temperature, Text, Tool, Turn


def bearer(key: str | None) -> tuple[tuple[str, str], ...]:
    """The key as RFC 6750 has it; no header without one."""
    return (("Authorization", f"Bearer {key}"),) if key else ()


def given(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that are not None: what was not chosen is left to the server."""
    return {name: value for name, value in fields.items() if value is not None}


def chosen(temperature: Temperature) -> float | None:
    """What is sent to providers whose newer models refuse the field: a number that was given."""
    return None if temperature == "default" else temperature


def greedy(temperature: Temperature) -> float | None:
    """What is sent to all others: 0 unless something else was given."""
    return 0.0 if temperature is None else chosen(temperature)


def functions(tools: Sequence[Tool]) -> dict[str, Any]:
    """Tools in OpenAI's form; no field without one."""
    if not tools:
        return {}
    return {"tools": [{"type": "function", "function": tool} for tool in tools]}


def as_chat(asked: Chat | Text) -> Chat:
    """For APIs that continue no bare text: the text is what the user says."""
    return asked if isinstance(asked, Chat) else Chat((Turn("user", asked.prompt),))
