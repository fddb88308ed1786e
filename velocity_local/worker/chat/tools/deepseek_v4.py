"""DeepSeek V4: V3.2's calls in a block of another name.

https://huggingface.co/deepseek-ai/DeepSeek-V4
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import deepseek_v32
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "deepseek_v4"
TAGS = deepseek_v32.TAGS._replace(block="<｜DSML｜tool_calls>", block_end="</｜DSML｜tool_calls>")
MARKERS = deepseek_v32.MARKERS
TRIGGERS = (TAGS.block,)
OPENERS = ()


class Parser(deepseek_v32.Parser):
    TAGS = TAGS


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return deepseek_v32.grammar_of(TAGS, tools, parallel=parallel, mark=mark)
