"""Phi-4-mini: `<|tool_call|>[{"name": ..., "arguments": {...}}]<|/tool_call|>`.

The same list also comes as `functools[...]`, which FireFunction writes as well.

https://huggingface.co/microsoft/Phi-4-mini-instruct
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_calls import TaggedCalls
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "phi4"
OPEN = "<|tool_call|>"
CLOSE = "<|/tool_call|>"
OTHER_OPEN = "functools"
MARKERS = (OPEN, CLOSE)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(TaggedCalls):
    OPENS = (OPEN, OTHER_OPEN)
    CLOSE = CLOSE


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return lark.json_list(tools, parallel=parallel, before=mark(OPEN), after=mark(CLOSE))
