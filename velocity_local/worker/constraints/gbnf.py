"""llama.cpp's GBNF as Lark for llguidance.

https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md. GBNF is made of characters,
Lark of rules and terminals, and a terminal takes as much text as it can, which GBNF's parts do not.
So a grammar that never refers to itself becomes one terminal, and every other a grammar of
characters: slower to follow, and exact.
"""

import json
import re
from dataclasses import dataclass

from velocity_local.core.errors import InvalidFormat

MAX_NESTING = 100
_UNBOUNDED = -1

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      |(?P<define>::=)
      |(?P<literal>"(?:[^"\\\n]|\\.)*")
      |(?P<set>\[(?:[^\]\\\n]|\\.)*\])
      |(?P<count>\{\s*\d{1,6}\s*(?:,\s*\d{0,6}\s*)?\})
      |(?P<special><[^<>\s]+>)
      |(?P<name>[A-Za-z0-9_][\w-]*)
      |(?P<sign>[|()*+?.])""",
    re.VERBOSE,
)
_CHAR = re.compile(
    r"\\x(?P<x>[0-9a-fA-F]{2})|\\u(?P<u>[0-9a-fA-F]{4})|\\U(?P<U>[0-9a-fA-F]{8})"
    r"|\\(?P<escaped>.)|(?P<plain>.)",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_COUNTS = {"*": (0, _UNBOUNDED), "+": (1, _UNBOUNDED), "?": (0, 1)}


@dataclass(frozen=True, slots=True)
class _Literal:
    text: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A set of characters or a special token, as Lark writes it."""

    text: str
    is_terminal: bool = True


@dataclass(frozen=True, slots=True)
class _Ref:
    name: str


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: "_Node"
    least: int
    most: int


_Node = _Literal | _Source | _Ref | _Sequence | _Choice | _Repeat
_Rules = dict[str, _Node]


def to_lark(source: str, param: str) -> str:
    """The same language as Lark, with `start` first.

    Raises:
        InvalidFormat: telling what is wrong with the grammar, and where.
    """
    rules = _Parser(source, param).rules()
    if "root" not in rules:
        raise InvalidFormat(f"{param} has no rule named root", param=param)
    return _Writer(rules).lark()


