"""What every dialect owes its callers on any text: the same events for every cut, nothing lost
that is no call, and a bound on what it holds.
"""

import json
from inspect import signature

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.worker.chat.chunks import cut, few, made_of
from tests.unit.worker.chat.test_tool_corpus import FAMILIES, FILES, TOOLS
from velocity_local.worker.chat.tools import hermes
from velocity_local.worker.chat.tools.call_parser import MAX_HELD_CHARS, CallParser
from velocity_local.worker.chat.tools.dialects import DIALECTS
from velocity_local.worker.chat.tools.parser import Dialect, Parsed

DIALECT = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda one: one.NAME)
_SIGNATURE = signature(hermes.grammar)
# What forms are made of, beside their markers.
_SOUP = (
    '{"name": "get_weather", ',
    '"arguments": {',
    '"parameters": {',
    '"city": "Paris"',
    "get_weather",
    "search(query='a\\'",
    "[",
    "{",
    "}",
    "]",
    ")",
    "'",
    '"',
    ", ",
    ":",
    "=",
    ">",
    "\\u00e9",
    "</",
    "```json\n",
    "```",
    "<function=",
    "</function>",
    "<parameter=city>",
    "</parameter>",
    '<invoke name="search">',
    '<parameter name="limit">',
    "</invoke>",
    "call:",
    "Action:",
    ">>>",
    "functools",
)


def parts_of(dialect: Dialect) -> tuple[str, ...]:
    """Its markers, and whole pieces of what its families write."""
    texts = [entry[kind] for entry in entries(dialect) for kind in ("single", "nested", "cut")]
    halves = [half for text in texts for half in (text[: len(text) // 2], text[len(text) // 2 :])]
    return (*dialect.MARKERS, opening(dialect), *texts, *halves)


def opening(dialect: Dialect) -> str:
    """The text with which most of its calls begin."""
    return (dialect.TRIGGERS or dialect.OPENERS)[0]


def entries(dialect: Dialect) -> list[dict[str, str]]:
    """What the families write that have this dialect."""
    return [one for one in FILES.values() if FAMILIES[one["family"]].tools == dialect.NAME]


Read = tuple[str, list[list[str]]]


def read(dialect: Dialect, pieces: list[str]) -> Read:
    """The text and the calls of an answer that comes in pieces."""
    parser = dialect.Parser(lambda index: f"call_{index}", TOOLS)
    parts = []
    for piece in pieces:
        parts.append(parser.feed(piece))
        assert parser.held <= MAX_HELD_CHARS
    parts.append(parser.finish())
    assert parser.held == 0
    return assembled(parts)


def read_open(dialect: Dialect, text: str) -> Read:
    """The same of a beginning, while more may come."""
    parser = dialect.Parser(lambda index: f"call_{index}", TOOLS)
    return assembled([parser.feed(text)])


def assembled(parts: list[Parsed]) -> Read:
    calls: list[list[str]] = []
    for delta in (call for part in parts for call in part.calls):
        if delta.index == len(calls):
            assert delta.id == f"call_{delta.index}"
            calls.append([delta.name or "", ""])
        assert delta.index == len(calls) - 1
        calls[-1][1] += delta.arguments
    return "".join(part.text for part in parts), calls


@DIALECT
def test_any_cut_of_any_text_reads_the_same(dialect: Dialect) -> None:
    @few
    @given(cut(made_of(*parts_of(dialect), *_SOUP)))
    def reads_the_same(given_text: tuple[str, list[str]]) -> None:
        text, pieces = given_text
        whole = read(dialect, [text])
        assert read(dialect, pieces) == whole
        assert read(dialect, list(text)) == whole

    reads_the_same()


@DIALECT
@few
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_what_is_no_call_is_text(dialect: Dialect, text: str) -> None:
    assert read(dialect, [text]) == (text, [])


def begun(dialect: Dialect) -> str:
    """A call up to the middle of a text in its arguments."""
    entry = entries(dialect)[0]
    return entry["cut"][: entry["cut"].index("Paris")]


@DIALECT
def test_what_is_known_of_a_beginning_stays(dialect: Dialect) -> None:
    """Text and arguments so far are the beginning of what the whole answer has."""

    @few
    @given(made_of(*parts_of(dialect), *_SOUP), st.integers(0, 400))
    def stays(text: str, at: int) -> None:
        known, final = read_open(dialect, text[:at]), read(dialect, [text])
        assert final[0].startswith(known[0])
        assert len(known[1]) <= len(final[1])
        for so_far, whole in zip(known[1], final[1], strict=False):
            assert so_far[0] == whole[0]
            assert whole[1].startswith(so_far[1])

    stays()


@DIALECT
def test_a_call_streams(dialect: Dialect) -> None:
    text = begun(dialect)
    parser = dialect.Parser(lambda index: f"call_{index}", TOOLS)
    shown = "".join(call.arguments for call in parser.feed(text + "Par").calls)
    assert shown.endswith("Par")
    assert parser.held == 0


@DIALECT
def test_a_dialect_has_all_that_callers_use(dialect: Dialect) -> None:
    assert DIALECTS[dialect.NAME] is dialect
    assert issubclass(dialect.Parser, CallParser)  # type: ignore[arg-type]  # a class, to callers a function
    assert signature(dialect.grammar) == _SIGNATURE
    assert dialect.TRIGGERS or dialect.OPENERS
    texts = (*dialect.MARKERS, *dialect.TRIGGERS, *dialect.OPENERS)
    assert all(isinstance(text, str) and text for text in texts)


TAGGED = [one for one in DIALECTS.values() if hasattr(one, "TAGS") and one.NAME != "minimax_m3"]


@pytest.mark.parametrize("dialect", TAGGED, ids=lambda one: one.NAME)
def test_a_tag_in_a_json_string_closes_nothing(dialect: Dialect) -> None:
    close = dialect.TAGS.value_end  # type: ignore[attr-defined]  # of these dialects
    for entry in entries(dialect):
        text = entry["nested"].replace("'", '"').replace('"x"', f'"x{close}"')
        text = text.replace("None", "null")
        _, [[_, arguments]] = read(dialect, [text])
        assert json.loads(arguments)["filters"]["tags"] == [f"x{close}", "y z"]
        assert read(dialect, list(text)) == read(dialect, [text])
