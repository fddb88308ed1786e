from pathlib import Path

import msgspec
import pytest

from tests.process.worker.harness import Answer, Worker, answer, ask, chat, fake_worker, refusal
from velocity_local.core.events import Delta, Finished, Started, tool_chars
from velocity_local.core.messages import Tool
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import ChatPrompt, TokenPrompt
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc.messages import Cancel, Generate, Ping, Pong, Resumed, Step
from velocity_local.worker.backends.fake.script import Babble, Fixed, Script

pytestmark = pytest.mark.process

SLOW = Script(reply=Babble(mean_tokens=10**6), step_delay_s=0.02)


def test_a_chat_is_answered(tmp_path: Path) -> None:
    with fake_worker(tmp_path) as worker:
        worker.send(ask(1, chat("hello wörld")))
        seen = answer(worker, 1)
    assert isinstance(seen.events[0], Started)
    assert seen.text() == "hello wörld"
    assert seen.finished.reason == "stop"
    assert seen.finished.usage.prompt_tokens == seen.events[0].prompt_tokens


def test_max_tokens_ends_an_answer(tmp_path: Path) -> None:
    with fake_worker(tmp_path) as worker:
        worker.send(ask(1, "abcdef", max_tokens=3))
        seen = answer(worker, 1)
    assert (seen.text(), seen.finished.reason) == ("abc", "length")
    assert seen.finished.usage.completion_tokens == 3


def test_without_max_tokens_the_context_ends_it(tmp_path: Path) -> None:
    script = Script(reply=Babble(mean_tokens=10**6), n_ctx=64)
    with fake_worker(tmp_path, script) as worker:
        worker.send(ask(1, "abc"))
        finished = answer(worker, 1).finished
    assert finished.reason == "length"
    assert finished.usage.prompt_tokens + finished.usage.completion_tokens == 64


def test_a_stop_and_the_end_come_in_one_report(tmp_path: Path) -> None:
    with fake_worker(tmp_path) as worker:
        worker.send(ask(1, "one two three", stop=("two",)))
        reports = worker.until(_has_finished)
        last = reports[-1]
        assert isinstance(last, Step)
        finished = last.events[-1][1]
        assert isinstance(finished, Finished)
        assert finished.stop_text == "two"
        worker.send(Ping(1))
        pong = worker.next()
    assert isinstance(pong, Pong)
    assert pong.load.running == 0


def _has_finished(report: object) -> bool:
    return isinstance(report, Step) and any(isinstance(e, Finished) for _, e in report.events)


def test_choices_are_answered_beside_each_other(tmp_path: Path) -> None:
    script = Script(reply=Babble(mean_tokens=10**6))
    with fake_worker(tmp_path, script) as worker:
        worker.send(ask(1, "abc", n=3, max_tokens=8, sampling=SamplingParams(seed=7)))
        seen = answer(worker, 1, n=3)
        worker.send(ask(2, "abc", max_tokens=8, sampling=SamplingParams(seed=9)))
        third = answer(worker, 2)
    assert len({seen.text(index) for index in range(3)}) == 3
    assert third.text() == seen.text(2)


def test_echo_shows_the_prompt_first(tmp_path: Path) -> None:
    with fake_worker(tmp_path) as worker:
        worker.send(ask(1, "abc", echo=True))
        text = answer(worker, 1).text()
        worker.send(ask(2, TokenPrompt((97, 98)), echo=True, max_tokens=0))
        tokens = answer(worker, 2)
    assert text == "abcabc"
    assert tokens.text() == "ab"
    assert tokens.finished.usage.completion_tokens == 0


def test_logprobs_come_for_every_shown_token(tmp_path: Path) -> None:
    with fake_worker(tmp_path) as worker:
        worker.send(ask(1, "héllo", top_logprobs=2, stop=("o",)))
        deltas = answer(worker, 1).deltas
    entries = [entry for delta in deltas for entry in delta.logprobs]
    assert b"".join(entry.piece for entry in entries) == "héll".encode()
    assert all(len(entry.top) == 2 for entry in entries)


TOOL = Tool("add", "Adds.", {"type": "object"})
TOOLED = Script(
    reply=Fixed(
        '<think>hm</think>Sure.<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
    ),
    chat_template="{# tools: <tool_call> with arguments #}{{ messages[-1].content }}",
)


def test_reasoning_and_calls_are_read(tmp_path: Path) -> None:
    prompt = msgspec.structs.replace(chat("add"), tools=(TOOL,))
    with fake_worker(tmp_path, TOOLED) as worker:
        worker.send(ask(1, prompt, parse_output=True))
        seen = answer(worker, 1)
    calls = [call for delta in seen.deltas for call in delta.tool_calls]
    assert "".join(delta.reasoning for delta in seen.deltas) == "hm"
    assert seen.text() == "Sure."
    assert calls[0].name == "add"
    assert "".join(call.arguments for call in calls) == '{"a": 1}'
    assert seen.finished.reason == "tool_calls"
    assert seen.finished.usage.reasoning_tokens == len("<think>hm</think>")


def test_tools_are_refused_where_the_template_has_no_place(tmp_path: Path) -> None:
    prompt = msgspec.structs.replace(chat("add"), tools=(TOOL,))
    with fake_worker(tmp_path) as worker:
        worker.send(ask(1, prompt, parse_output=True))
        refused = refusal(worker, 1)
    assert (refused.error.code, refused.error.param) == ("unsupported_parameter", "tools")


def _resumed(seen: Answer) -> Resumed:
    deltas = seen.deltas
    return Resumed(
        0,
        seen.tokens(),
        sum(len(delta.text) for delta in deltas),
        sum(len(delta.reasoning) for delta in deltas),
        sum(tool_chars(delta.tool_calls) for delta in deltas),
    )


