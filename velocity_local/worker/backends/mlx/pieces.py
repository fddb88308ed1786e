"""How a vocabulary writes the bytes of its tokens. Knows strings and a decoder's settings only."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

Spelling = Callable[[str], bytes]

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "\u2581"


def spelling_of(decoder: Any) -> Spelling:
    """The spelling that goes with a decoder of tokenizer.json; plain text for unknown ones."""
    kinds = set(_kinds(decoder))
    if "ByteLevel" in kinds:
        return _byte_level
    if kinds & {"Metaspace", "ByteFallback", "Replace"}:
        return _sentence_piece
    return str.encode


def _kinds(decoder: Any) -> Iterator[str]:
    """The types of a decoder and of those it is a row of."""
    if not isinstance(decoder, dict):
        return
    yield str(decoder.get("type"))
    parts = decoder.get("decoders")
    for part in parts if isinstance(parts, list) else []:
        yield from _kinds(part)


def _byte_level(text: str) -> bytes:
    """Bytes were written as letters, one each; what is no such letter stands for itself."""
    letters = _letters()
    return b"".join(
        bytes((letters[char],)) if char in letters else char.encode("utf-8", "replace")
        for char in text
    )


def _sentence_piece(text: str) -> bytes:
    """A mark stands for a space, and a byte that is no text for itself."""
    byte = _BYTE.fullmatch(text)
    return bytes((int(byte[1], 16),)) if byte else text.replace(_SPACE, " ").encode()


@cache
def _letters() -> dict[str, int]:
    """GPT-2's table (encoder.py, bytes_to_unicode): printable bytes are their own letters."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    return letters | {chr(256 + i): byte for i, byte in enumerate(others)}
