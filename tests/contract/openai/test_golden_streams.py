"""Streams byte for byte."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tests.support.asgi import Answer, call
from tests.support.scripted import Stage, finished
from velocity_local.core.errors import ContextOverflow, ErrorInfo, QueueFull, WorkerCrashed
from velocity_local.core.events import (
    Delta,
    EngineTimings,
    Event,
    Failed,
    Finished,
    Started,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)

CHAT = "/v1/chat/completions"
HEAD = (
    'data: {"id":"ID","object":"chat.completion.chunk","created":0,"model":"demo",'
    '"system_fingerprint":"fp_0123456789ab","choices":['
)
NO_USAGE = '"usage":null'
DONE = "data: [DONE]\n\n"


async def ask(events: Sequence[Any], path: str = CHAT, **fields: object) -> Answer:
    stage = Stage(lambda _: events)
    prompt = {"prompt": "a"} if path == "/v1/completions" else None
    messages = {"messages": [{"role": "user", "content": "hi"}]}
    body = {"model": "demo", "stream": True, **(prompt or messages), **fields}
    return await call(stage.app(), "POST", path, body=msgspec.json.encode(body))


def normal(answer: Answer) -> str:
    """The body with its id and time taken out."""
    text = answer.body.decode()
    text = re.sub(r'"id":"(chatcmpl|cmpl)-[0-9a-z]+"', '"id":"ID"', text)
    return re.sub(r'"created":\d+', '"created":0', text)


def chunk(delta: str, *, index: int = 0, finish: str = "null", logprobs: str = "null") -> str:
    return (
        f'{HEAD}{{"index":{index},"delta":{delta},"logprobs":{logprobs},'
        f'"finish_reason":{finish}}}]}}\n\n'
    )


BEGIN = '{"role":"assistant","content":"","refusal":null}'


async def test_plain_text() -> None:
    events: list[Event] = [
        Started(0, 5, 0),
        Delta(0, (1,), text='Say "hé"\n'),
        Delta(0, (2,)),
        Delta(0, (3,), text="\u2028</script>"),
        finished(reason="length"),
    ]
    answer = await ask(events)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert normal(answer) == (
        chunk(BEGIN)
        + chunk('{"content":"Say \\"hé\\"\\n"}')
        + chunk('{"content":"\u2028</script>"}')
        + chunk("{}", finish='"length"')
        + DONE
    )


async def test_usage_comes_last_and_null_before() -> None:
    events: list[Event] = [
        Started(0, 5, 0),
        Delta(0, (1,), text="a"),
        finished(prompt=5, completion=2, cached=4, reasoning=1),
    ]
    options = {"include_usage": True}
    body = normal(await ask(events, stream_options=options))
    assert body.count(NO_USAGE) == 3
    assert body.endswith(
        HEAD + '],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,'
        '"prompt_tokens_details":{"cached_tokens":4},'
        '"completion_tokens_details":{"reasoning_tokens":1}}}\n\n' + DONE
    )


async def test_reasoning_then_text_then_calls_in_one_event() -> None:
    calls = (ToolCallDelta(0, "call_1", "look_up", '{"a'), ToolCallDelta(0, None, None, '":1}'))
    events: list[Event] = [
        Delta(0, (1,), reasoning="hm"),
        Delta(0, (1, 2, 3), reasoning="so", text="well", tool_calls=calls),
        finished(reason="tool_calls"),
    ]
    assert normal(await ask(events)) == (
        chunk(BEGIN)
        + chunk('{"reasoning_content":"hm"}')
        + chunk('{"reasoning_content":"so"}')
        + chunk('{"content":"well"}')
        + chunk(
            '{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":'
            '{"arguments":"{\\"a","name":"look_up"}},'
            '{"index":0,"function":{"arguments":"\\":1}"}}]}'
        )
        + chunk("{}", finish='"tool_calls"')
        + DONE
    )


async def test_logprobs_ride_along() -> None:
    token = TokenLogprob(7, b"\xe2\x82", -0.25, ((7, b"\xe2\x82", -0.25), (8, b"x", -float("inf"))))
    events: list[Event] = [Delta(0, (7,), logprobs=(token,)), finished()]
    logprobs = (
        '{"content":[{"token":"\ufffd","logprob":-0.25,"bytes":[226,130],"top_logprobs":['
        '{"token":"\ufffd","logprob":-0.25,"bytes":[226,130]},'
        '{"token":"x","logprob":-9999.0,"bytes":[120]}]}],"refusal":null}'
    )
    body = normal(await ask(events, logprobs=True, top_logprobs=2))
    assert chunk('{"content":""}', logprobs=logprobs) in body


async def test_choices_are_told_apart() -> None:
    events: list[Event] = [
        Started(0, 5, 0),
        Started(1, 5, 5),
        Delta(1, (1,), text="b"),
        Delta(0, (1,), text="a"),
        finished(1, cached=5),
        finished(0),
    ]
    body = normal(await ask(events, n=2))
    assert body == (
        chunk(BEGIN)
        + chunk(BEGIN, index=1)
        + chunk('{"content":"b"}', index=1)
        + chunk('{"content":"a"}')
        + chunk("{}", index=1, finish='"stop"')
        + chunk("{}", finish='"stop"')
        + DONE
    )


async def test_padding_levels_the_length_of_chunks() -> None:
    events: list[Event] = [
        *(Delta(0, (1,), text="a" * n) for n in range(1, 9)),
        finished(),
    ]
    answer = await ask(events, stream_options={"include_obfuscation": True})
    lines = [line for line in answer.body.split(b"\n\n") if b'"content":"a' in line]
    assert len(lines) == 8
    assert len({len(line) for line in lines}) == 1
    assert all(b'"obfuscation":"' in line for line in lines)


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
async def test_timings_count_every_token_also_where_text_is_held_back(path: str) -> None:
    events: list[Event] = [
        Started(0, 5, 2),
        Delta(0, (1,), text="a"),
        Delta(0, (2,)),
        Delta(0, (3, 4), text="bc"),
        finished(prompt=5, completion=4, cached=2),
    ]
    told = [
        document["timings"]
        for line in (await ask(events, path, timings_per_token=True)).body.decode().split("\n\n")
        if "timings" in (document := msgspec.json.decode(line[6:] or b"{}") if "{" in line else {})
    ]
    assert [each["predicted_n"] for each in told if each["predicted_n"]] == [1, 4, 4]
    assert {(each["prompt_n"], each["cache_n"]) for each in told} == {(3, 2)}
    times = [each["predicted_ms"] for each in told]
    assert times == sorted(times)
    assert (told[-1]["queue_ms"], told[-1]["prompt_ms"]) == (1.0, 2.0)
    assert "queue_ms" not in told[0]
    assert "draft_n" not in told[-1]


async def test_timings_tell_what_was_guessed() -> None:
    timings = EngineTimings(1.0, 2.0, 3.0, drafted_tokens=9, accepted_tokens=4)
    events: list[Event] = [
        Started(0, 5, 0),
        Delta(0, (1,), text="a"),
        Finished(0, "stop", Usage(5, 1), timings),
    ]
    body = (await ask(events, CHAT, timings_per_token=True)).body.decode()
    assert body.count('"draft_n":9,"draft_n_accepted":4') == 1


async def test_completion_chunks() -> None:
    events: list[Event] = [Started(0, 1, 0), Delta(0, (1,), text="on"), finished()]
    head = (
        'data: {"id":"ID","object":"text_completion","created":0,"model":"demo",'
        '"system_fingerprint":"fp_0123456789ab","choices":['
    )
    assert normal(await ask(events, "/v1/completions")) == (
        head
        + '{"text":"on","index":0,"logprobs":null,"finish_reason":null}]}\n\n'
        + head
        + '{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}]}\n\n'
        + DONE
    )


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
async def test_an_error_in_the_middle_is_the_last_event(path: str) -> None:
    failed = Failed(0, ErrorInfo("worker_crashed", "the worker died"))
    answer = await ask([Delta(0, (1,), text="a"), failed, finished()], path)
    assert answer.status == 200
    assert normal(answer).endswith(
        'data: {"error":{"message":"the worker died","type":"server_error","param":null,'
        '"code":"worker_crashed"}}\n\n'
    )


async def test_an_unforeseen_fault_in_the_middle_is_told_without_its_detail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        index = 0

    answer = await ask([Delta(0, (1,), text="a"), Broken(), object()])
    assert '"code":"internal_error"' in normal(answer)
    assert "[DONE]" not in normal(answer)
    assert "has no attribute" in caplog.text


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
async def test_an_error_before_the_first_event_has_its_own_status(
    path: str, *, stream: bool
) -> None:
    overflow = ContextOverflow(
        "prompt is 9 tokens; demo holds 8", details={"n_prompt_tokens": 9, "n_ctx": 8}
    )
    for steps in ([overflow], [Failed(0, overflow.info())]):
        answer = await ask(steps, path, stream=stream)
        assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")
        assert answer.error["details"] == {"n_prompt_tokens": 9, "n_ctx": 8}


async def test_a_full_queue_says_when_to_come_back() -> None:
    answer = await ask([QueueFull("full", retry_after_s=2.5)])
    assert (answer.status, answer.headers["retry-after"]) == (429, "3")
    assert answer.error["type"] == "rate_limit_error"


async def test_one_failed_prompt_fails_the_whole_request() -> None:
    answer = await ask(
        [WorkerCrashed("gone")], "/v1/completions", stream=False, prompt=["a", "b", "c"]
    )
    assert (answer.status, answer.error["code"]) == (503, "worker_crashed")
