"""DeepSeek V3.2: parameters between tags, each saying whether its value is a string.

`<｜DSML｜invoke name="f"><｜DSML｜parameter name="key" string="true">value</｜DSML｜parameter>`
https://huggingface.co/deepseek-ai/DeepSeek-V3.2
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark, parameters, parameters_lark
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "deepseek_v32"
_DSML = "｜DSML｜"
TAGS = parameters.Tags(
    block=f"<{_DSML}function_calls>",
    block_end=f"</{_DSML}function_calls>",
    call=f'<{_DSML}invoke name="',
    call_name_end='">',
    call_end=f"</{_DSML}invoke>",
    key=f'<{_DSML}parameter name="',
    key_end='"',
    value_end=f"</{_DSML}parameter>",
    is_shared=True,
)
MARKERS = (_DSML,)
TRIGGERS = (TAGS.block,)
OPENERS = ()


class Parser(parameters.ParameterParser):
    TAGS = TAGS

    def key(self) -> Steps[str | None]:
        name = yield from super().key()
        if name is None:
            return None
        attributes = yield from self.before(">")
        if attributes and 'string="true"' in attributes:
            self.schemas[name] = {"type": "string"}
        elif attributes:
            self.schemas[name] = {}
        return name


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return grammar_of(TAGS, tools, parallel=parallel, mark=mark)


def grammar_of(tags: parameters.Tags, tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    """The grammar of the dialects that differ in their block's name alone."""
    attributes = (' string="false">', ' string="true">')
    markup = lark.Markup(MARKERS, mark)
    return parameters_lark.grammar(tags, tools, markup, parallel=parallel, attributes=attributes)
