"""Kimi K3: arguments one by one, each saying its type, in a section of the answer.

`<|open|>tools<|sep|><|open|>call tool="name" index="1"<|sep|>`
`<|open|>argument key="city" type="string"<|sep|>Paris<|close|>argument<|sep|>`
`<|close|>call<|sep|><|close|>tools<|sep|>`; all arguments may also stand in one `json` element.
"""

from collections.abc import Sequence

from velocity_local.worker.chat.channel_forms import KimiK3
from velocity_local.worker.chat.tools import lark, parameters
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.parameters_lark import ParameterRules
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "kimi_k3"
TAGS = parameters.Tags(
    block=KimiK3.TOOLS,
    block_end=KimiK3.TOOLS_END,
    call=f'{KimiK3.OPEN}call tool="',
    call_name_end='"',
    call_end=f"{KimiK3.CLOSE}call{KimiK3.SEP}",
    key=f'{KimiK3.OPEN}argument key="',
    key_end='"',
    value_end=f"{KimiK3.CLOSE}argument{KimiK3.SEP}",
    is_shared=True,
)
_JSON, _JSON_END = f"{KimiK3.OPEN}json", f"{KimiK3.CLOSE}json{KimiK3.SEP}"
_TYPES = ("number", "boolean", "object", "array", "null")
MARKERS = KimiK3.MARKERS
TRIGGERS = (TAGS.block,)
OPENERS = ()


class Parser(parameters.ParameterParser):
    TAGS = TAGS

    def name(self) -> Steps[str | None]:
        name = yield from super().name()
        attributes = yield from self.before(KimiK3.SEP)
        return None if name is None or attributes is None else _unescaped(name)

    def key(self) -> Steps[str | None]:
        escaped = yield from super().key()
        if not escaped:
            return None
        attributes = yield from self.before(KimiK3.SEP)
        if attributes is None:
            return None
        key = _unescaped(escaped)
        if 'type="string"' in attributes:
            self.schemas[key] = {"type": "string"}
        elif "type=" in attributes:
            self.schemas[key] = {}
        return key

    def call(self, name: str) -> Steps[None]:
        if not (yield from self.accept_next(_JSON)):
            yield from super().call(name)
            return
        yield from self.before(KimiK3.SEP)
        if (yield from self.stream_named(name)):
            yield from self.accept_next(_JSON_END)
            yield from self.accept_next(TAGS.call_end)
            self.drop()
        else:
            self.give_back()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    """The response may be empty before the calls, if it is not over yet."""
    markup = lark.Markup(MARKERS, mark)
    sep = markup.write(KimiK3.SEP)
    others = f"({' | '.join(map(lark.quoted, _TYPES))})"

    def key(name: str, is_text: bool) -> str:  # noqa: FBT001 - the type is `Key`
        kind = lark.quoted("string") if is_text else others
        written = lark.quoted(f'{_escaped(name)}" type="')
        return f"{markup.write(TAGS.key)} {written} {kind} {lark.quoted(chr(34))} {sep}"

    rules = ParameterRules(markup, key=key, end=TAGS.value_end, between="", marks="")

    def form(tool: Offer) -> str:
        named = lark.quoted(f'{_escaped(tool.name)}" index="')
        head = f"{markup.write(TAGS.call)} {named} /[0-9]{{1,4}}/ {lark.quoted(chr(34))} {sep}"
        return f"{head} {rules.arguments(tool)} {markup.write(TAGS.call_end)}"

    response = f"({markup.write(KimiK3.RESPONSE)})? ({markup.write(KimiK3.RESPONSE_END)})?"
    return lark.calls(
        tools,
        form,
        parallel=parallel,
        before=f"{response} {markup.write(TAGS.block)}",
        after=markup.write(TAGS.block_end + KimiK3.MESSAGE_END),
        rules=rules.rules,
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;")


def _unescaped(text: str) -> str:
    return text.replace("&quot;", '"').replace("&amp;", "&")
