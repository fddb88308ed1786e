r"""Qwen3-Coder and Qwen3.5: parameters between tags, each value on lines of its own.

`<tool_call>\n<function=name>\n<parameter=key>\nvalue\n</parameter>\n</function>\n</tool_call>`;
models often leave the outer tag out.
https://huggingface.co/Qwen/Qwen3-Coder-30B-A3B-Instruct
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark, parameters, parameters_lark
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "qwen_coder"
TAGS = parameters.Tags(
    block="<tool_call>",
    block_end="</tool_call>",
    call="<function=",
    call_name_end=">",
    call_end="</function>",
    key="<parameter=",
    key_end=">",
    value_end="</parameter>",
    is_padded=True,
)
MARKERS = (TAGS.block, TAGS.block_end)
TRIGGERS = (TAGS.block, TAGS.call)
OPENERS = ()


class Parser(parameters.ParameterParser):
    TAGS = TAGS


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    markup = lark.Markup(MARKERS, mark)
    return parameters_lark.grammar(TAGS, tools, markup, parallel=parallel, is_block_optional=True)
