"""MiniMax-M2: each parameter between tags, and all calls in one block.

`<invoke name="f"><parameter name="key">value</parameter></invoke>`, each on lines of its own

https://huggingface.co/MiniMaxAI/MiniMax-M2
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark, parameters, parameters_lark
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "minimax"
TAGS = parameters.Tags(
    block="<minimax:tool_call>",
    block_end="</minimax:tool_call>",
    call='<invoke name="',
    call_name_end='">',
    call_end="</invoke>",
    key='<parameter name="',
    key_end='">',
    value_end="</parameter>",
    is_shared=True,
)
MARKERS = (TAGS.block, TAGS.block_end)
TRIGGERS = (TAGS.block,)
OPENERS = ()


class Parser(parameters.ParameterParser):
    TAGS = TAGS


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return parameters_lark.grammar(TAGS, tools, lark.Markup(MARKERS, mark), parallel=parallel)
