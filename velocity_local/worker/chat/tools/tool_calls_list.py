"""A list of calls in one tag, as Apriel writes them.

`<tool_calls>[{"name": ..., "arguments": {...}}, ...]</tool_calls>`
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_calls import TaggedCalls
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "tool_calls_list"
OPEN = "<tool_calls>"
CLOSE = "</tool_calls>"
MARKERS = (OPEN, CLOSE)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(TaggedCalls):
    OPENS = (OPEN,)
    CLOSE = CLOSE


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return lark.json_list(tools, parallel=parallel, before=mark(OPEN), after=mark(CLOSE))
