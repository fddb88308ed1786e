"""Answers of families whose markers are control tokens, held to what their requests ask."""

import json
import random
import re
from collections.abc import Iterator

import pytest

from velocity_local.core.formats import AnswerFormat, JsonFormat, ToolUse
from velocity_local.core.messages import Message, Tool
from velocity_local.core.requests import ChatPrompt, GenerationRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.fake.tokenizer import ByteTokenizer
from velocity_local.worker.budgets import Budgets
from velocity_local.worker.chat.channel_forms import framing
from velocity_local.worker.chat.channels import ChannelForm
from velocity_local.worker.chat.families import Family
from velocity_local.worker.chat.pieces import PieceTable, with_markers
from velocity_local.worker.chat.pipeline import ChoicePipeline, OutputPlan
from velocity_local.worker.chat.tools.dialects import DIALECTS
from velocity_local.worker.chat.tools.parser import Offer
from velocity_local.worker.constraining import Constraining, Situation
from velocity_local.worker.engine.constraint import Constraint
from velocity_local.worker.engine.sequence import SequenceKey, SequenceSpec
from velocity_local.worker.family_files import shipped_families

FAMILIES = {family.tools: family for family in shipped_families()}
OBJECT = JsonFormat(
    param="response_format",
    schema={
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    },
)
TOOLS = (Tool("f", None, {"type": "object", "properties": {}, "additionalProperties": False}),)


MAX_TOKENS = 4000


