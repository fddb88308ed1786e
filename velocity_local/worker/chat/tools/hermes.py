"""Hermes tool calls: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`.

The format of https://github.com/NousResearch/Hermes-Function-Calling, which Qwen and others
share.
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_calls import TaggedCalls
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "hermes"
OPEN = "<tool_call>"
CLOSE = "</tool_call>"
MARKERS = (OPEN, CLOSE)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(TaggedCalls):
    OPENS = (OPEN,)
    CLOSE = CLOSE


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    def form(tool: Offer) -> str:
        call = lark.json_call(tool, before="\n", after="\n")
        return f"{mark(OPEN)} {call} {mark(CLOSE)}"

    return lark.calls(tools, form, parallel=parallel, between=lark.quoted("\n"))
