"""Every dialect's grammar, walked at random: whatever it allows is read back as calls that keep to
their schemas. The vocabulary is single bytes and the dialect's markers, as tokens or as text.
"""

import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from tests.unit.worker.chat.test_tool_corpus import FAMILIES, FILES, TOOLS
from velocity_local.worker.chat.channel_forms import KimiK3, framing
from velocity_local.worker.chat.channels import ChannelForm, ChannelSplitter
from velocity_local.worker.chat.families import Family
from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.dialects import DIALECTS
from velocity_local.worker.chat.tools.parser import Dialect, Inexpressible, Offer, Parsed
from velocity_local.worker.chat.tools.shapes import simpler

# What a matcher masks, a walk may choose; some bytes more often, or strings would never end.
_LIKELY = b'"}]>\n</| ,'
_MAX_TOKENS = 5000
# What no walk would find by itself: the ends of texts between tags.
_ENDS = (
    "\n</parameter>",
    "</param>",
    "</atem:parameter>",
    "<|close|>argument<|sep|>",
    "]<]minimax[>[",
    "]]></param>",
    "</arg_value:opensource>",
    "</parameter>",
    "</｜DSML｜parameter>",
    "</arg_value>",
    '<|"|>',
    "<escape>",
)


class Vocabulary:
    """Bytes, then markers, then the end; the shape that llguidance's wrapper asks for."""

    def __init__(self, markers: tuple[str, ...]) -> None:
        self.markers = markers
        self.tokens = [bytes([byte]) for byte in range(256)]
        self.tokens += [b"\xff" + marker.encode() for marker in markers] + [b"\xff<end>"]
        self.eos_token_id = len(self.tokens) - 1
        self.bos_token_id = None
        self.special_token_ids = list(range(256, len(self.tokens)))
        self.compiled = LLTokenizer(TokenizerWrapper(self))

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)

    def mark(self, marker: str) -> str:
        if marker in self.markers:
            return f"<[{256 + self.markers.index(marker)}]>"
        return lark.quoted(marker)

    def text(self, tokens: list[int]) -> str:
        pieces = (self.tokens[token] for token in tokens if token != self.eos_token_id)
        return b"".join(piece.removeprefix(b"\xff") for piece in pieces).decode()

    def encode(self, text: str) -> list[int]:
        """With the markers as tokens."""
        tokens: list[int] = []
        while text:
            marker = next((one for one in self.markers if text.startswith(one)), None)
            tokens += [256 + self.markers.index(marker)] if marker else text[0].encode()
            text = text[len(marker) if marker else 1 :]
        return tokens


