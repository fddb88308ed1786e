"""Calls written as Python: `[f(a=1, b="x"), g()]`."""

from collections.abc import Sequence
from typing import Any

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import Steps, is_name
from velocity_local.worker.chat.tools.literals import LiteralParser
from velocity_local.worker.chat.tools.parameter_values import escaped
from velocity_local.worker.chat.tools.parser import Offer
from velocity_local.worker.chat.tools.shapes import check_name, members

# Python's own escapes, and JSON's, since models mix them.
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "/": "/",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "\n": "",
}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


class PythonCallParser(LiteralParser):
    """If `KNOWN_ONLY`, a name that was not offered makes no call: where calls look like any
    other text in brackets.
    """

    BRACKETS = {"[": "]", "{": "}", "(": ")"}  # noqa: RUF012 - a constant of the class
    KNOWN_ONLY = False

    def calls(self) -> Steps[bool]:
        """A list of calls; False if not even one comes."""
        if not (yield from self.accept_next("[")) or not (yield from self._call()):
            return False
        while (yield from self.accept_next(",")):
            if not (yield from self._call()):
                self.give_back()
                return True
        yield from self.accept("]")
        self.drop()
        return True

    def _call(self) -> Steps[bool]:
        yield from self.space()
        name = yield from self.run("()[]{},= \t\r\n\"'<")
        is_known = name in self.offers if self.KNOWN_ONLY else is_name(name)
        if not is_known or not (yield from self.accept("(")):
            return False
        self.open_call(name)
        yield from self.members(")")
        self.close_call()
        return True

    def key(self) -> Steps[bool]:
        is_string = yield from self.string()
        if is_string is not None:
            return is_string
        return (yield from self.bare_key("=:,()[]{}\r\n"))

    def string(self) -> Steps[bool | None]:
        quote = yield from self.peek_next()
        if quote not in ("'", '"'):
            return None
        end = quote * 3 if (yield from self.accept(quote * 3)) else quote
        if end == quote:
            yield from self.take()
        self.send('"')
        while (found := (yield from self.stream_until(end, "\\", written=escaped))) == "\\":
            yield from self._escape()
        self.send('"' if found else "")
        return found is not None

    def _escape(self) -> Steps[None]:
        kind = yield from self.take()
        size = _HEX_DIGITS.get(kind, 0)
        digits = yield from self.peek(size)
        code = _code(digits) if size and len(digits) == size else None
        if code is not None:
            yield from self.take(size)
            # A half of a surrogate pair is no text, but as JSON's own escape it can be completed.
            self.send(f"\\u{code:04x}" if code <= 0xFFFF else escaped(chr(code)))
        elif kind in _ESCAPES:
            self.send(escaped(_ESCAPES[kind]))
        elif kind:
            self.send(escaped(f"\\{kind}"))
        self.drop()


def _code(digits: str) -> int | None:
    try:
        code = int(digits, 16)
    except ValueError:
        return None
    return code if code <= 0x10FFFF else None


def grammar(tools: Sequence[Offer], *, parallel: bool, before: str = "", after: str = "") -> str:
    """Lark for a list of calls. Values are JSON, which is Python but for three words; those of a
    value that is true or false are Python's.
    """
    rules = lark.Rules()

    def form(tool: Offer) -> str:
        parts = [
            (f"{_key(name)} {_value(schema)}", is_required)
            for name, schema, is_required in members(tool.parameters_schema)
        ]
        arguments = lark.separated(parts, lark.quoted(", "), rules)
        return f"{lark.quoted(f'{tool.name}(')} {arguments} {lark.quoted(')')}"

    return lark.calls(
        tools,
        form,
        parallel=parallel,
        before=f"{before} {lark.quoted('[')}",
        between=lark.quoted(", "),
        after=f"{lark.quoted(']')} {after}",
        rules=rules,
    )


def _key(name: str) -> str:
    check_name(name, "=:,()[]{}'\"<")
    return lark.quoted(f"{name}=")


def _value(schema: dict[str, Any]) -> str:
    if schema.get("type") == "boolean" and "enum" not in schema and "const" not in schema:
        return '("True" | "False")'
    return lark.json_of(schema)
