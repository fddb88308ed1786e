r"""Seed-OSS: `<seed:tool_call>\n<function=name>\n<parameter=key>value</parameter>\n</function>...`.

https://huggingface.co/ByteDance-Seed/Seed-OSS-36B-Instruct
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark, parameters, parameters_lark, qwen_coder
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "seed"
TAGS = qwen_coder.TAGS._replace(
    block="<seed:tool_call>", block_end="</seed:tool_call>", is_padded=False
)
MARKERS = (TAGS.block, TAGS.block_end)
TRIGGERS = (TAGS.block,)
OPENERS = ()


class Parser(parameters.ParameterParser):
    TAGS = TAGS


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return parameters_lark.grammar(TAGS, tools, lark.Markup(MARKERS, mark), parallel=parallel)
