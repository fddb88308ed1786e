r"""JSON Schema's regular expressions (ECMA 262) in the syntax that llguidance has.

They differ where one is wider than the other: `.` here leaves out four line ends, not one, and
`\s` holds U+FEFF as well. What has no like here (look-around, back-references, word boundaries)
is refused by the compiler.
https://262.ecma-international.org/#sec-patterns
"""

import re

_PIECE = re.compile(r"\\.|\[|\]|\.", re.DOTALL)
_SPACE = r"\s\x{FEFF}"
_OUTSIDE = {".": r"[^\n\r\x{2028}\x{2029}]", r"\s": f"[{_SPACE}]", r"\S": f"[^{_SPACE}]"}
_INSIDE = {r"\s": _SPACE, r"\S": f"[^{_SPACE}]", "[": r"\["}
_ANYWHERE = {r"\/": "/", r"\-": r"\-"}


def translated(pattern: str) -> str:
    """The pattern with the same meaning, or a narrower one."""
    is_inside = False

    def piece(match: re.Match[str]) -> str:
        nonlocal is_inside
        text = match[0]
        table = _INSIDE if is_inside else _OUTSIDE
        if text == "[" and not is_inside:
            is_inside = True
        elif text == "]":
            is_inside = False
        else:
            return table.get(text, _ANYWHERE.get(text, text))
        return text

    return _PIECE.sub(piece, pattern)