def _part(worker: Worker, handle: int, n_tokens: int) -> Answer:
    """The answer up to some token, after which the worker is of no more use."""
    seen = Answer()
    while len(seen.tokens()) < n_tokens:
        report = worker.next()
        if isinstance(report, Step):
            seen.events += [event for owner, event in report.events if owner == handle]
    return seen


@pytest.mark.parametrize("n_tokens", [1, 9, 17, 24, 40, 60, 75])
def test_another_worker_goes_on_where_one_died(tmp_path: Path, n_tokens: int) -> None:
    prompt = msgspec.structs.replace(chat("add"), tools=(TOOL,))
    command = ask(1, prompt, parse_output=True, stop=("never",))
    with fake_worker(tmp_path, TOOLED) as worker:
        worker.send(command)
        whole = answer(worker, 1)
    with fake_worker(tmp_path, TOOLED) as worker:
        worker.send(command)
        first = _part(worker, 1, n_tokens)
    with fake_worker(tmp_path, TOOLED) as worker:
        worker.send(Generate(1, command.request, (_resumed(first),)))
        second = answer(worker, 1)
    assert first.text() + second.text() == whole.text()
    assert _tools(first) + _tools(second) == _tools(whole)
    assert first.tokens() + second.tokens() == whole.tokens()
    assert second.finished.usage == msgspec.structs.replace(
        whole.finished.usage, cached_tokens=second.finished.usage.cached_tokens
    )


def _tools(seen: Answer) -> str:
    calls = [call for delta in seen.deltas for call in delta.tool_calls]
    return "".join(f"{call.id or ''}{call.name or ''}{call.arguments}" for call in calls)


def test_choices_that_are_done_are_not_run_again(tmp_path: Path) -> None:
    command = ask(1, "abcdef", n=2)
    done = Resumed(0, (97,), done=True)
    with fake_worker(tmp_path) as worker:
        worker.send(Generate(1, command.request, (done, Resumed(1, (97, 98), 2))))
        seen = answer(worker, 1)
    assert {event.index for event in seen.events if isinstance(event, Delta)} == {1}
    assert seen.text(1) == "cdef"


@pytest.mark.parametrize("state", ["queue", "prefill", "decode"])
def test_a_cancelled_request_is_gone(tmp_path: Path, state: str) -> None:
    script = msgspec.structs.replace(SLOW, token_delay_s=0.002 if state == "prefill" else 0)
    options = LoadOptions(n_seq_max=1 if state == "queue" else 4, n_batch=64)
    with fake_worker(tmp_path, script, options) as worker:
        if state == "queue":
            worker.send(ask(1, "running", max_tokens=10**6))
            worker.until(lambda report: isinstance(report, Step))
        worker.send(ask(2, "x" * (2000 if state == "prefill" else 10), max_tokens=10**6))
        if state != "queue":
            worker.until(lambda report: isinstance(report, Step))
        worker.send(Cancel(2), Ping(1))
        pong = worker.until(lambda report: isinstance(report, Pong))[-1]
        assert isinstance(pong, Pong)
        assert (pong.load.running, pong.load.waiting) == (1 if state == "queue" else 0, 0)
        worker.send(Cancel(1), ask(3, "after", max_tokens=1))
        reports = worker.until(_has_finished)
    handles = {handle for r in reports if isinstance(r, Step) for handle, _ in r.events}
    assert 2 not in handles


def test_a_request_cancelled_while_it_is_prepared_never_runs(tmp_path: Path) -> None:
    with fake_worker(tmp_path) as worker:
        worker.send(ask(1, chat("one")), Cancel(1), ask(2, chat("two")))
        reports = worker.until(_has_finished)
    handles = {handle for r in reports if isinstance(r, Step) for handle, _ in r.events}
    assert handles == {2}


def test_an_overlong_prompt_is_refused_with_both_numbers(tmp_path: Path) -> None:
    with fake_worker(tmp_path, Script(n_ctx=64)) as worker:
        worker.send(ask(1, "x" * 99))
        error = refusal(worker, 1).error
    assert error.code == "context_length_exceeded"
    assert "100 tokens" in error.message
    assert "64" in error.message
    assert error.details == {"n_prompt_tokens": 100, "n_ctx": 64}


@pytest.mark.parametrize(
    ("prompt", "fields", "param"),
    [
        pytest.param(TokenPrompt((1, 10**6)), {}, "prompt", id="token out of range"),
        pytest.param(TokenPrompt((-1,)), {}, "prompt", id="negative token"),
        pytest.param(TokenPrompt(()), {}, "prompt", id="no tokens"),
        pytest.param(
            TokenPrompt((1,)),
            {"sampling": SamplingParams(logit_bias=((10**6, 1.0),))},
            "logit_bias",
            id="bias of no token",
        ),
        pytest.param(
            TokenPrompt((1,)), {"echo": True, "top_logprobs": 1}, "echo", id="echo with logprobs"
        ),
        pytest.param(
            ChatPrompt((), template_kwargs={"messages": 1}),
            {},
            "chat_template_kwargs",
            id="reserved kwarg",
        ),
    ],
)
def test_a_bad_request_is_refused_by_name(
    tmp_path: Path, prompt: TokenPrompt | ChatPrompt, fields: dict[str, object], param: str
) -> None:
    with fake_worker(tmp_path) as worker:
        worker.send(ask(1, prompt, **fields))
        assert refusal(worker, 1).error.param == param
        worker.send(ask(2, "fine"))
        assert answer(worker, 2).text() == "fine"
