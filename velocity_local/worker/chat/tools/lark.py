"""Writes the Lark that forces tool calls. Knows the syntax of llguidance and no dialect.

https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from velocity_local.worker.chat.markers import first_marker
from velocity_local.worker.chat.tools.parser import Inexpressible, Mark, Offer
from velocity_local.worker.chat.tools.shapes import check_text, length

Form = Callable[[Offer], str]
"""The Lark source of one call of a tool."""
_MAX_RULES = 4096
NOTHING = '""'


def quoted(text: str) -> str:
    """`text` as a Lark string; empty for no text, which Lark has no string for."""
    return json.dumps(text, ensure_ascii=False) if text else ""


def regex(text: str) -> str:
    """A regular expression, as it stands between slashes, for `text` itself."""
    literal = "".join(r"\n" if char == "\n" else re.escape(char) for char in text)
    return literal.replace("/", r"\/")


class Rules:
    """The rules that others refer to, with names nobody else has."""

    def __init__(self) -> None:
        self._n_names = 0
        self.lines: list[str] = []

    def name(self, kind: str) -> str:
        """A new name.

        Raises:
            Inexpressible: if the schemas are too large for a grammar.
        """
        self._n_names += 1
        if self._n_names > _MAX_RULES:
            raise Inexpressible("properties")
        return f"{kind}_{self._n_names}"

    def add(self, name: str, body: str, *, option: str = "") -> str:
        """Say what `name` is; that name."""
        self.lines.append(f"{name}{option}: {body}")
        return name


class Markup:
    """Writes texts in which some of `markers` may be tokens of their own."""

    def __init__(self, markers: Sequence[str], mark: Mark) -> None:
        sources = {marker: mark(marker) for marker in markers}
        self._tokens = {one: source for one, source in sources.items() if source != quoted(one)}

    def split(self, text: str) -> tuple[str, str]:
        """The plain text at the beginning, and the Lark source of the rest."""
        found = first_marker(text, tuple(self._tokens))
        if found is None:
            return text, ""
        return text[: found.start], f"{self._tokens[found.marker]} {self.write(text[found.end :])}"

    def write(self, text: str) -> str:
        """`text` as Lark source."""
        plain, rest = self.split(text)
        return f"{quoted(plain)} {rest}".strip()

    def text(self, schema: Mapping[str, Any], end: str, rules: Rules) -> str:
        """Any text that keeps to `schema`, and `end` where it first comes.

        A line's end before `end` belongs to it. The text never has `end` inside, not even spelled
        in other tokens, so that whoever reads it stops at the same place.

        Raises:
            Inexpressible: if the schema asks more of a text than its length.
        """
        check_text(schema)
        value = f"(?s:.{length(schema)})"
        plain, rest = self.split(end)
        if rest:
            never = f"(?s:.*){regex(end.lstrip())}(?s:.*)"
            body, option = f"/{value}{regex(plain)}/ & ~/{never}/", ""
        elif value == "(?s:.*)":
            body, option = f"/{value}{regex(end.lstrip())}/", "[lazy]"
        else:
            never = f"(?s:.*){regex(end.lstrip())}(?s:.+)"
            body, option = f"/{value}{regex(end)}/ & ~/{never}/", "[lazy]"
        terminal = rules.add(rules.name("TEXT"), body)
        return f"{rules.add(rules.name('text'), terminal, option=option)} {rest}"


def json_of(schema: dict[str, Any]) -> str:
    """An inline JSON value that keeps to `schema`."""
    return "%json " + json.dumps(schema, ensure_ascii=False)


def arguments_of(tool: Offer) -> str:
    """A tool's arguments as a JSON object."""
    return json_of({"type": "object", **tool.parameters_schema})


def calls(
    tools: Sequence[Offer],
    form: Form,
    *,
    parallel: bool,
    before: str = "",
    between: str = "",
    after: str = "",
    rules: Rules | None = None,
    again: Form | None = None,
) -> str:
    """One call, or several with `between` between them; the strings are Lark source.

    `before` and `after` stand once around all of them; `rules` are what `form` refers to. Calls
    after the first have the form `again`, if that is another.
    """
    assert tools
    more = f"({between} {'again' if again else 'call'})*" if parallel else ""
    lines = [f"start: {before} call {more} {after}", *_one_of("call", tools, form)]
    if again and parallel:
        lines += _one_of("again", tools, again)
    return "\n".join([*lines, *(rules.lines if rules else ())]) + "\n"


def _one_of(rule: str, tools: Sequence[Offer], form: Form) -> list[str]:
    """The rule for a call of one of the tools, and a rule for each of them."""
    names = [f"{rule}_{index}" for index in range(len(tools))]
    forms = [f"{name}: {form(tool)}" for name, tool in zip(names, tools, strict=True)]
    return [f"{rule}: {' | '.join(names)}", *forms]


def json_call(
    tool: Offer,
    *,
    name: str = "name",
    arguments: str = "arguments",
    before: str = "",
    after: str = "",
) -> str:
    """A call as a JSON object with these two keys, with the texts `before` and `after` it."""
    spelled = json.dumps(tool.name, ensure_ascii=False)
    head = quoted(f'{before}{{"{name}": {spelled}, "{arguments}": ')
    return f"{head} {arguments_of(tool)} {quoted('}' + after)}"


def json_list(
    tools: Sequence[Offer],
    *,
    parallel: bool,
    before: str,
    after: str,
    name: str = "name",
    arguments: str = "arguments",
) -> str:
    """A JSON list of calls, with the Lark sources `before` and `after` around it."""
    return calls(
        tools,
        lambda tool: json_call(tool, name=name, arguments=arguments),
        parallel=parallel,
        before=f"{before} {quoted('[')}",
        between=quoted(", "),
        after=f"{quoted(']')} {after}",
    )


def separated(parts: Sequence[tuple[str, bool]], between: str, rules: Rules) -> str:
    """A rule for `parts` in their order, of which those that are not required may be missing.

    A part is its Lark source and whether it is required. The first that is there has nothing
    before it, any other has `between`.
    """
    first = rules.add(rules.name("none"), NOTHING)
    more = first
    for source, is_required in reversed(parts):
        begun = f"{source} {more}"
        first = rules.add(rules.name("first"), begun if is_required else f"{begun} | {first}")
        optional = "" if is_required else "?"
        more = rules.add(rules.name("more"), f"({between} {source}){optional} {more}")
    return first
