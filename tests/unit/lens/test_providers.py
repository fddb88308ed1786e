# ruff: noqa: E501 - documents as they come over the wire
"""Every provider's dialect over a real socket: what is sent, and what is read from the answer."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.wire_server import Step, chunk, chunked_head, event_stream, json_answer
from tests.unit.lens.asking import HELLO, ask
from tests.unit.lens.dialects import DIALECTS, Dialect
from velocity_local.lens.asks import Ask, Chat, Embed, Temperature, Text, Tool, Turn
from velocity_local.lens.providers.port import NotOffered
from velocity_local.lens.providers.refusals import refusal, retry_after
from velocity_local.lens.providers.registry import PROVIDERS, UnknownProvider, provider_named

EACH = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.provider)
TOOL = Tool("look_up", "Finds.", {"type": "object", "properties": {"x": {"type": "string"}}})
FULL = Ask(
    input=Chat((Turn("system", "Be brief."), Turn("user", "Hi")), (TOOL,)),
    max_tokens=9,
    temperature=0.5,
    seed=3,
)


def body_of(request: Any) -> dict[str, Any]:
    return dict(json.loads(request.body))


@EACH
async def test_an_answer_is_read(dialect: Dialect) -> None:
    seen, _ = await ask(lambda _: dialect.stream, dialect.provider)
    assert seen.fault is None
    assert seen.text() == "Hello"
    assert seen.text("reasoning") == dialect.reasoning
    assert (seen.counts.prompt, seen.counts.completion) == (7, 5)
    assert seen.counts.cached == dialect.cached
    assert seen.finish_reason == dialect.finish_reason


@EACH
async def test_reasoning_comes_before_output(dialect: Dialect) -> None:
    seen, _ = await ask(lambda _: dialect.stream, dialect.provider)
    assert seen.first_s is not None
    assert seen.first_output_s is not None
    assert seen.first_s <= seen.first_output_s


@EACH
async def test_the_key_is_sent_where_the_provider_wants_it_and_not_shown(dialect: Dialect) -> None:
    _, server = await ask(lambda _: dialect.stream, dialect.provider, key="secret-key")
    request = server.requests[0]
    assert request.headers[dialect.key_header] == dialect.key_value
    assert "secret-key" not in request.path
    assert request.path == dialect.path
    wire = provider_named(dialect.provider).request(HELLO, model="m", key="secret-key")
    assert "secret-key" not in repr(wire)


@EACH
async def test_half_an_answer_is_a_fault(dialect: Dialect) -> None:
    half = [*dialect.stream[:3], b"0\r\n\r\n"]
    seen, _ = await ask(lambda _: half, dialect.provider)
    assert seen.fault is not None
    assert seen.fault.kind == "bad_stream"


SENT: list[tuple[str, dict[str, Any]]] = [
    ("openai", {"max_completion_tokens": 9, "temperature": 0.5, "seed": 3, "stream": True}),
    ("openai", {"stream_options": {"include_usage": True}}),
    ("openai_compatible", {"max_tokens": 9, "seed": 3}),
    ("velocity_local", {"max_tokens": 9, "timings_per_token": True}),
    ("llama_cpp", {"max_tokens": 9, "timings_per_token": True}),
    ("mistral", {"max_tokens": 9, "random_seed": 3}),
    ("openai_responses", {"max_output_tokens": 9, "store": False, "stream": True}),
    ("anthropic", {"max_tokens": 9, "system": "Be brief.", "stream": True}),
    ("anthropic", {"messages": [{"role": "user", "content": "Hi"}]}),
    ("gemini", {"generationConfig": {"maxOutputTokens": 9, "temperature": 0.5, "seed": 3}}),
    ("gemini", {"systemInstruction": {"parts": [{"text": "Be brief."}]}}),
    ("gemini", {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
    ("cohere", {"max_tokens": 9, "seed": 3, "stream": True}),
    ("ollama", {"options": {"num_predict": 9, "temperature": 0.5, "seed": 3}, "stream": True}),
]


@pytest.mark.parametrize(("name", "fields"), SENT, ids=[f"{n}-{next(iter(f))}" for n, f in SENT])
def test_fields_have_the_providers_names(name: str, fields: dict[str, Any]) -> None:
    body = json.loads(provider_named(name).request(FULL, model="m", key=None).body)
    assert {field: body.get(field) for field in fields} == fields


def temperature_of(name: str, temperature: Temperature) -> object:
    """What is sent for it, wherever in the body the provider has it; None if nothing is."""
    ask = Ask(input=HELLO.input, temperature=temperature)
    body = json.loads(provider_named(name).request(ask, model="m", key=None).body)
    places = (body, body.get("options", {}), body.get("generationConfig", {}))
    return next((place["temperature"] for place in places if "temperature" in place), None)


@pytest.mark.parametrize("name", PROVIDERS)
def test_answers_are_greedy_where_every_model_can_be_asked_for_it(name: str) -> None:
    refuse_the_field = {"openai", "openai_responses", "anthropic"}
    assert temperature_of(name, None) == (None if name in refuse_the_field else 0.0)
    assert temperature_of(name, 0.0) == 0.0
    assert temperature_of(name, 0.7) == 0.7
    assert temperature_of(name, "default") is None


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_tool_is_offered(name: str) -> None:
    body = provider_named(name).request(FULL, model="m", key=None).body
    assert b"look_up" in body
    assert b"properties" in body


@pytest.mark.parametrize("name", PROVIDERS)
def test_extra_fields_go_into_the_body(name: str) -> None:
    ask = Ask(input=HELLO.input, extra={"service_tier": "flex"})
    body = json.loads(provider_named(name).request(ask, model="m", key=None).body)
    assert body["service_tier"] == "flex"


EMBEDDING_ANSWERS = {
    "openai": '{"data":[{"embedding":[0.1,0.2]},{"embedding":[0.3,0.4]}],"model":"m","usage":{"prompt_tokens":4}}',
    "cohere": '{"id":"e","embeddings":{"float":[[0.1,0.2],[0.3,0.4]]}}',
    "gemini": '{"embeddings":[{"values":[0.1,0.2]},{"values":[0.3,0.4]}]}',
    "ollama": '{"model":"m","embeddings":[[0.1,0.2],[0.3,0.4]],"prompt_eval_count":4}',
}


@pytest.mark.parametrize("name", EMBEDDING_ANSWERS)
async def test_embeddings_are_read(name: str) -> None:
    embed = Ask(input=Embed(("a", "b")), stream=False)
    seen, _ = await ask(lambda _: [json_answer(EMBEDDING_ANSWERS[name])], name, embed)
    assert seen.fault is None
    assert seen.vectors is not None
    assert (seen.vectors.count, seen.vectors.dimensions) == (2, 2)


@pytest.mark.parametrize("name", ["anthropic", "openai_responses"])
def test_what_a_provider_has_not_is_told(name: str) -> None:
    with pytest.raises(NotOffered):
        provider_named(name).request(Ask(input=Embed(("a",))), model="m", key=None)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_bare_text_can_be_asked_of_every_provider(name: str) -> None:
    request = provider_named(name).request(Ask(input=Text("Once")), model="m", key=None)
    assert b"Once" in request.body


TOOL_STREAMS: list[tuple[str, list[Step]]] = [
    (
        "openai",
        event_stream(
            '{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":""}}]}}]}',
            '{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"x\\":1}"}}]}}]}',
            '{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}',
        ),
    ),
    (
        "anthropic",
        event_stream(
            '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"f","input":{}}}',
            '{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{\\"x\\":1}"}}',
            '{"type":"message_delta","delta":{"stop_reason":"tool_use"}}',
        ),
    ),
    (
        "gemini",
        event_stream(
            '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"x":1}}}]},"finishReason":"STOP"}]}'
        ),
    ),
    (
        "cohere",
        event_stream(
            '{"type":"tool-call-start","delta":{"message":{"tool_calls":{"function":{"name":"f","arguments":""}}}}}',
            '{"type":"tool-call-delta","delta":{"message":{"tool_calls":{"function":{"arguments":"{\\"x\\":1}"}}}}}',
            '{"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}',
        ),
    ),
]


@pytest.mark.parametrize(("name", "steps"), TOOL_STREAMS, ids=[n for n, _ in TOOL_STREAMS])
async def test_a_tool_call_is_output(name: str, steps: list[Step]) -> None:
    seen, _ = await ask(lambda _: steps, name)
    assert seen.fault is None
    assert seen.text("tool") == 'f{"x":1}'
    assert seen.first_output_s is not None


async def test_ollamas_tool_call_and_times() -> None:
    lines = (
        '{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]},"done":false}',
        '{"message":{"content":""},"done":true,"load_duration":1000000,"prompt_eval_duration":2000000,"eval_duration":3000000}',
    )
    steps = [chunked_head("application/x-ndjson"), *(chunk(x.encode() + b"\n") for x in lines)]
    seen, _ = await ask(lambda _: [*steps, b"0\r\n\r\n"], "ollama")
    assert seen.text("tool") == 'f{"x":1}'
    assert (seen.times.load_ms, seen.times.prefill_ms, seen.times.decode_ms) == (1, 2, 3)


async def test_velocity_local_tells_each_tokens_time_and_where_its_own_went() -> None:
    def at(n: int, ms: float, more: str = "") -> str:
        timings = f'{{"predicted_n":{n},"predicted_ms":{ms},"prompt_n":3,"cache_n":0{more}}}'
        return f'{{"choices":[{{"delta":{{"content":"x"}}}}],"timings":{timings}}}'

    last = (
        '{"choices":[{"delta":{},"finish_reason":"stop"}],"timings":{"predicted_n":4,"predicted_ms":60,'
        '"queue_ms":1.5,"prompt_ms":20.5}}'
    )
    steps = event_stream(at(1, 0), at(2, 10), at(4, 60), last)
    seen, _ = await ask(lambda _: steps, "velocity_local")
    assert seen.token_gaps_ms() == [10, 25, 25]
    assert (seen.times.queue_ms, seen.times.prefill_ms) == (1.5, 20.5)


EVENT_FAULTS = [
    ("openai", '{"error":{"message":"boom","code":"server_error"}}'),
    ("openai_responses", '{"type":"error","message":"boom","code":"server_error"}'),
    (
        "openai_responses",
        '{"type":"response.failed","response":{"status":"failed","error":{"message":"boom"}}}',
    ),
    ("anthropic", '{"type":"error","error":{"type":"overloaded_error","message":"boom"}}'),
    ("gemini", '{"error":{"code":503,"message":"boom","status":"UNAVAILABLE"}}'),
    ("cohere", '{"type":"message-end","delta":{"finish_reason":"ERROR","error":"boom"}}'),
]


@pytest.mark.parametrize(("name", "data"), EVENT_FAULTS)
async def test_an_error_inside_a_stream_is_read(name: str, data: str) -> None:
    seen, _ = await ask(lambda _: event_stream(data), name)
    assert seen.fault is not None
    assert (seen.fault.kind, seen.fault.message) == ("server_error_event", "boom")


async def test_ollamas_error_inside_a_stream_is_read() -> None:
    steps = [chunked_head("application/x-ndjson"), chunk(b'{"error":"boom"}\n'), b"0\r\n\r\n"]
    seen, _ = await ask(lambda _: steps, "ollama")
    assert seen.fault is not None
    assert (seen.fault.kind, seen.fault.message) == ("server_error_event", "boom")


REFUSALS = [
    (
        "openai",
        429,
        '{"error":{"message":"slow","type":"requests","code":"rate_limit_exceeded"}}',
        "rate_limit_exceeded",
    ),
    (
        "anthropic",
        529,
        '{"type":"error","error":{"type":"overloaded_error","message":"slow"}}',
        "overloaded_error",
    ),
    (
        "gemini",
        429,
        '[{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}]',
        "RESOURCE_EXHAUSTED",
    ),
    ("cohere", 400, '{"message":"slow"}', None),
    ("mistral", 422, '{"detail":[{"loc":["body"],"msg":"slow"}]}', None),
    ("ollama", 404, '{"error":"slow"}', None),
    ("openai_compatible", 500, "<html>slow</html>", None),
]


@pytest.mark.parametrize(("name", "status", "body", "code"), REFUSALS)
async def test_a_refusal_is_read(name: str, status: int, body: str, code: str | None) -> None:
    seen, _ = await ask(lambda _: [json_answer(body, f"{status} No", "Retry-After: 7")], name)
    fault = seen.fault
    assert fault is not None
    assert fault.kind == ("rate_limit" if status == 429 else "http_status")
    assert (fault.status, fault.code, fault.retry_after_s) == (status, code, 7)
    assert "slow" in fault.message


def test_an_error_page_that_has_no_end_is_cut() -> None:
    fault = refusal(500, {}, b"x" * 1_000_000)
    assert len(fault.message) < 500


def test_an_error_message_cannot_move_the_terminals_cursor() -> None:
    fault = refusal(500, {}, b'{"error":"\\u001b[2J"}')
    assert "\x1b" not in fault.message


NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_geminis_delay_is_in_its_body() -> None:
    body = b'{"error":{"message":"x","details":[{"retryDelay":"17s"}]}}'
    assert refusal(429, {}, body).retry_after_s == 17


def test_a_wrong_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownProvider, match="anthropic"):
        provider_named("antropic")
