from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.worker.chat.chunks import few, made_of
from velocity_local.core.events import Delta, TokenLogprob, ToolCallDelta, tool_chars
from velocity_local.worker.chat.pieces import PieceTable
from velocity_local.worker.chat.pipeline import ChoicePipeline, Delivered, OutputPlan
from velocity_local.worker.chat.tools import hermes

CALL = '<tool_call>{"name": "f", "arguments": {"a": "b"}}</tool_call>'


def _call_id(index: int) -> str:
    return f"call_{index}"


class Vocabulary:
    """Tokens by their bytes, numbered as they are first used."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.table = PieceTable(lambda token: self._pieces[token])

    def tokens(self, *pieces: bytes | str) -> list[int]:
        return [self._number(p.encode() if isinstance(p, str) else p) for p in pieces]

    def _number(self, piece: bytes) -> int:
        if piece not in self._pieces:
            self._pieces.append(piece)
        return self._pieces.index(piece)


@dataclass
class Shown:
    """What a caller has put together from deltas."""

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    reasoning: str = ""
    calls: list[ToolCallDelta] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)

    def add(self, delta: Delta | None) -> None:
        if delta is None:
            return
        self.tokens += delta.tokens
        self.text += delta.text
        self.reasoning += delta.reasoning
        self.calls += delta.tool_calls
        self.logprobs += delta.logprobs

    @property
    def arguments(self) -> list[tuple[str | None, str]]:
        calls: list[tuple[str | None, str]] = []
        for call in self.calls:
            if call.name is not None:
                calls.append((call.name, call.arguments))
            else:
                name, before = calls[call.index]
                calls[call.index] = (name, before + call.arguments)
        return calls

    def channels(self) -> tuple[str, str, list[tuple[str | None, str]]]:
        return self.text, self.reasoning, self.arguments


class Run:
    """A pipeline with words as tokens; log-probabilities are the token's position."""

    def __init__(self, vocabulary: Vocabulary, plan: OutputPlan) -> None:
        self.pipeline = ChoicePipeline(0, vocabulary.table, plan)
        self.shown = Shown()

    def feed(self, tokens: list[int]) -> "Run":
        for token in tokens:
            if self.pipeline.stop_text is None:
                self.shown.add(self.pipeline.feed(token, -0.5, ((token, -0.5),)))
        return self

    def finish(self) -> "Run":
        self.shown.add(self.pipeline.finish())
        return self


def _run(*pieces: bytes | str, **options: object) -> Run:
    vocabulary = Vocabulary()
    plan = OutputPlan(_call_id, **options)  # type: ignore[arg-type]  # named as the fields
    return Run(vocabulary, plan).feed(vocabulary.tokens(*pieces)).finish()


def test_plain_text_passes_token_by_token() -> None:
    vocabulary = Vocabulary()
    run = Run(vocabulary, OutputPlan(_call_id))
    (token,) = vocabulary.tokens("Hello")
    assert run.pipeline.feed(token) == Delta(0, (token,), "Hello")


def test_a_character_across_tokens_is_shown_whole() -> None:
    run = _run(b"a\xe2", b"\x82", b"\xac")
    assert run.shown.text == "a€"


def test_an_unfinished_character_at_the_end_is_replaced() -> None:
    assert _run(b"a\xe2").shown.text == "a\ufffd"


def test_a_stop_ends_the_text_before_it() -> None:
    run = _run("one ", "two", " three", stops=("wo t",))
    assert run.shown.text == "one t"
    assert run.pipeline.stop_text == "wo t"


def test_tokens_are_reported_while_their_text_waits() -> None:
    vocabulary = Vocabulary()
    run = Run(vocabulary, OutputPlan(_call_id, stops=("abc",)))
    (token,) = vocabulary.tokens("ab")
    assert run.pipeline.feed(token) == Delta(0, (token,), "")


def test_reasoning_tokens_are_those_of_the_block() -> None:
    run = _run("<think>", "a ", "b", "</think>", "\n", "c", splits_reasoning=True)
    assert run.shown.channels() == ("c", "a b", [])
    assert run.pipeline.reasoning_tokens == 4


def test_a_block_opened_by_the_prompt_is_reasoning() -> None:
    run = _run("a", "</think>", "b", splits_reasoning=True, starts_in_reasoning=True)
    assert run.shown.channels() == ("b", "a", [])
    assert run.pipeline.reasoning_tokens == 2


def test_a_tool_call_changes_the_reason() -> None:
    run = _run(CALL, dialect=hermes)
    assert run.shown.arguments == [("f", '{"a": "b"}')]
    assert run.pipeline.reason("stop") == "tool_calls"
    assert run.pipeline.reason("length") == "length"


def test_calls_are_text_if_no_tools_were_offered() -> None:
    run = _run(CALL)
    assert run.shown.text == CALL
    assert run.pipeline.reason("stop") == "stop"


def test_logprobs_come_with_their_text() -> None:
    vocabulary = Vocabulary()
    run = Run(vocabulary, OutputPlan(_call_id, stops=("bc",), with_logprobs=True))
    a, b, d = vocabulary.tokens("a", "b", "d")
    assert run.pipeline.feed(a, -1.0) == Delta(
        0, (a,), "a", logprobs=(TokenLogprob(a, b"a", -1.0),)
    )
    assert run.pipeline.feed(b, -2.0) is None
    delta = run.pipeline.feed(d, -3.0)
    assert delta is not None
    assert delta.text == "bd"
    assert [entry.logprob for entry in delta.logprobs] == [-2.0, -3.0]


