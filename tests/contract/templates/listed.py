"""The templates that llama.cpp's own test lists as C++ string literals."""

import re
from collections.abc import Iterator

# C++17, [lex.string]: a narrow literal; adjacent ones are one.
_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_NAME = re.compile(r"/\* \.name= \*/ *")
_TEMPLATE = re.compile(r"/\* \.template_str=? ?\*/ *(?:U8C\()?")
_ESCAPE = re.compile(r"\\(.)")
_MEANS = {"n": "\n", "t": "\t", '"': '"', "'": "'", "\\": "\\"}


def listed(source: str) -> Iterator[tuple[str, str]]:
    """Name and template of each case that `test-chat-template.cpp` lists."""
    for mark in _NAME.finditer(source):
        template = _TEMPLATE.search(source, mark.end())
        assert template is not None, "a case without a template"
        yield _text(source, mark.end()), _text(source, template.end())


def _text(source: str, at: int) -> str:
    """The literal that begins at `at`, with those that follow it.

    Raises:
        KeyError: for an escape that none of these templates uses.
    """
    parts = []
    while (literal := _LITERAL.match(source, at)) is not None:
        parts.append(_ESCAPE.sub(lambda found: _MEANS[found[1]], literal[1]))
        at = literal.end() + len(source[literal.end() :]) - len(source[literal.end() :].lstrip())
    assert parts, f"no string literal at {source[at : at + 40]!r}"
    return "".join(parts)