class Case(NamedTuple):
    dialect: Dialect
    vocabulary: Vocabulary

    def matcher(self, tools: tuple[Offer, ...], *, parallel: bool) -> LLMatcher:
        mark: Callable[[str], str] = self.vocabulary.mark
        source = self.dialect.grammar(tools, parallel=parallel, mark=mark)
        matcher = LLMatcher(self.vocabulary.compiled, source)
        assert not matcher.get_error(), f"{matcher.get_error()}\n{source}"
        return matcher

    def accepts(self, text: str, *, parallel: bool) -> bool:
        matcher = self.matcher(TOOLS, parallel=parallel)
        return matcher.consume_tokens(self.vocabulary.encode(text)) and matcher.is_accepting()

    def walk(self, tools: tuple[Offer, ...], chance: random.Random, *, parallel: bool) -> str:
        """A text that the grammar allows, ended as soon as it may."""
        matcher = self.matcher(tools, parallel=parallel)
        tokens: list[int] = []
        while not matcher.is_stopped() and len(tokens) < _MAX_TOKENS:
            if matcher.is_accepting() and chance.random() < 0.5:
                break
            if chance.random() < 0.1:
                end = self.vocabulary.encode(chance.choice(_ENDS))
                tokens += end[: matcher.try_consume_tokens(end)]
            else:
                tokens.append(self._choose(matcher, chance))
                assert matcher.consume_token(tokens[-1])
        assert matcher.is_accepting() or matcher.is_stopped(), self.vocabulary.text(tokens)
        return self.vocabulary.text(tokens)

    def _choose(self, matcher: LLMatcher, chance: random.Random) -> int:
        mask = matcher.compute_bitmask()
        allowed = [
            token
            for token in range(len(self.vocabulary.tokens))
            if mask[token // 8] >> (token % 8) & 1 and token != self.vocabulary.eos_token_id
        ]
        likely = [token for token in allowed if token >= 256 or token in _LIKELY]
        return chance.choice(likely if likely and chance.random() < 0.6 else allowed)


CASES = [
    pytest.param(Case(dialect, Vocabulary(markers)), id=f"{name}-{kind}")
    for name, dialect in DIALECTS.items()
    for kind, markers in (("tokens", dialect.MARKERS), ("text", ()))
    if markers or kind == "text"
]


def family_with(dialect: Dialect) -> Family:
    return next(one for one in FAMILIES.values() if one.tools == dialect.NAME)


def calls_of(dialect: Dialect, text: str, tools: tuple[Offer, ...]) -> list[tuple[str, Any]]:
    form = framing(family_with(dialect).thinking)
    if isinstance(form, ChannelForm):
        splitter = ChannelSplitter(form)
        text = splitter.feed(text.removeprefix("<|start|>assistant")).content
        text += splitter.flush().content
    parser = dialect.Parser(lambda index: f"call_{index}", tools)
    parts: list[Parsed] = [parser.feed(text), parser.finish()]
    assert "".join(part.text for part in parts) == ""
    calls: list[tuple[str, str]] = []
    for piece in (call for part in parts for call in part.calls):
        if piece.name is not None:
            calls.append((piece.name, piece.arguments))
        else:
            calls[-1] = (calls[-1][0], calls[-1][1] + piece.arguments)
    return [(name, json.loads(arguments)) for name, arguments in calls]


def check(calls: list[tuple[str, Any]], tools: tuple[Offer, ...]) -> None:
    schemas = {tool.name: tool.parameters_schema for tool in tools}
    for name, arguments in calls:
        jsonschema.validate(arguments, {"type": "object", **schemas[name]})


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_whatever_it_allows_is_a_call(case: Case, parallel: bool) -> None:
    chance = random.Random(f"{case.dialect.NAME} {parallel}")
    for _ in range(8):
        text = case.walk(TOOLS, chance, parallel=parallel)
        calls = calls_of(case.dialect, text, TOOLS)
        assert calls, text
        assert parallel or len(calls) == 1
        check(calls, TOOLS)


@pytest.mark.parametrize("case", CASES)
def test_it_begins_with_its_trigger(case: Case) -> None:
    text = case.walk(TOOLS, random.Random(case.dialect.NAME), parallel=False)
    triggers = (*case.dialect.TRIGGERS, *case.dialect.OPENERS)
    # The prompt may have ended with the trigger of one.
    assert any(one in text for one in triggers) or case.dialect.NAME == "functionary_v32"
    assert text.startswith((*triggers, *_BEFORE)) or case.dialect.NAME == "functionary_v32"


# What calls that are messages of their own may have before the trigger.
_BEFORE = ("<|start|>assistant", "<|begin|>assistant", " to=", *KimiK3.MARKERS)
# Their answers have one call: its end is the answer's.
_SINGLE = ("harmony", "gigachat", "gigachat_v31", "yandexgpt")
# Of these forms the grammar writes less than the model may: no numbers of calls, no indentation,
# and JSON for Python's objects.
_NARROWER = {
    (dialect, kind)
    for dialect in ("command_a", "command_r")
    for kind in ("single", "parallel", "nested", "unicode")
} | {("pythonic", "nested"), ("lfm2", "nested"), ("minicpm", "nested")}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["single", "parallel", "nested", "unicode"])
def test_it_allows_what_its_family_writes(case: Case, kind: str) -> None:
    for entry in FILES.values():
        family = FAMILIES[entry["family"]]
        if family.tools != case.dialect.NAME or (case.dialect.NAME, kind) in _NARROWER:
            continue
        # What ends gpt-oss's answer is no part of it.
        text = entry[kind].removesuffix("<|call|>")
        is_allowed = kind != "parallel" or case.dialect.NAME not in _SINGLE
        assert case.accepts(text, parallel=True) is is_allowed
        assert case.accepts(text, parallel=False) is (kind != "parallel")
        other = text.replace("get_weather", "wget").replace("search", "wget")
        assert not case.accepts(other, parallel=True)