class MarkedTokenizer(ByteTokenizer):
    """Bytes, and a control token for each of a family's markers."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        dialect = DIALECTS[family.tools or ""]
        markers = (*framing(family.thinking).markers, *dialect.MARKERS)
        self.markers = tuple(dict.fromkeys(filter(None, markers)))
        longest_first = sorted(self.markers, key=len, reverse=True)
        self._pattern = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")

    @property
    def n_vocab(self) -> int:
        return super().n_vocab + len(self.markers)

    @property
    def control_tokens(self) -> tuple[str, ...]:
        return (*super().control_tokens, *self.markers)

    def piece(self, token: int) -> bytes:
        return b"" if token >= super().n_vocab else super().piece(token)

    def piece_special(self, token: int) -> bytes:
        first = super().n_vocab
        if token >= first:
            return self.markers[token - first].encode()
        return super().piece_special(token)

    def encode(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        tokens: list[int] = []
        for at, part in enumerate(self._pattern.split(text) if parse_special else [text]):
            is_marker = parse_special and at % 2 == 1
            tokens += [super().n_vocab + self.markers.index(part)] if is_marker else part.encode()
        return tokens


class Held:
    """One answer of a family, written in pieces and held to what was asked."""

    def __init__(self, dialect: str, use: ToolUse | None, answer: AnswerFormat | None) -> None:
        self.family = family = FAMILIES[dialect]
        self.tokenizer = MarkedTokenizer(family)
        form = framing(family.thinking)
        shown = with_markers(
            self.tokenizer.piece, self.tokenizer.piece_special, self.tokenizer.markers
        )
        self._constraining = Constraining(self.tokenizer, shown)
        self._constraining.start()
        tools = TOOLS if use else ()
        asked = GenerationRequest(
            "id",
            "model",
            ChatPrompt((Message("user", ""),), tools=tools),
            parse_output=True,
            tool_use=use or ToolUse(),
            format=answer,
        )
        situation = Situation(form.open, form.close, is_reasoning=False, dialect=DIALECTS[dialect])
        if isinstance(form, ChannelForm):
            situation = situation._replace(answer=form.answer, breaks=form.breaks)
        spec = SequenceSpec(SequenceKey(1, 0), (), SamplingParams(), 99)
        (self.spec,) = self._constraining.apply(asked, (spec,), situation)
        assert self.spec.constraint is not None
        self.constraint: Constraint = self.spec.constraint

    def writes(self, text: str, *, spelled: bool = False) -> bool:
        """True if all of it is allowed; `spelled` without any control token."""
        tokens = self.tokenizer.encode(text, add_special=False, parse_special=not spelled)
        return all(self.constraint.accept(token) for token in tokens)

    def close(self) -> None:
        self._constraining.close()


@pytest.fixture
def held(request: pytest.FixtureRequest) -> Iterator[Held]:
    made = Held(*request.param)
    yield made
    made.close()


def auto(dialect: str) -> tuple[str, ToolUse, None]:
    return dialect, ToolUse(is_parallel=False), None


def forced(dialect: str) -> tuple[str, ToolUse, None]:
    return dialect, ToolUse(is_required=True, is_parallel=False), None


def formatted(dialect: str) -> tuple[str, None, AnswerFormat]:
    return dialect, None, OBJECT


ANALYSIS = "<|channel|>analysis<|message|>Hm, to=functions.f {]<|end|>"
FINAL = "<|channel|>final<|message|>"
NEXT = "<|start|>assistant"
TO_USER = " to=user<|message|>"
# By dialect: reasoning, and the header of the answer after it and of one that begins with it.
ROWS = {
    "harmony": (ANALYSIS, f"{NEXT}{FINAL}", FINAL),
    "muse": (
        " to=self<|message|>Hm {]<|eom|>",
        f"{NEXT} to=user<|message|>",
        " to=user<|message|>",
    ),
    "solar": ("<|think|>Hm {]<|end|>", "<|begin|>assistant<|content|>", "<|content|>"),
    "kimi_k3": (
        "<|open|>think<|sep|>Hm {]<|close|>think<|sep|>",
        "<|open|>response<|sep|>",
        "<|open|>response<|sep|>",
    ),
}

# Calls after reasoning.
CALLS = {
    "harmony": f"{NEXT}<|channel|>commentary to=functions.f <|constrain|>json<|message|>{{}}",
    "muse": f"{NEXT} to=f<|message|><atem:function_calls>\n"
    '<atem:invoke name="f">\n</atem:invoke>\n</atem:function_calls>',
    "solar": "<|begin|>assistant<|tool_calls|><|tool_call:begin|>a1b2c3d4e5<|tool_call:name|>f"
    "<|tool_call:args|>{}<|tool_call:end|>",
    "kimi_k3": "<|open|>response<|sep|><|close|>response<|sep|><|open|>tools<|sep|>"
    '<|open|>call tool="f" index="1"<|sep|><|close|>call<|sep|><|close|>tools<|sep|>',
}


class TestFormats:
    @pytest.mark.parametrize(
        ("held", "row"),
        [pytest.param(formatted(name), row, id=name) for name, row in ROWS.items()],
        indirect=["held"],
    )
    def test_a_format_is_armed_behind_the_reasoning(
        self, held: Held, row: tuple[str, str, str]
    ) -> None:
        reasoning, header, _ = row
        assert held.writes(reasoning)
        assert held.writes(header)
        assert not held.writes("No")
        assert held.writes('{"a":1}')
        assert held.constraint.is_complete

    @pytest.mark.parametrize(
        ("held", "row"),
        [pytest.param(formatted(name), row, id=name) for name, row in ROWS.items()],
        indirect=["held"],
    )
    def test_a_format_without_reasoning(self, held: Held, row: tuple[str, str, str]) -> None:
        assert held.writes(row[2])
        assert not held.writes("No")
        assert held.writes('{"a":1}')

    @pytest.mark.parametrize("held", [formatted("harmony")], indirect=True)
    def test_another_channel_is_led_to_the_answer(self, held: Held) -> None:
        assert held.writes(f"{ANALYSIS}{NEXT}<|channel|>")
        assert not held.writes("c")
        allowed = held.constraint.allowed()
        assert [i for i in range(256) if allowed[i >> 3] >> (i & 7) & 1] == [ord("f")]

    @pytest.mark.parametrize("held", [formatted("harmony")], indirect=True)
    def test_a_budget_leads_to_the_answer(self, held: Held) -> None:
        budgets = Budgets(held.tokenizer, FAMILIES["harmony"].thinking)
        bounded = budgets.bounded(held.spec, 3, starts_inside=False).constraint
        assert bounded is not None
        encode = held.tokenizer.encode
        text = "<|channel|>analysis<|message|>abc"
        for token in encode(text, add_special=False, parse_special=True):
            assert bounded.accept(token)
        assert not bounded.accept(ord("d"))
        for token in encode(
            f'<|end|>{NEXT}{FINAL}{{"a":1}}', add_special=False, parse_special=True
        ):
            assert bounded.accept(token)
        assert bounded.is_complete


@pytest.mark.parametrize("held", [formatted("harmony"), formatted("mistral_named")], indirect=True)
def test_an_end_that_is_spelled_ends_no_reasoning(held: Held) -> None:
    form = framing(held.family.thinking)
    assert held.writes(form.open[0])
    assert held.writes(f"Hm {form.close[0]} so {{]", spelled=True)
    assert held.writes(f"{form.close[0]}")
    assert not held.writes("No")


class TestCalls:
    @pytest.mark.parametrize("held", [auto("harmony")], indirect=True)
    @pytest.mark.parametrize(
        "before",
        [
            pytest.param("", id="first"),
            pytest.param(f"{ANALYSIS}{NEXT}", id="after reasoning"),
            pytest.param(
                f"<|channel|>commentary<|message|>I look.<|end|>{NEXT}", id="after a preamble"
            ),
        ],
    )
    @pytest.mark.parametrize(
        "header",
        [
            "<|channel|>commentary to=functions.{} <|constrain|>json<|message|>",
            "<|channel|>analysis to=functions.{}<|message|>",
            " to=functions.{}<|channel|>commentary <|constrain|>json<|message|>",
            " to=functions.{}<|channel|>analysis<|message|>",
        ],
    )
    def test_a_recipient_may_stand_before_its_channel_or_after(
        self, held: Held, before: str, header: str
    ) -> None:
        name, rest = header.split("{}")
        assert held.writes(before + name)
        assert not held.writes("g")
        assert held.writes(f"f{rest}")
        assert not held.writes("1")
        assert held.writes("{}")
        assert held.constraint.is_complete

    @pytest.mark.parametrize("held", [auto("harmony")], indirect=True)
    def test_what_is_said_of_recipients_is_text(self, held: Held) -> None:
        assert held.writes(f"{ANALYSIS}{NEXT}{FINAL}I write to=functions.g, and go on.")

    @pytest.mark.parametrize(
        ("held", "dialect"),
        [pytest.param(forced(name), name, id=name) for name in ROWS],
        indirect=["held"],
    )
    def test_a_forced_call_may_be_thought_of_first(self, held: Held, dialect: str) -> None:
        assert held.writes(ROWS[dialect][0])
        assert not held.writes("No")
        assert held.writes(CALLS[dialect])


TRIGGERED = sorted(name for name, dialect in DIALECTS.items() if dialect.TRIGGERS)


@pytest.mark.parametrize(
    ("held", "dialect"), [(auto(name), name) for name in TRIGGERED], indirect=["held"]
)
def test_a_trigger_of_control_tokens_is_text_if_it_is_spelled(held: Held, dialect: str) -> None:
    """The model quotes what it read; only its own control tokens are control."""
    for trigger in DIALECTS[dialect].TRIGGERS:
        has_control = any(marker in trigger for marker in held.tokenizer.markers)
        is_free = held.writes(f"They wrote {trigger}, and then {{]", spelled=True)
        assert is_free is has_control
        if not is_free:
            break


@pytest.mark.parametrize(
    ("held", "dialect"), [(auto(name), name) for name in TRIGGERED], indirect=["held"]
)
def test_a_trigger_in_its_own_tokens_arms_the_grammar(held: Held, dialect: str) -> None:
    assert held.writes("I look. ")
    assert held.writes(DIALECTS[dialect].TRIGGERS[0])
    assert not held.writes("\x01")


def babble(held: Held, chance: random.Random) -> list[int]:
    """Tokens of a model that knows nothing: whatever it likes, or else what is allowed. Now and
    then it writes what ends a reasoning, or begins a call.
    """
    n_vocab = held.tokenizer.n_vocab
    likely = [*b'"}{]:,> \nf', *range(256, n_vocab)]
    dialect = DIALECTS[held.family.tools or ""]
    close = framing(held.family.thinking).close[0]
    turns = (close, *dialect.TRIGGERS, *dialect.OPENERS)
    tokens: list[int] = []
    while not held.constraint.is_complete:
        assert len(tokens) < MAX_TOKENS
        if chance.random() < 0.1:
            turn = chance.choice(turns)
            for token in held.tokenizer.encode(turn, add_special=False, parse_special=True):
                if not held.constraint.accept(token):
                    break
                tokens.append(token)
            continue
        token = chance.choice(likely) if chance.random() < 0.5 else chance.randrange(n_vocab)
        if not held.constraint.accept(token):
            mask = held.constraint.allowed()
            allowed = [one for one in range(n_vocab) if mask[one >> 3] >> (one & 7) & 1]
            token = chance.choice(allowed)
            assert held.constraint.accept(token)
        if held.tokenizer.is_end(token):
            return tokens
        tokens.append(token)
    return tokens


def shown(held: Held, tokens: list[int]) -> tuple[str, list[tuple[str, str]]]:
    """What a caller is shown of it: the text and the calls."""
    markers = held.tokenizer.markers
    marked = with_markers(held.tokenizer.piece, held.tokenizer.piece_special, markers)
    plan = OutputPlan(
        lambda index: f"call_{index}",
        splits_reasoning=True,
        dialect=DIALECTS[held.family.tools or ""],
        thinking=held.family.thinking,
        offers=tuple(Offer(one.name, None, one.parameters or {}) for one in TOOLS),
    )
    pipeline = ChoicePipeline(0, PieceTable(marked, control=markers), plan)
    deltas = [*map(pipeline.feed, tokens), pipeline.finish()]
    text, calls = "", list[tuple[str, str]]()
    for delta in filter(None, deltas):
        text += delta.text
        for call in delta.tool_calls:
            if call.name is not None:
                calls.append((call.name, ""))
            calls[-1] = (calls[-1][0], calls[-1][1] + call.arguments)
    return text, calls


@pytest.mark.parametrize("held", [forced(name) for name in DIALECTS], indirect=True, ids=DIALECTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_knows_nothing_makes_a_forced_call(held: Held, seed: int) -> None:
    text, calls = shown(held, babble(held, random.Random(seed)))
    assert text == ""
    assert [(name, json.loads(arguments)) for name, arguments in calls] == [("f", {})]


@pytest.mark.parametrize("held", [auto(name) for name in DIALECTS], indirect=True, ids=DIALECTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_knows_nothing_calls_rightly_if_it_calls(held: Held, seed: int) -> None:
    _, calls = shown(held, babble(held, random.Random(seed)))
    assert [(name, json.loads(arguments)) for name, arguments in calls] in ([], [("f", {})])


@pytest.mark.parametrize(
    "held", [formatted(name) for name in DIALECTS], indirect=True, ids=DIALECTS
)
@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_knows_nothing_keeps_to_a_format(held: Held, seed: int) -> None:
    text, calls = shown(held, babble(held, random.Random(seed)))
    assert isinstance(json.loads(text)["a"], int)
    assert calls == []
