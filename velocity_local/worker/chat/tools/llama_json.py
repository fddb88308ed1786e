"""Llama 3.1, 3.2 and 3.3: `{"name": ..., "parameters": {...}}` is the whole answer.

It may stand after `<|python_tag|>`, and several are told apart by `;`. Only tools that were
offered make a call: any other JSON is an answer.
https://www.llama.com/docs/model-cards-and-prompt-formats/llama3_1/#json-based-tool-calling
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.json_calls import JsonCallParser
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "llama_json"
TAG = "<|python_tag|>"
MARKERS = (TAG,)
TRIGGERS = ()
OPENERS = ('{"name": ',)


class Parser(JsonCallParser):
    KNOWN_ONLY = True
    SEPARATOR = ";"

    def read(self) -> Steps[None]:
        yield from self.accept_next(TAG)
        if not (yield from self.calls()):
            self.give_back()
        while (yield from self.until(TAG)):
            if not (yield from self.calls()):
                self.give_back()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:  # noqa: ARG001 - it needs no marker
    return lark.calls(
        tools,
        lambda tool: lark.json_call(tool, arguments="parameters"),
        parallel=parallel,
        between=lark.quoted("; "),
    )
