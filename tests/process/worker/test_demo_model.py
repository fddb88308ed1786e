"""The whole worker on the trained demo model: what the fake backend cannot show."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.process.worker.harness import Answer, Worker, answer, ask, chat, worker
from velocity_local.core.events import Delta, tool_chars
from velocity_local.core.messages import Message, Tool
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import ChatPrompt, RenderRequest, TokenizeRequest, TokenPrompt
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc.messages import (
    Cancel,
    Generate,
    Ping,
    Pong,
    Render,
    Rendered,
    Resumed,
    Step,
    Tokenize,
    Tokenized,
)

pytestmark = pytest.mark.process

MODEL = Path(__file__).parents[3] / "models" / "demo" / "velocity-demo-f16.gguf"
GREEDY = SamplingParams(temperature=0)
ASKED = chat("How do I download a model?")
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = Tool("get_weather", "Tells the weather.", CITY)


@pytest.fixture(scope="module")
def demo() -> Iterator[Worker]:
    with worker() as running:
        running.load(str(MODEL), LoadOptions(n_ctx=1024, n_threads=1))
        yield running


def _tokens(demo: Worker, text: str) -> tuple[int, ...]:
    demo.send(Tokenize(900, TokenizeRequest("t", "m", text)))
    # the cancelled request may be heard of once more
    report = demo.until(lambda report: isinstance(report, Tokenized))[-1]
    assert isinstance(report, Tokenized)
    return report.tokens


def test_it_answers_and_counts_exactly(demo: Worker) -> None:
    demo.send(ask(1, ASKED, sampling=GREEDY, max_tokens=100))
    seen = answer(demo, 1)
    assert "velocity-local" in seen.text()
    assert seen.finished.reason == "stop"
    assert seen.finished.usage.completion_tokens == len(seen.tokens()) + 1


def test_its_template_and_tokens_agree_with_what_is_computed(demo: Worker) -> None:
    demo.send(Render(2, RenderRequest("r", "m", ASKED)))
    rendered = demo.next()
    assert isinstance(rendered, Rendered)
    tokens = _tokens(demo, rendered.text)
    demo.send(ask(3, ASKED, max_tokens=1))
    assert answer(demo, 3).finished.usage.prompt_tokens == len(tokens)
    demo.send(ask(4, TokenPrompt(tokens), max_tokens=1))
    assert answer(demo, 4).finished.usage.prompt_tokens == len(tokens)


def test_a_call_is_read_from_what_it_writes(demo: Worker) -> None:
    prompt = ChatPrompt((Message("user", "How is the weather in Rome?"),), (TOOL,))
    demo.send(ask(5, prompt, sampling=GREEDY, parse_output=True, max_tokens=100))
    seen = answer(demo, 5)
    calls = [call for delta in seen.deltas for call in delta.tool_calls]
    assert seen.finished.reason == "tool_calls"
    assert calls[0].name == "get_weather"
    assert "".join(call.arguments for call in calls) == '{"city": "Rome"}'


def test_seeds_give_the_same_text_again(demo: Worker) -> None:
    texts = []
    for handle in (6, 7):
        sampling = SamplingParams(temperature=1.0, seed=11)
        demo.send(ask(handle, chat("Tell me a tiny story."), sampling=sampling, max_tokens=30))
        texts.append(answer(demo, handle).text())
    assert texts[0] == texts[1]


def test_text_comes_whole_whatever_the_tokens(demo: Worker) -> None:
    demo.send(ask(8, "héllo 😀", echo=True, max_tokens=20, sampling=SamplingParams(seed=1)))
    seen = answer(demo, 8)
    assert seen.text().startswith("héllo 😀")


def test_logprobs_are_those_of_the_shown_tokens(demo: Worker) -> None:
    demo.send(ask(9, ASKED, sampling=GREEDY, top_logprobs=3, max_tokens=20))
    seen = answer(demo, 9)
    entries = [entry for delta in seen.deltas for entry in delta.logprobs]
    assert b"".join(entry.piece for entry in entries).decode() == seen.text()
    for entry in entries:
        assert entry.logprob <= 0
        assert len(entry.top) == 3
        assert entry.top[0][0] == entry.token, "greedy takes the likeliest"


@pytest.mark.parametrize("n_tokens", [1, 5, 12])
def test_what_is_resumed_equals_a_fresh_answer_to_prompt_and_emitted(n_tokens: int) -> None:
    options = LoadOptions(n_ctx=512, n_threads=1)
    with worker() as first:
        first.load(str(MODEL), options)
        first.send(ask(1, ASKED, sampling=GREEDY, max_tokens=64))
        before = _part(first, n_tokens)
        first.send(Cancel(1), Render(2, RenderRequest("r", "m", ASKED)))
        rendered = first.until(lambda report: isinstance(report, Rendered))[-1]
        assert isinstance(rendered, Rendered)
        prompt = _tokens(first, rendered.text)
    emitted = before.tokens()
    with worker() as second:
        second.load(str(MODEL), options)
        command = ask(1, ASKED, sampling=GREEDY, max_tokens=64)
        second.send(Generate(1, command.request, (Resumed(0, emitted, len(before.text())),)))
        resumed = answer(second, 1)
    with worker() as third:
        third.load(str(MODEL), options)
        rest = 64 - len(emitted)
        third.send(ask(1, TokenPrompt(prompt + emitted), sampling=GREEDY, max_tokens=rest))
        fresh = answer(third, 1)
    assert resumed.tokens() == fresh.tokens()
    assert resumed.finished.usage.completion_tokens == len(emitted + fresh.tokens()) + 1


def _part(running: Worker, n_tokens: int) -> Answer:
    seen = Answer()
    while len(seen.tokens()) < n_tokens:
        report = running.next()
        if isinstance(report, Step):
            seen.events += [event for _, event in report.events if isinstance(event, Delta)]
    return seen


def test_many_at_once_each_get_their_own(demo: Worker) -> None:
    handles = range(20, 36)
    prompts = [f"Repeat after me: {handle}" for handle in handles]
    for handle, prompt in zip(handles, prompts, strict=True):
        demo.send(ask(handle, chat(prompt), sampling=GREEDY, max_tokens=12))
    ended: dict[int, int] = {}
    while len(ended) < len(handles):
        report = demo.next()
        assert isinstance(report, Step)
        for handle, event in report.events:
            if hasattr(event, "usage"):
                assert handle not in ended, "a request ends once"
                ended[handle] = event.usage.completion_tokens
    assert set(ended) == set(handles)


def test_a_long_prefill_is_cancelled_at_once(demo: Worker) -> None:
    tokens = _tokens(demo, "Once upon a time there was a fox. " * 70)[:900]
    demo.send(ask(40, TokenPrompt(tokens), max_tokens=1), Cancel(40), Ping(1))
    reports = demo.until(lambda report: isinstance(report, Pong))
    pong = reports[-1]
    assert isinstance(pong, Pong)
    assert (pong.load.running, pong.load.waiting) == (0, 0)


def test_deliveries_are_counted_as_the_fleet_counts_them(demo: Worker) -> None:
    prompt = ChatPrompt((Message("user", "How is the weather in Rome?"),), (TOOL,))
    command = ask(50, prompt, sampling=GREEDY, parse_output=True, max_tokens=100)
    demo.send(command)
    whole = answer(demo, 50)
    calls = [call for delta in whole.deltas for call in delta.tool_calls]
    half = msgspec.structs.replace(command, handle=51)
    shown = tool_chars(tuple(calls[:2]))
    demo.send(Generate(51, half.request, (Resumed(0, whole.tokens(), tool_chars=shown),)))
    rest = [call for delta in answer(demo, 51).deltas for call in delta.tool_calls]
    assert "".join(c.arguments for c in rest) == "".join(c.arguments for c in calls[2:])
    assert all(call.name is None for call in rest)
