import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.worker.chat.chunks import cut, few, made_of
from velocity_local.core.events import ToolCallDelta
from velocity_local.worker.chat.tools import hermes

Call = tuple[str | None, str | None, str]


def _parse(pieces: list[str]) -> tuple[str, list[Call]]:
    parser = hermes.Parser(lambda index: f"call_{index}")
    parts = [*(parser.feed(piece) for piece in pieces), parser.finish()]
    text = "".join(part.text for part in parts)
    return text, _assembled([call for part in parts for call in part.calls])


def _assembled(deltas: list[ToolCallDelta]) -> list[Call]:
    calls: list[Call] = []
    for delta in deltas:
        if delta.index == len(calls):
            calls.append((delta.id, delta.name, delta.arguments))
        else:
            assert delta.id is None
            assert delta.name is None
            call = calls[delta.index]
            calls[delta.index] = (call[0], call[1], call[2] + delta.arguments)
    return calls


def _call(body: str) -> str:
    return f"<tool_call>\n{body}\n</tool_call>"


ADD = '{"name": "add", "arguments": {"a": 1, "b": [2, {"c": "}"}]}}'
ADDED = ("call_0", "add", '{"a": 1, "b": [2, {"c": "}"}]}')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(_call(ADD), ("", [ADDED]), id="one call"),
        pytest.param(f"Let me.\n{_call(ADD)}\n", ("Let me.", [ADDED]), id="text before"),
        pytest.param(f"{_call(ADD)}\nDone.", ("Done.", [ADDED]), id="text after"),
        pytest.param(
            f"{_call(ADD)}\n{_call(ADD)}",
            ("", [ADDED, ("call_1", "add", ADDED[2])]),
            id="two calls",
        ),
        pytest.param(
            _call('{"arguments": {"a": 1}, "name": "add"}'),
            ("", [("call_0", "add", '{"a": 1}')]),
            id="arguments first",
        ),
        pytest.param(_call('{"name": "now"}'), ("", [("call_0", "now", "{}")]), id="no arguments"),
        pytest.param(
            _call('{"name": "now", "arguments": "{\\"a\\": 1}"}'),
            ("", [("call_0", "now", '{"a": 1}')]),
            id="arguments as a string",
        ),
        pytest.param(
            _call('{"name": "f", "parameters": {"s": "</tool_call>"}}'),
            ("", [("call_0", "f", '{"s": "</tool_call>"}')]),
            id="closing tag in a string",
        ),
        pytest.param(
            _call('{"name": "f", "arguments": {"a": 1}, "id": 7}') + "x",
            ("x", [("call_0", "f", '{"a": 1}')]),
            id="more keys",
        ),
        pytest.param(
            '<tool_call>{"name": "f", "arguments": {"a": 1}} then text',
            ("then text", [("call_0", "f", '{"a": 1}')]),
            id="never closed, text follows",
        ),
        pytest.param("<tool_call>" + ADD, ("", [ADDED]), id="never closed"),
        pytest.param(
            '<tool_call>{"name": "f", "arguments": {"a": [1',
            ("", [("call_0", "f", '{"a": [1')]),
            id="cut off by the token limit",
        ),
        pytest.param(
            '<tool_call>{"name": "f", "arguments": {"a": 1</tool_call>ok',
            ("ok", [("call_0", "f", '{"a": 1')]),
            id="broken arguments are as the model wrote them",
        ),
        pytest.param(_call("not json"), (_call("not json"), []), id="no call after all"),
        pytest.param(_call('["add"]'), (_call('["add"]'), []), id="not an object"),
        pytest.param("a <tool_c b", ("a <tool_c b", []), id="tag not completed"),
        pytest.param('a <tool_call>{"name', ('a <tool_call>{"name', []), id="head not completed"),
        pytest.param("just text \n", ("just text \n", []), id="text"),
    ],
)
def test_parse(text: str, expected: tuple[str, list[Call]]) -> None:
    assert _parse([text]) == expected
    assert _parse(list(text)) == expected


def test_the_name_comes_first_and_arguments_stream() -> None:
    parser = hermes.Parser(lambda _: "call_x")
    begun = parser.feed('<tool_call>{"name": "add", "arguments": {"a')
    assert begun.calls[0] == ToolCallDelta(0, "call_x", "add", "")
    assert begun.calls[1] == ToolCallDelta(0, None, None, '{"a')
    assert parser.feed('": 1}').calls == (ToolCallDelta(0, None, None, '": 1}'),)


def test_held_counts_what_is_undecided() -> None:
    parser = hermes.Parser(lambda _: "call_x")
    parser.feed("abc \n<tool")
    assert parser.held == len(" \n<tool")
    parser.feed('_call>{"na')
    assert parser.held == len(' \n<tool_call>{"na')


@few
@given(
    cut(
        made_of(
            "<tool_call>",
            "</tool_call>",
            '{"name": "f", "arguments": {',
            '{"arguments": {}, "name": "f"}',
            "}",
            '"',
            ", ",
            "\\",
        )
    )
)
def test_any_cut_gives_the_same_calls_and_text(given_text: tuple[str, list[str]]) -> None:
    text, pieces = given_text
    assert _parse(pieces) == _parse([text]) == _parse(list(text))


@few
@given(
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=8) | st.none()),
    st.text(min_size=1, max_size=8),
)
def test_every_well_formed_call_is_read_back(arguments: dict[str, object], name: str) -> None:
    body = json.dumps({"name": name, "arguments": arguments})
    text, [(_, read_name, read_arguments)] = _parse([_call(body)])
    assert (text, read_name, json.loads(read_arguments)) == ("", name, arguments)
