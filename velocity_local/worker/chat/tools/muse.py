r"""Muse Glimmer: each call is a message to its tool, with the parameters between tags.

` to=name<|message|><atem:function_calls>\n<atem:invoke name="name">\n`
`<atem:parameter name="key">value</atem:parameter>\n</atem:invoke>\n</atem:function_calls>`
The same tags in a message to the user are text.
"""

from collections.abc import Sequence

from velocity_local.worker.chat.channel_forms import RECIPIENT, Muse
from velocity_local.worker.chat.tools import lark, parameters
from velocity_local.worker.chat.tools.parameters_lark import ParameterRules
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "muse"
_CALLS = "<atem:function_calls>"
TAGS = parameters.Tags(
    block=f"{Muse.MESSAGE}{_CALLS}",
    block_end="</atem:function_calls>",
    call='<atem:invoke name="',
    call_name_end='">',
    call_end="</atem:invoke>",
    key='<atem:parameter name="',
    key_end='">',
    value_end="</atem:parameter>",
)
MARKERS = Muse.MARKERS
TRIGGERS = (TAGS.block,)
OPENERS = ()


class Parser(parameters.ParameterParser):
    TAGS = TAGS
    IN_BLOCK_ONLY = True


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    markup = lark.Markup(MARKERS, mark)
    newline = lark.quoted("\n")

    def key(name: str, is_text: bool) -> str:  # noqa: ARG001, FBT001 - all values look alike
        return lark.quoted(f"{TAGS.key}{name}{TAGS.key_end}")

    rules = ParameterRules(markup, key=key, end=TAGS.value_end, between=newline)

    start = markup.write(f"{Muse.START}assistant")

    def call(tool: Offer) -> str:
        tags = f"{_CALLS}\n{TAGS.call}{tool.name}{TAGS.call_name_end}\n"
        closing = lark.quoted(f"{TAGS.call_end}\n{TAGS.block_end}")
        message = f"{markup.write(Muse.MESSAGE)} {lark.quoted(tags)}"
        return f"{message} {rules.arguments(tool)} {closing}"

    def first(tool: Offer) -> str:
        return f"(({start})? {lark.quoted(RECIPIENT + tool.name)})? {call(tool)}"

    def again(tool: Offer) -> str:
        return f"{start} {lark.quoted(RECIPIENT + tool.name)} {call(tool)}"

    between = markup.write(Muse.END)
    return lark.calls(
        tools, first, parallel=parallel, between=between, rules=rules.rules, again=again
    )
