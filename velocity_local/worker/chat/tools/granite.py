"""Granite 3: `<|tool_call|>[{"name": ..., "arguments": {...}}]`, to the end of the answer.

https://www.ibm.com/granite/docs/models/granite
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_calls import TaggedCalls
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "granite"
OPEN = "<|tool_call|>"
OLDER_OPEN = "<tool_call>"
MARKERS = (OPEN,)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(TaggedCalls):
    OPENS = (OPEN, OLDER_OPEN)
    CLOSE = ""


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return lark.json_list(tools, parallel=parallel, before=mark(OPEN), after="")
