"""Hermes tool calls: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`.

The format of https://github.com/NousResearch/Hermes-Function-Calling, which Qwen and others
share.
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.json_calls import JsonCallParser
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "hermes"
OPEN = "<tool_call>"
CLOSE = "</tool_call>"
MARKERS = (OPEN, CLOSE)
TRIGGER = OPEN
OPENS_ANSWER = False


# Other dialects use the same tag around something that is not JSON.
_FOREIGN = ("<function=", "<arg_key>")


def recognises(template: str) -> bool:
    is_foreign = any(mark in template for mark in _FOREIGN)
    return OPEN in template and "arguments" in template and not is_foreign


class Parser(JsonCallParser):
    def read(self) -> Steps[None]:
        while (yield from self.until(OPEN)):
            if not (yield from self.calls()):
                self.give_back()
                continue
            yield from self.accept_next(CLOSE)
            self.drop()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    def form(tool: Offer) -> str:
        call = lark.json_call(tool, before="\n", after="\n")
        return f"{mark(OPEN)} {call} {mark(CLOSE)}"

    return lark.calls(tools, form, parallel=parallel, between=lark.quoted("\n"))
