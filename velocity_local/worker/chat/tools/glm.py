r"""GLM-4.5 and later: names and values between tags of their own.

`<tool_call>name\n<arg_key>key</arg_key>\n<arg_value>value</arg_value>\n</tool_call>`; the line
ends may be missing.
https://huggingface.co/zai-org/GLM-4.6
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import Steps, is_name
from velocity_local.worker.chat.tools.parameters import ParameterParser, Tags
from velocity_local.worker.chat.tools.parameters_lark import ParameterRules
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "glm"
TAGS = Tags(
    block="<tool_call>",
    block_end="</tool_call>",
    call="<tool_call>",
    call_name_end="\n",
    call_end="</tool_call>",
    key="<arg_key>",
    key_end="</arg_key>",
    value="<arg_value>",
    value_end="</arg_value>",
)
MARKERS = (TAGS.call, TAGS.call_end, TAGS.key, TAGS.key_end, TAGS.value, TAGS.value_end)
TRIGGERS = (TAGS.call,)
OPENERS = ()


class Parser(ParameterParser):
    TAGS = TAGS

    def read(self) -> Steps[None]:
        while (yield from self.until(TAGS.call)):
            name = (yield from self.run("<")).strip()
            follows = yield from self.peek(len(TAGS.call_end))
            if is_name(name) and follows.startswith((TAGS.key, TAGS.call_end)):
                yield from self.call(name)
            else:
                self.give_back()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    markup = lark.Markup(MARKERS, mark)
    line = f"{lark.quoted(chr(10))}?"

    def key(name: str, is_text: bool) -> str:  # noqa: ARG001, FBT001 - all values look alike
        tag = f"{markup.write(TAGS.key)} {lark.quoted(name)} {markup.write(TAGS.key_end)}"
        return f"{tag} {line} {markup.write(TAGS.value)}"

    rules = ParameterRules(markup, key=key, end=TAGS.value_end, between=line)

    def form(tool: Offer) -> str:
        head = f"{markup.write(TAGS.call + tool.name)} {line}"
        return f"{head} {rules.arguments(tool)} {markup.write(TAGS.call_end)}"

    return lark.calls(tools, form, parallel=parallel, between=line, rules=rules.rules)
