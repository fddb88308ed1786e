"""Nemotron Nano: `<TOOLCALL>[{"name": ..., "arguments": {...}}]</TOOLCALL>`."""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_calls import TaggedCalls
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "nemotron"
OPEN = "<TOOLCALL>"
CLOSE = "</TOOLCALL>"
MARKERS = (OPEN, CLOSE)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(TaggedCalls):
    OPENS = (OPEN,)
    CLOSE = CLOSE


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return lark.json_list(tools, parallel=parallel, before=mark(OPEN), after=mark(CLOSE))
