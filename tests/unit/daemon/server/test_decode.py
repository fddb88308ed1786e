"""Hostile bodies end in a named 400, and never in anything else."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velocity_local.core.errors import InvalidRequest, RequestError, UnknownField
from velocity_local.daemon.server.decode import (
    MAX_CONTAINERS,
    MAX_STRINGS,
    check_shape,
    decode,
)


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: int = 0


class Body(msgspec.Struct, forbid_unknown_fields=True):
    text: str = ""
    number: float = 0.0
    count: int = 0
    inner: Inner | None = None
    items: list[Inner] = []
    bias: dict[str, float] = {}
    anything: Any = None


DECODER = msgspec.json.Decoder(Body)

HOSTILE: dict[str, tuple[bytes, str | None]] = {
    "empty": (b"", None),
    "not json": (b"hello", None),
    "array": (b"[]", None),
    "not closed": (b'{"text": "a', "text"),
    "trailing garbage": (b'{"text": "a"} x', None),
    "two documents": (b"{}{}", None),
    "nan": (b'{"number": NaN}', "number"),
    "infinity": (b'{"number": Infinity}', "number"),
    "minus infinity": (b'{"number": -Infinity}', "number"),
    "huge exponent": (b'{"number": 1e999}', "number"),
    "huge integer": (b'{"number": 1' + b"0" * 4000 + b"}", "number"),
    "beyond python's integers": (b'{"count": 1' + b"0" * 5000 + b"}", "count"),
    "wrong type": (b'{"text": 1}', "text"),
    "wrong type inside": (b'{"inner": {"size": "a"}}', "inner.size"),
    "wrong type in a list": (b'{"items": [{}, {"size": []}]}', "items[1].size"),
    "wrong type in an object": (b'{"bias": {"1": "a"}}', "bias"),
    "boolean for a number": (b'{"count": true}', "count"),
    "float for an integer": (b'{"count": 1.5}', "count"),
    "unknown field": (b'{"nope": 1}', "nope"),
    "unknown field inside": (b'{"inner": {"nope": 1}}', "inner.nope"),
    "bad utf-8": (b'{"text": "\xff"}', "text"),
    "encoded surrogate": (b'{"text": "\xed\xa0\x80"}', "text"),
    "bad utf-8 after much text": (b'{"text": "' + b"a" * 5000 + b'\xff"}', "text"),
    "lone surrogate": (b'{"text": "\\ud800"}', None),
    "two high surrogates": (b'{"text": "\\ud800\\ud800"}', "text"),
    "control character": (b'{"text": "\n"}', "text"),
    "byte order mark": (b"\xef\xbb\xbf{}", None),
    "single quotes": (b"{'text': 1}", None),
    "comment": (b'{"text": /* */ "a"}', "text"),
}


@pytest.mark.parametrize(("body", "param"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_are_refused_by_name(body: bytes, param: str | None) -> None:
    with pytest.raises(RequestError) as caught:
        decode(body, DECODER, max_depth=64)
    assert caught.value.status == 400
    assert caught.value.param == param


def test_an_unknown_field_has_a_code_of_its_own() -> None:
    with pytest.raises(UnknownField) as caught:
        decode(b'{"nope": 1}', DECODER, max_depth=64)
    assert caught.value.code == "unknown_parameter"


def test_the_last_of_two_equal_keys_wins() -> None:
    assert decode(b'{"text": "a", "text": "b"}', DECODER, max_depth=64).text == "b"


def test_what_is_said_back_is_short() -> None:
    body = b'{"' + b"x" * 1_000_000 + b'": 1}'
    with pytest.raises(RequestError) as caught:
        decode(body, DECODER, max_depth=64)
    assert len(caught.value.message) < 1000
    assert len(caught.value.param or "") < 1000


@pytest.mark.parametrize("opener", [b"[", b'{"a":'])
def test_depth_is_counted_exactly(opener: bytes) -> None:
    closer = b"]" if opener == b"[" else b"}"
    fits = b'{"anything": ' + opener * 63 + b"1" + closer * 63 + b"}"
    assert decode(fits, DECODER, max_depth=64).anything is not None
    deeper = b'{"anything": ' + opener * 64 + b"1" + closer * 64 + b"}"
    with pytest.raises(InvalidRequest, match="deeper than 64"):
        decode(deeper, DECODER, max_depth=64)


@pytest.mark.parametrize("depth", [100, 10_000, 100_000])
def test_any_depth_beyond_is_refused(depth: int) -> None:
    with pytest.raises(InvalidRequest):
        decode(b'{"anything": ' + b"[" * depth, DECODER, max_depth=64)


def test_brackets_and_quotes_inside_text_do_not_count() -> None:
    text = '[{"\\' * 1000
    body = msgspec.json.encode({"text": text, "anything": [[]] * 100})
    assert decode(body, DECODER, max_depth=64).text == text


def test_too_many_containers_are_refused() -> None:
    body = b'{"anything": [' + b"[]," * MAX_CONTAINERS + b"1]}"
    with pytest.raises(InvalidRequest, match="arrays and objects"):
        decode(body, DECODER, max_depth=64)


def test_too_many_strings_are_refused() -> None:
    body = b'{"anything": [' + b'"",' * (MAX_STRINGS + 1) + b"1]}"
    with pytest.raises(InvalidRequest, match="strings"):
        decode(body, DECODER, max_depth=64)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\a', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=30,
)


@settings(derandomize=True, max_examples=200, database=None, deadline=None)
@given(values)
def test_the_depth_found_is_the_depth_there_is(value: object) -> None:
    body = msgspec.json.encode([value] * 3)
    depth = _depth([value] * 3)
    check_shape(body, depth)
    with pytest.raises(InvalidRequest):
        check_shape(body, depth - 1)


@settings(derandomize=True, max_examples=300, database=None, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_end_in_anything_but_a_request_error(noise: bytes) -> None:
    for body in (noise, b'{"text": "' + noise + b'"}', b'{"anything": ' + noise + b"}"):
        try:
            decode(body, DECODER, max_depth=64)
        except RequestError as error:
            assert error.status == 400  # noqa: PT017 - either outcome is fine, no third one is


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0
