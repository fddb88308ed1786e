"""From hostile bytes to a checked value: the only JSON parser of the server.

msgspec refuses malformed text, wrong types, NaN, numbers out of range, lone surrogates and
trailing garbage by itself. What it would spend too long on or dive too deep into is refused
before, by counting: every step is one pass of the C library over the body, at worst some tens of
milliseconds for 10 MB.
"""

import re
from itertools import accumulate
from typing import TypeVar

import msgspec

from velocity_local.core.errors import InvalidRequest, UnknownField

T = TypeVar("T")

MAX_CONTAINERS = 100_000
MAX_STRINGS = 200_000

_OPENERS = b"[{"
_BRACKETS = b"[]{}"
_NOT_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_STEP = [0] * 256
for _char in _BRACKETS:
    _STEP[_char] = 1 if _char in _OPENERS else -1

_AT = re.compile(r" - at `(?:(key)` in `)?\$\.?(.*)`$", re.DOTALL)
_BYTE = re.compile(r"\(byte (\d+)\)")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)")
_MISSING = re.compile(r"Object missing required field `(.*?)`")
_LAST_KEY = re.compile(rb'"((?:[^"\\]|\\.){1,64})"\s*:\s*"?[^"]*$')
_KEY_WINDOW_BYTES = 8192
_QUOTED_CHARS = 200


def decode(body: bytes, decoder: msgspec.json.Decoder[T], *, max_depth: int) -> T:
    """The body as the decoder's type.

    Raises:
        InvalidRequest: naming the field, or the byte where the text stops being JSON.
        UnknownField: naming the field nobody here knows.
    """
    check_shape(body, max_depth)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except msgspec.DecodeError as error:
        raise _malformed(str(error), body) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(body) from error
    except RecursionError as error:
        raise _too_deep(max_depth) from error


def check_shape(body: bytes, max_depth: int) -> None:
    """Refuse what is nested too deep or made of too many pieces.

    Raises:
        InvalidRequest: telling which limit was broken.
    """
    n_containers = body.count(b"[") + body.count(b"{")
    n_quotes = body.count(b'"')
    if n_containers <= max_depth and n_quotes <= 2 * MAX_STRINGS:
        return
    bare = body.replace(rb"\\", b"").replace(rb"\"", b"")
    if bare.count(b'"') > 2 * MAX_STRINGS:
        raise InvalidRequest(f"the body holds more than {MAX_STRINGS} strings")
    brackets = b"".join(bare.split(b'"')[::2]).translate(None, _NOT_BRACKETS)
    if len(brackets) > 2 * MAX_CONTAINERS:
        raise InvalidRequest(f"the body holds more than {MAX_CONTAINERS} arrays and objects")
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > max_depth:
        raise _too_deep(max_depth)


def _too_deep(max_depth: int) -> InvalidRequest:
    return InvalidRequest(f"the body is nested deeper than {max_depth} levels")


def _invalid(message: str) -> InvalidRequest | UnknownField:
    at = _AT.search(message)
    path = "" if at is None else _short(at[2].replace("[...]", ""))
    what = _short(message if at is None else message[: at.start()])
    if unknown := _UNKNOWN.match(what):
        field = _joined(path, unknown[1])
        return UnknownField(f"{field} is not a parameter of this endpoint", param=field)
    if missing := _MISSING.match(what):
        field = _joined(path, missing[1])
        return InvalidRequest(f"{field} is required", param=field)
    if not path:
        return InvalidRequest(f"the body is not as it should be: {what}")
    return InvalidRequest(f"{path}: {what}", param=path)


def _short(text: str) -> str:
    """At most a line of what the caller sent is said back."""
    return text if len(text) <= _QUOTED_CHARS else text[:_QUOTED_CHARS] + "…"


def _joined(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field


def _malformed(message: str, body: bytes) -> InvalidRequest:
    at = _BYTE.search(message)
    end = len(body) if at is None else int(at[1])
    return InvalidRequest(message, param=_field_before(body, end))


def _not_utf8(body: bytes) -> InvalidRequest:
    start = 0
    try:
        body.decode()
    except UnicodeDecodeError as error:
        start = error.start
    return InvalidRequest(f"the body is not UTF-8 (byte {start})", param=_field_before(body, start))


def _field_before(body: bytes, end: int) -> str | None:
    """The key whose value holds byte `end`, as far as a look back can tell."""
    window = body[max(0, end - _KEY_WINDOW_BYTES) : end]
    key = _LAST_KEY.search(window)
    return None if key is None else key[1].decode(errors="replace")