class _Parser:
    def __init__(self, source: str, param: str) -> None:
        self._source = source
        self._param = param
        self._tokens = list(self._read())
        self._at = 0
        self._depth = 0

    def rules(self) -> _Rules:
        found: _Rules = {}
        while self._at < len(self._tokens):
            if not self._is_rule():
                raise self._wrong("a rule is expected, as in: root ::= ...")
            name = self._next()
            self._next()
            found[name] = self._choice()
        for node in found.values():
            self._check_references(node, found)
        return found

    def _read(self) -> list[tuple[str, str, int]]:
        tokens, at = [], 0
        while at < len(self._source):
            match = _TOKEN.match(self._source, at)
            if match is None or match.lastgroup is None:
                raise self._error("this is no GBNF, as in: root ::= ...", at)
            if match.lastgroup != "space":
                tokens.append((match.lastgroup, match[0], at))
            at = match.end()
        return tokens

    def _kind(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at][0] if at < len(self._tokens) else "end"

    def _text(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        text = self._text()
        self._at += 1
        return text

    def _is_rule(self) -> bool:
        return self._kind() == "name" and self._kind(1) == "define"

    def _choice(self) -> _Node:
        options = [self._sequence()]
        while self._text() == "|":
            self._at += 1
            options.append(self._sequence())
        filled = tuple(option for option in options if option != _Sequence(()))
        choice = filled[0] if len(filled) == 1 else _Choice(filled)
        if not filled:
            return _Sequence(())
        return choice if len(filled) == len(options) else _Repeat(choice, 0, 1)

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self._kind() != "end" and self._text() not in ("|", ")") and not self._is_rule():
            part = self._repeated(self._item())
            if part != _Sequence(()):
                parts.append(part)
        return parts[0] if len(parts) == 1 else _Sequence(tuple(parts))

    def _repeated(self, part: _Node) -> _Node:
        while self._text() in _COUNTS or self._kind() == "count":
            text = self._next()
            least, most = _COUNTS.get(text) or _count(text)
            if most != _UNBOUNDED and most < least:
                raise self._wrong(f"{text} is no range")
            part = _Repeat(part, least, most) if part != _Sequence(()) else part
        return part

    def _item(self) -> _Node:
        match self._kind(), self._text():
            case "literal", text:
                self._at += 1
                chars = "".join(_chars(text[1:-1]))
                return _Literal(chars) if chars else _Sequence(())
            case "set", text:
                self._at += 1
                return _Source(f"/{self._set(text[1:-1])}/")
            case "special", text:
                self._at += 1
                return _Source(text, is_terminal=False)
            case "name", text:
                self._at += 1
                return _Ref(text)
            case _, ".":
                self._at += 1
                return _Source("/(?s:.)/")
            case _, "(":
                return self._group()
            case _:
                raise self._wrong("this does not belong here")

    def _group(self) -> _Node:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._wrong(f"at most {MAX_NESTING} groups in each other")
        self._at += 1
        choice = self._choice()
        if self._next() != ")":
            raise self._wrong("a ) is missing")
        self._depth -= 1
        return choice

    def _set(self, text: str) -> str:
        is_negated = text.startswith("^")
        chars = _chars(text[is_negated:])
        if not chars:
            raise self._wrong("a set needs characters")
        ranges = []
        at = 0
        while at < len(chars):
            is_range = at + 2 < len(chars) and chars[at + 1] == "-"
            first, last = ord(chars[at]), ord(chars[at + 2 if is_range else at])
            if last < first:
                raise self._wrong("a range of characters runs backwards")
            ranges.append(rf"\x{{{first:X}}}-\x{{{last:X}}}")
            at += 3 if is_range else 1
        return f"[{'^' * is_negated}{''.join(ranges)}]"

    def _check_references(self, node: _Node, rules: _Rules) -> None:
        for name in _references(node):
            if name not in rules:
                raise InvalidFormat(f"{self._param}: no rule is named {name}", param=self._param)

    def _wrong(self, what: str) -> InvalidFormat:
        at = min(self._at, len(self._tokens) - 1)
        return self._error(what, self._tokens[at][2] if self._tokens else 0)

    def _error(self, what: str, at: int) -> InvalidFormat:
        line = self._source.count("\n", 0, at) + 1
        near = self._source[at : at + 20]
        return InvalidFormat(f"{self._param}: {what} (line {line}, at {near!r})", param=self._param)


class _Writer:
    def __init__(self, rules: _Rules) -> None:
        self._rules = rules
        self._terminals = _terminal_rules(rules)
        self._is_regular = "root" in self._terminals
        self._names = {
            name: f"{'T' if self._is_regular else 'r'}_{i}" for i, name in enumerate(rules)
        }

    def lark(self) -> str:
        wanted = self._terminals if self._is_regular else self._rules
        lines = [f"{self._names[name]}: {self._write(self._rules[name])}" for name in wanted]
        return "\n".join([f"start: {self._names['root']}", *lines]) + "\n"

    def _write(self, node: _Node) -> str:
        match node:
            case _Source(text):
                return text
            case _Literal(text):
                return self._literal(text)
            case _Ref(name):
                return self._names[name]
            case _Sequence(parts):
                return " ".join(map(self._write, parts)) or '""'
            case _Choice(options):
                return f"({' | '.join(map(self._write, options))})"
            case _Repeat(part, least, most):
                end = "" if most == _UNBOUNDED else most
                return f"({self._write(part)}){{{least},{end}}}"

    def _literal(self, text: str) -> str:
        parts = [text] if self._is_regular else text
        return " ".join(json.dumps(part, ensure_ascii=False) for part in parts)


def _terminal_rules(rules: _Rules) -> set[str]:
    """The rules made of characters alone, none of which refers to itself."""
    found: set[str] = set()
    while True:
        more = {
            name for name, node in rules.items() if name not in found and _is_terminal(node, found)
        }
        if not more:
            return found
        found |= more


def _is_terminal(node: _Node, terminals: set[str]) -> bool:
    match node:
        case _Literal():
            return True
        case _Source():
            return node.is_terminal
        case _Ref(name):
            return name in terminals
        case _Sequence(parts) | _Choice(parts):
            return all(_is_terminal(part, terminals) for part in parts)
        case _Repeat(part):
            return _is_terminal(part, terminals)


def _references(node: _Node) -> list[str]:
    match node:
        case _Literal() | _Source():
            return []
        case _Ref(name):
            return [name]
        case _Sequence(parts) | _Choice(parts):
            return [name for part in parts for name in _references(part)]
        case _Repeat(part):
            return _references(part)


def _chars(text: str) -> list[str]:
    """The characters of a literal or a set, escapes resolved."""
    return [_char(match) for match in _CHAR.finditer(text)]


def _char(match: re.Match[str]) -> str:
    code = match["x"] or match["u"] or match["U"]
    if code is not None:
        number = int(code, 16)
        is_character = number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
        return chr(number) if is_character else "\ufffd"
    if match["escaped"] is not None:
        return _ESCAPES.get(match["escaped"], match["escaped"])
    return match["plain"]


def _count(text: str) -> tuple[int, int]:
    """`{2}`, `{2,}` or `{2,4}`."""
    first, comma, last = text[1:-1].partition(",")
    least = int(first)
    if not comma:
        return least, least
    return least, int(last) if last.strip() else _UNBOUNDED
