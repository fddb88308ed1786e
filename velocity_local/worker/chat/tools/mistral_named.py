"""Mistral from tokenizer version 11 on: `[TOOL_CALLS]name[ARGS]{...}`, once for each call."""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark, mistral
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "mistral_named"
MARKERS = mistral.MARKERS
TRIGGERS = mistral.TRIGGERS
OPENERS = ()
Parser = mistral.Parser


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    def form(tool: Offer) -> str:
        name = lark.quoted(tool.name)
        return f"{mark(mistral.OPEN)} {name} {mark(mistral.ARGS)} {lark.arguments_of(tool)}"

    return lark.calls(tools, form, parallel=parallel)