HARD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "choices": {
        "properties": {"a": {"enum": ["x", "y z"]}, "b": {"const": 7}, "c": {"enum": [1, None]}},
        "required": ["a", "b"],
    },
    "lengths": {
        "properties": {
            "short": {"type": "string", "maxLength": 4},
            "long": {"type": "string", "minLength": 3, "maxLength": 12},
        },
        "required": ["long"],
    },
    "nullable": {
        "properties": {
            "text": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "number": {"type": ["integer", "null"]},
        },
        "required": ["text", "number"],
    },
    "shared": {
        "$defs": {
            "point": {
                "type": "object",
                "properties": {"x": {"type": "number"}, "label": {"type": "string"}},
                "required": ["x"],
                "additionalProperties": False,
            }
        },
        "properties": {
            "points": {"type": "array", "items": {"$ref": "#/$defs/point"}, "maxItems": 2},
            "first": {"$ref": "#/$defs/point"},
        },
        "required": ["points"],
        "additionalProperties": False,
    },
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", HARD)
def test_schemas_are_kept(case: Case, name: str) -> None:
    tools = (Offer(name, None, HARD[name]),)
    chance = random.Random(f"{case.dialect.NAME} {name}")
    for _ in range(4):
        calls = calls_of(case.dialect, case.walk(tools, chance, parallel=False), tools)
        assert [called for called, _ in calls] == [name]
        check(calls, tools)


@pytest.mark.parametrize(
    "dialect", ["qwen_coder", "seed", "minimax", "glm", "deepseek_v32", "gemma"]
)
def test_what_bare_text_cannot_be_held_to_is_named(dialect: str) -> None:
    tool = Offer("f", None, {"properties": {"a": {"type": "string", "pattern": "^a"}}})
    with pytest.raises(Inexpressible, match="pattern"):
        DIALECTS[dialect].grammar((tool,), parallel=False, mark=lark.quoted)


AWKWARD = {
    "type": "object",
    "minProperties": 1,
    "properties": {
        "day": {"type": "string", "format": "date"},
        "sizes": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        "either": {"oneOf": [{"type": "string", "pattern": "^a"}, {"type": "string"}]},
    },
    "required": ["day"],
}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.NAME)
def test_a_simpler_schema_is_always_expressible(dialect: Dialect) -> None:
    case = Case(dialect, Vocabulary(dialect.MARKERS))
    _, typed, named = (Offer("f", None, schema) for schema in simpler(AWKWARD))
    for offer in (typed, named):
        text = case.walk((offer,), random.Random(0), parallel=False)
        [(name, arguments)] = calls_of(dialect, text, (offer,))
        assert name == "f"
        assert "day" in arguments


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.NAME)
def test_names_with_marks_are_written_as_text_or_refused(dialect: Dialect) -> None:
    """No name of an argument becomes a control token, and none is read back as another."""
    case = Case(dialect, Vocabulary(dialect.MARKERS))
    # In rows of messages a marker in a name ends one, unless it is known to be text: the pipeline
    # knows.
    is_channels = isinstance(family_with(dialect).thinking, str)
    marks = () if is_channels else dialect.MARKERS
    for name in (*marks, 'a">b', "a=b", "a<b", "{x}", " a", "a\nb"):
        properties = {name: {"type": "integer"}}
        schema = {"properties": properties, "required": [name], "additionalProperties": False}
        offer = Offer("f", None, schema)
        text = _walked(case, offer)
        if text is not None:
            [(_, arguments)] = calls_of(dialect, text, (offer,))
            assert list(arguments) == [name]


def _walked(case: Case, offer: Offer) -> str | None:
    try:
        return case.walk((offer,), random.Random(0), parallel=False)
    except Inexpressible as refused:
        return None if refused.keyword == "properties" else refused.keyword
