"""DeepSeek V3.1: `<｜tool▁call▁begin｜>name<｜tool▁sep｜>{...}<｜tool▁call▁end｜>`, in one block.

https://huggingface.co/deepseek-ai/DeepSeek-V3.1
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import deepseek, lark
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "deepseek_v31"
MARKERS = deepseek.MARKERS
TRIGGERS = deepseek.TRIGGERS
OPENERS = ()
Parser = deepseek.Parser


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    def form(tool: Offer) -> str:
        head = f"{mark(deepseek.CALL_OPEN)} {lark.quoted(tool.name)} {mark(deepseek.SEPARATOR)}"
        return f"{head} {lark.arguments_of(tool)} {mark(deepseek.CALL_CLOSE)}"

    before, after = f"({mark(deepseek.OPEN)})?", f"({mark(deepseek.CLOSE)})?"
    return lark.calls(tools, form, parallel=parallel, before=before, after=after)
