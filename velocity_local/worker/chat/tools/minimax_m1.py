r"""MiniMax-M1: calls line by line in one tag.

`<tool_calls>\n{"name": ..., "arguments": {...}}\n...\n</tool_calls>`
https://huggingface.co/MiniMaxAI/MiniMax-M1-80k
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_calls import TaggedCalls
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "minimax_m1"
OPEN = "<tool_calls>"
CLOSE = "</tool_calls>"
MARKERS = (OPEN, CLOSE)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(TaggedCalls):
    OPENS = (OPEN,)
    CLOSE = CLOSE


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return lark.calls(
        tools,
        lambda tool: lark.json_call(tool, after="\n"),
        parallel=parallel,
        before=f"{mark(OPEN)} {lark.quoted(chr(10))}",
        after=mark(CLOSE),
    )
