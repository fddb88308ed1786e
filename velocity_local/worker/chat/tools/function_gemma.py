"""FunctionGemma: Gemma's form of calls with other markers.

`<start_function_call>call:name{key:<escape>text<escape>}<end_function_call>`
https://ai.google.dev/gemma/docs/functiongemma/formatting-and-best-practices
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import gemma_calls, gemma_lark, lark
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "function_gemma"
FORM = gemma_calls.GemmaForm("<start_function_call>", "<end_function_call>", "<escape>")
MARKERS = tuple(FORM)
TRIGGERS = (FORM.open,)
OPENERS = ()


class Parser(gemma_calls.GemmaParser):
    FORM = FORM


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return gemma_lark.grammar(FORM, tools, lark.Markup(MARKERS, mark), parallel=parallel)
