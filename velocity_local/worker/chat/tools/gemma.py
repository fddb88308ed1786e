"""Gemma 4: `<|tool_call>call:name{key:<|"|>text<|"|>,other:[1,2]}<tool_call|>`.

Strings stand between markers and have no escapes; keys are bare.
https://ai.google.dev/gemma/docs/core/prompt-formatting-gemma4
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import gemma_calls, gemma_lark, lark
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "gemma"
FORM = gemma_calls.GemmaForm("<|tool_call>", "<tool_call|>", '<|"|>')
MARKERS = tuple(FORM)
TRIGGERS = (FORM.open,)
OPENERS = ()


class Parser(gemma_calls.GemmaParser):
    FORM = FORM


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return gemma_lark.grammar(FORM, tools, lark.Markup(MARKERS, mark), parallel=parallel)
