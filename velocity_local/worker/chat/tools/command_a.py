"""Command-R7B and Command-A: a list of actions, each with a number of its own.

`<|START_ACTION|>[{"tool_call_id": "0", "tool_name": ..., "parameters": {...}}]<|END_ACTION|>`

https://docs.cohere.com/docs/command-a-hf
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_calls import TaggedCalls
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "command_a"
OPEN = "<|START_ACTION|>"
CLOSE = "<|END_ACTION|>"
MARKERS = (OPEN, CLOSE)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(TaggedCalls):
    OPENS = (OPEN,)
    CLOSE = CLOSE
    NAMES = ("tool_name",)


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return lark.json_list(
        tools,
        parallel=parallel,
        before=mark(OPEN),
        after=mark(CLOSE),
        name="tool_name",
        arguments="parameters",
    )
