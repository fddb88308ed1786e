"""GigaChat 3.1: `<|function_call|>{"name": ..., "arguments": {...}}`, once in an answer.

https://huggingface.co/ai-sage/GigaChat3.1-10B-A1.8B
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_calls import TaggedCalls
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "gigachat_v31"
OPEN = "<|function_call|>"
MARKERS = (OPEN,)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(TaggedCalls):
    OPENS = (OPEN,)
    CLOSE = ""


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    """One call, which is all that the family's answers have."""
    del parallel
    return lark.calls(tools, lark.json_call, parallel=False, before=mark(OPEN))
