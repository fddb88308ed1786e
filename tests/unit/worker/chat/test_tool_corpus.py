"""Every family's answers, read right however they are cut.

A file of `tests/corpora/tools` holds what one family writes, in its own form, for the scenes
below; what each of them means is the same for all families.
"""

import json
import random
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from velocity_local.core.events import Delta
from velocity_local.worker.chat.families import Family
from velocity_local.worker.chat.pieces import PieceTable
from velocity_local.worker.chat.pipeline import ChoicePipeline, OutputPlan
from velocity_local.worker.chat.tools.dialects import DIALECTS
from velocity_local.worker.chat.tools.parser import Offer
from velocity_local.worker.family_files import shipped_families

CORPUS = Path(__file__).parents[3] / "corpora" / "tools"
REASONING = "The user asks for the weather.\nI call the tool."
TOOLS = (
    Offer(
        "get_weather",
        "The weather in a city",
        {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city"],
        },
    ),
    Offer(
        "search",
        None,
        {
            "type": "object",
            "properties": {
                "query": {"type": "string"},
                "filters": {
                    "type": "object",
                    "properties": {
                        "tags": {"type": "array", "items": {"type": "string"}},
                        "range": {
                            "type": "object",
                            "properties": {"min": {"type": "integer"}, "max": {"type": "number"}},
                        },
                        "note": {"type": ["string", "null"]},
                    },
                },
                "limit": {"type": "integer"},
                "exact": {"type": "boolean"},
            },
            "required": ["query"],
        },
    ),
)

Calls = list[tuple[str, Any]]
PARIS = ("get_weather", {"city": "Paris", "unit": "celsius"})
ROME = ("get_weather", {"city": "Rome", "unit": "celsius"})
NESTED = {
    "query": 'say "no" to {braces} and\n<b>tags</b>',
    "filters": {"tags": ["x", "y z"], "range": {"min": -1, "max": 2.5}, "note": None},
    "limit": 3,
    "exact": True,
}


class Scene(NamedTuple):
    calls: Calls
    content: str = ""
    reasoning: str = ""


SCENES = {
    "single": Scene([PARIS]),
    "parallel": Scene([PARIS, ROME]),
    "nested": Scene([("search", NESTED)]),
    "unicode": Scene([("get_weather", {"city": "São Paulo, 東京 🌧️ “é”"})]),
    "after_text": Scene([PARIS], content="Let me look."),
    "reasoning": Scene([PARIS], reasoning=REASONING),
}
CUT_ARGUMENTS = '{"city": "Paris", "unit": "cels'


class Read(NamedTuple):
    """What a caller has put together."""

    content: str
    reasoning: str
    calls: tuple[tuple[str, str], ...]
    reason: str


def _files() -> dict[str, dict[str, str]]:
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in CORPUS.glob("*.toml")}


FILES = _files()
FAMILIES = {family.name: family for family in shipped_families()}
ENTRIES = [
    pytest.param(FAMILIES[entry["family"]], kind, entry[kind], id=f"{stem}-{kind}")
    for stem, entry in sorted(FILES.items())
    for kind in entry
    if kind != "family"
]


def read(family: Family, pieces: list[str]) -> Read:
    table = PieceTable(lambda token: pieces[token].encode())
    plan = OutputPlan(
        lambda index: f"call_{index}",
        splits_reasoning=True,
        dialect=DIALECTS[family.tools or ""],
        thinking=family.thinking,
        offers=TOOLS,
    )
    pipeline = ChoicePipeline(0, table, plan)
    deltas = [pipeline.feed(token) for token in range(len(pieces))]
    return assembled([*deltas, pipeline.finish()], pipeline.reason("length"))


def assembled(deltas: list[Delta | None], reason: str) -> Read:
    shown = [delta for delta in deltas if delta is not None]
    calls: list[tuple[str, str]] = []
    for piece in (call for delta in shown for call in delta.tool_calls):
        if piece.index == len(calls):
            assert piece.id == f"call_{piece.index}"
            calls.append((piece.name or "", piece.arguments))
        else:
            assert piece.name is None
            name, arguments = calls[piece.index]
            calls[piece.index] = (name, arguments + piece.arguments)
    text = "".join(delta.text for delta in shown)
    return Read(text, "".join(delta.reasoning for delta in shown), tuple(calls), reason)


@pytest.mark.parametrize(("family", "kind", "text"), ENTRIES)
def test_read_right(family: Family, kind: str, text: str) -> None:
    found = read(family, [text])
    if kind == "cut":
        assert found == Read("", "", (("get_weather", CUT_ARGUMENTS),), "length")
        return
    calls = [(name, json.loads(arguments)) for name, arguments in found.calls]
    assert Scene(calls, found.content, found.reasoning) == SCENES[kind]


@pytest.mark.parametrize(("family", "kind", "text"), ENTRIES)
def test_every_cut_reads_the_same(family: Family, kind: str, text: str) -> None:
    whole = read(family, [text])
    assert read(family, list(text)) == whole
    for at in range(1, len(text)):
        assert read(family, [text[:at], text[at:]]) == whole


@pytest.mark.parametrize(("family", "kind", "text"), ENTRIES)
def test_random_cuts_and_ends_read_the_same(family: Family, kind: str, text: str) -> None:
    chance = random.Random(f"{family.name} {kind}")
    for _ in range(20):
        beginning = text[: chance.randint(1, len(text))]
        places = sorted(chance.randint(0, len(beginning)) for _ in range(chance.randint(1, 12)))
        edges = [0, *places, len(beginning)]
        pieces = [beginning[a:b] for a, b in pairwise(edges)]
        assert read(family, pieces) == read(family, [beginning]) == read(family, list(beginning))


@pytest.mark.parametrize("stem", FILES)
def test_a_call_that_is_cut_off_has_what_came(stem: str) -> None:
    """After every token but the last ones: what was begun of a call is a call, and no more."""
    family, text = FAMILIES[FILES[stem]["family"]], FILES[stem]["single"]
    [(name, whole)] = read(family, [text]).calls
    seen: set[str] = set()
    for end in range(len(text)):
        found = read(family, [text[:end]])
        if not found.calls:
            assert found.reason == "length"
            continue
        [(cut_name, arguments)] = found.calls
        assert (cut_name, found.reason) == (name, "length")
        assert whole.startswith(arguments)
        assert found.content == ""
        seen.add(arguments)
    assert {'{"city": "Par', '{"city": "Paris'} <= {one.replace('":"', '": "') for one in seen}


def test_the_corpus_has_every_family_with_tools() -> None:
    with_tools = {family.name for family in FAMILIES.values() if family.tools}
    assert {entry["family"] for entry in FILES.values()} == with_tools
    kinds = {*SCENES, "cut"}
    for stem, entry in FILES.items():
        assert set(entry) - {"family"} <= kinds, stem
        assert kinds - {"after_text"} <= set(entry), stem
