"""Apertus: a list of objects whose one key is the name of the tool.

`<|tools_prefix|>[{"name": {...}}, {"name": {...}}]<|tools_suffix|>`
https://huggingface.co/swiss-ai/Apertus-8B-Instruct-2509
"""

import json
from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import CallParser, Steps
from velocity_local.worker.chat.tools.json_calls import string_of
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "apertus"
OPEN = "<|tools_prefix|>"
CLOSE = "<|tools_suffix|>"
MARKERS = (OPEN, CLOSE)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(CallParser):
    def read(self) -> Steps[None]:
        while (yield from self.until(OPEN)):
            yield from self.accept_next("[")
            if not (yield from self._call()):
                self.give_back()
                continue
            while (yield from self.accept_next(",")) and (yield from self._call()):
                pass
            yield from self.accept_next("]")
            yield from self.accept_next(CLOSE)
            self.drop()

    def _call(self) -> Steps[bool]:
        if not (yield from self.accept_next("{")) or (yield from self.peek_next()) != '"':
            return False
        key = yield from self.json_value()
        if key is None or not (yield from self.accept_next(":")):
            return False
        if not (yield from self.stream_named(string_of(key))):
            return False
        yield from self.accept_next("}")
        self.drop()
        return True


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    def form(tool: Offer) -> str:
        head = lark.quoted(f"{{{json.dumps(tool.name, ensure_ascii=False)}: ")
        return f"{head} {lark.arguments_of(tool)} {lark.quoted('}')}"

    return lark.calls(
        tools,
        form,
        parallel=parallel,
        before=f"{mark(OPEN)} {lark.quoted('[')}",
        between=lark.quoted(", "),
        after=f"{lark.quoted(']')} {mark(CLOSE)}",
    )
