r"""Hunyuan 3: each parameter between tags of its own, and all calls in one block.

`<tool_call:opensource>name<tool_sep:opensource>\n<arg_key:opensource>key</arg_key:opensource>\n`
`<arg_value:opensource>value</arg_value:opensource>\n</tool_call:opensource>`
https://huggingface.co/tencent
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark, parameters, parameters_lark
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "hunyuan"
TAGS = parameters.Tags(
    block="<tool_calls:opensource>",
    block_end="</tool_calls:opensource>",
    call="<tool_call:opensource>",
    call_name_end="<tool_sep:opensource>",
    call_end="</tool_call:opensource>",
    key="<arg_key:opensource>",
    key_end="</arg_key:opensource>",
    value="<arg_value:opensource>",
    value_end="</arg_value:opensource>",
    is_shared=True,
)
MARKERS = (
    TAGS.block,
    TAGS.block_end,
    TAGS.call,
    TAGS.call_name_end,
    TAGS.call_end,
    TAGS.key,
    TAGS.key_end,
    TAGS.value,
    TAGS.value_end,
)
TRIGGERS = (TAGS.block,)
OPENERS = ()


class Parser(parameters.ParameterParser):
    TAGS = TAGS


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return parameters_lark.grammar(TAGS, tools, lark.Markup(MARKERS, mark), parallel=parallel)
