"""MiniCPM5: `<function name="f"><param name="key">value</param></function>`, one after another.

A text with `<`, `&` or line ends stands in `<![CDATA[` and `]]>`.
https://huggingface.co/openbmb
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark, parameters
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.parameters_lark import ParameterRules
from velocity_local.worker.chat.tools.parser import Mark, Offer
from velocity_local.worker.chat.tools.shapes import Schema, length

NAME = "minicpm"
TAGS = parameters.Tags(
    block="",
    block_end="",
    call='<function name="',
    call_name_end='">',
    call_end="</function>",
    key='<param name="',
    key_end='">',
    value_end="</param>",
)
_RAW = "<![CDATA["
_RAW_END = "]]>"
MARKERS = ()
TRIGGERS = (TAGS.call,)
OPENERS = ()


class Parser(parameters.ParameterParser):
    TAGS = TAGS

    def value(self, schema: Schema, end: str) -> Steps[bool]:
        is_raw = yield from self.accept(_RAW)
        return (yield from super().value(schema, f"{_RAW_END}{end}" if is_raw else end))


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    markup = lark.Markup(MARKERS, mark)

    def key(name: str, is_text: bool) -> str:  # noqa: ARG001, FBT001 - all values look alike
        return lark.quoted(f"{TAGS.key}{name}{TAGS.key_end}")

    def text(schema: Schema) -> str:
        raw = markup.text(schema, _RAW_END + TAGS.value_end, rules.rules)
        plain = f"/[^<&\\n]{length(schema)}/ {lark.quoted(TAGS.value_end)}"
        return f"({lark.quoted(_RAW)} {raw} | {plain})"

    rules = ParameterRules(markup, key=key, end=TAGS.value_end, between="", text=text)

    def form(tool: Offer) -> str:
        head = lark.quoted(f"{TAGS.call}{tool.name}{TAGS.call_name_end}")
        return f"{head} {rules.arguments(tool)} {lark.quoted(TAGS.call_end)}"

    between = f"{lark.quoted(chr(10))}?"
    return lark.calls(tools, form, parallel=parallel, between=between, rules=rules.rules)
