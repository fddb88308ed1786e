"""Writes the Lark of calls whose arguments stand one by one between tags."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.parameter_values import allows_text
from velocity_local.worker.chat.tools.parameters import Tags
from velocity_local.worker.chat.tools.parser import Offer
from velocity_local.worker.chat.tools.shapes import Schema, check_name, check_text, members

Key = Callable[[str, bool], str]
Text = Callable[[Schema], str]


class ParameterRules:
    """The rules of all calls. `key` gives the Lark before a value, for its parameter's name and
    whether it is bare text; `end` is the text that closes a value, and `between` the Lark of what
    stands between parameters. `text` writes a text and its end, where those are not any text and
    `end`. No parameter's name may have one of the characters `marks`.
    """

    def __init__(
        self,
        markup: lark.Markup,
        *,
        key: Key,
        end: str,
        between: str,
        text: Text | None = None,
        marks: str = '<>"',
    ) -> None:
        self._markup = markup
        self._key = key
        self._end = end
        self._between = between
        self._marks = marks
        self.rules = lark.Rules()
        self._text = text or (lambda schema: markup.text(schema, end, self.rules))

    def arguments(self, tool: Offer) -> str:
        """A tool's arguments in the order of its schema.

        Raises:
            Inexpressible: if the schema has a name or asks of a text what a grammar cannot write.
        """
        parts = []
        for name, member, is_required in members(tool.parameters_schema):
            check_name(name, self._marks)
            key = self._key(name, allows_text(member))
            source = f"{key} {self._value(member)} {self._between}"
            parts.append(source if is_required else f"({source})?")
        return " ".join(parts)

    def _value(self, member: dict[str, Any]) -> str:
        close = self._markup.write(self._end)
        if not allows_text(member):
            return f"{lark.json_of(member)} {close}"
        chosen = _chosen(member)
        if chosen is not None:
            check_text(member)
            texts = [item if isinstance(item, str) else json.dumps(item) for item in chosen]
            return f"({' | '.join(map(lark.quoted, texts))}) {close}"
        return self._text(member)


def grammar(
    tags: Tags,
    tools: Sequence[Offer],
    markup: lark.Markup,
    *,
    parallel: bool,
    attributes: tuple[str, str] = ("", ""),
    is_block_optional: bool = False,
) -> str:
    """Calls in `tags`.

    `attributes` follow the name of a parameter that is not bare text, and of one that is.
    """
    line = "\n" if tags.is_padded else ""

    def key(name: str, is_text: bool) -> str:  # noqa: FBT001 - the type is `Key`
        value = f"\n{tags.value}" if tags.value else ""
        after = markup.write(f"{tags.key_end}{value}{attributes[is_text]}{line}")
        return f"{markup.write(tags.key)} {lark.quoted(name)} {after}"

    rules = ParameterRules(
        markup,
        key=key,
        end=line + tags.value_end,
        between=lark.quoted("\n"),
    )

    newline = lark.quoted("\n")
    opening = f"{markup.write(tags.block)} {newline}"
    closing = f"{newline} {markup.write(tags.block_end)}"
    if is_block_optional:
        opening, closing = f"({opening})?", f"({closing})?"

    def form(tool: Offer) -> str:
        head = f"{markup.write(f'{tags.call}{tool.name}{tags.call_name_end}')} {newline}"
        call = f"{head} {rules.arguments(tool)} {markup.write(tags.call_end)}"
        return call if tags.is_shared else f"{opening} {call} {closing}"

    return lark.calls(
        tools,
        form,
        parallel=parallel,
        before=opening if tags.is_shared else "",
        between=newline,
        after=closing if tags.is_shared else "",
        rules=rules.rules,
    )


def _chosen(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    chosen = schema.get("enum")
    return chosen if isinstance(chosen, list) else None