def test_logprobs_of_a_stop_are_not_shown() -> None:
    run = _run("a", "b", "c", stops=("bc",), with_logprobs=True)
    assert [entry.piece for entry in run.shown.logprobs] == [b"a"]


def test_bytes_of_one_character_share_its_moment() -> None:
    vocabulary = Vocabulary()
    run = Run(vocabulary, OutputPlan(_call_id, with_logprobs=True))
    first, second = vocabulary.tokens(b"\xc3", b"\xa9")
    assert run.pipeline.feed(first, -1.0) is None
    delta = run.pipeline.feed(second, -2.0)
    assert delta is not None
    assert [entry.piece for entry in delta.logprobs] == [b"\xc3", b"\xa9"]


def test_tokens_without_text_have_their_logprobs_at_the_end() -> None:
    run = _run("a", "", with_logprobs=True)
    assert [entry.piece for entry in run.shown.logprobs] == [b"a", b""]


def test_top_logprobs_carry_pieces() -> None:
    run = _run("a", with_logprobs=True)
    assert run.shown.logprobs[0].top == ((0, b"a", -0.5),)


def test_echo_comes_first() -> None:
    pipeline = ChoicePipeline(0, Vocabulary().table, OutputPlan(_call_id, echo="prompt "))
    assert pipeline.begin() == Delta(0, (), "prompt ")


PIECES = made_of("<think>", "</think>", CALL, '{"name": "f", "arguments": {', "STOP", "ST", "}")
PLANS = [
    pytest.param({}, id="plain"),
    pytest.param({"stops": ("STOP", "a<")}, id="stops"),
    pytest.param({"splits_reasoning": True, "dialect": hermes}, id="parsed"),
    pytest.param({"echo": "prompt: ", "stops": ("STOP",)}, id="echo"),
    pytest.param(
        {"stops": ("STOP",), "splits_reasoning": True, "dialect": hermes, "with_logprobs": True},
        id="everything",
    ),
]


def _cut_bytes(text: str, sizes: list[int]) -> list[bytes]:
    data, pieces = text.encode(), []
    for size in [*sizes, len(data)]:
        pieces.append(data[:size])
        data = data[size:]
    return [piece for piece in pieces if piece]


SIZES = st.lists(st.integers(1, 9), max_size=30)


@pytest.mark.parametrize("options", PLANS)
@few
@given(PIECES, SIZES)
def test_any_tokens_for_the_same_bytes_show_the_same(
    options: dict[str, object], text: str, sizes: list[int]
) -> None:
    whole = _run(*_cut_bytes(text, [1] * 200), **options)
    run = _run(*_cut_bytes(text, sizes), **options)
    assert run.shown.channels() == whole.shown.channels()
    assert run.pipeline.stop_text == whole.pipeline.stop_text


@pytest.mark.parametrize("options", PLANS)
@few
@given(PIECES, SIZES, st.integers(0, 40), st.integers(0, 10))
def test_a_replay_at_any_point_shows_the_rest_exactly(
    options: dict[str, object], text: str, sizes: list[int], at: int, lost_chars: int
) -> None:
    vocabulary = Vocabulary()
    plan = OutputPlan(_call_id, **options)  # type: ignore[arg-type]  # named as the fields
    tokens = vocabulary.tokens(*_cut_bytes(text, sizes))
    undisturbed = Run(vocabulary, plan)
    undisturbed.shown.add(undisturbed.pipeline.begin())
    undisturbed.feed(tokens).finish()

    first = Run(vocabulary, plan)
    first.shown.add(first.pipeline.begin())
    first.feed(tokens[:at])
    if first.pipeline.stop_text is not None:
        return  # it was finished in that same report
    caller = first.shown
    caller.text = caller.text[: max(0, len(caller.text) - lost_chars)]
    second = Run(vocabulary, plan)
    delivered = Delivered(len(caller.text), len(caller.reasoning), tool_chars(tuple(caller.calls)))
    second.shown = caller
    reported = list(caller.tokens)
    second.shown.add(second.pipeline.replay(reported, delivered))
    second.feed(tokens[len(reported) :]).finish()

    assert second.shown.channels() == undisturbed.shown.channels()
    assert second.shown.tokens == undisturbed.shown.tokens
    assert second.shown.logprobs == undisturbed.shown.logprobs
    assert second.pipeline.reasoning_tokens == undisturbed.pipeline.reasoning_tokens
    assert second.pipeline.reason("stop") == undisturbed.pipeline.reason("stop")


def test_a_half_delivered_call_goes_on_without_its_name() -> None:
    vocabulary = Vocabulary()
    plan = OutputPlan(_call_id, dialect=hermes)
    pipeline = ChoicePipeline(0, vocabulary.table, plan)
    delta = pipeline.replay(vocabulary.tokens(CALL), Delivered(tools=len("f") + 5))
    assert delta is not None
    assert delta.tool_calls == (ToolCallDelta(0, None, None, ' "b"}'),)
