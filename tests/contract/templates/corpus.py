"""Our conversations, in the dicts Hugging Face documents and as a client sends them."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from velocity_local.core.messages import Message, Tool
from velocity_local.daemon.server.openai import conversation
from velocity_local.wire.http.openai_messages import AnyMessage, AnyTool

_FOLDER = Path(__file__).parents[2] / "corpora" / "templates"
Turn = dict[str, Any]


class Conversation(NamedTuple):
    """`turns` and `tools` are Hugging Face's dicts; arguments of calls are objects there."""

    name: str
    turns: tuple[Turn, ...]
    tools: tuple[dict[str, Any], ...]
    kwargs: dict[str, str | int | float | bool | None]
    continues: bool

    @property
    def sent_messages(self) -> tuple[Message, ...]:
        """The messages after the way that a request of a client takes through the API."""
        body = [_as_sent(turn) for turn in self.turns]
        return conversation.messages(msgspec.convert(body, tuple[AnyMessage, ...]), len(body))

    @property
    def sent_tools(self) -> tuple[Tool, ...]:
        return conversation.tools(msgspec.convert(self.tools, tuple[AnyTool, ...]))


def conversations() -> tuple[Conversation, ...]:
    tools = _read("tools.json")
    return tuple(_conversation(written, tools) for written in _read("conversations.json"))


def _conversation(written: dict[str, Any], tools: dict[str, dict[str, Any]]) -> Conversation:
    turns = [_turn(turn) for turn in written["messages"] * written.get("repeat", 1)]
    return Conversation(
        written["name"],
        (*turns, written["last"]) if "last" in written else tuple(turns),
        tuple(tools[name] for name in written.get("tools", ())),
        written.get("kwargs", {}),
        written.get("continues", False),
    )


def _turn(written: Turn) -> Turn:
    if "tool_calls" not in written:
        return dict(written)
    return {**written, "tool_calls": [_call(call) for call in written["tool_calls"]]}


def _call(written: dict[str, Any]) -> dict[str, Any]:
    function = {"name": written["name"], "arguments": written["arguments"]}
    return {"id": written["id"], "type": "function", "function": function}


def _as_sent(turn: Turn) -> Turn:
    """The turn in OpenAI's form: arguments are a text, and a result does not bear a name."""
    sent = {key: value for key, value in turn.items() if (turn["role"], key) != ("tool", "name")}
    if "tool_calls" in turn:
        sent["tool_calls"] = [_call_as_sent(call) for call in turn["tool_calls"]]
    return sent


def _call_as_sent(call: dict[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(call["function"]["arguments"], ensure_ascii=False)
    return {**call, "function": {**call["function"], "arguments": arguments}}


def _read(name: str) -> Any:
    return json.loads((_FOLDER / name).read_text(encoding="utf-8"))
