"""A whole streamed answer in each provider's wire format, written from its documentation.

Each says "Hello" after thinking "hm" where its provider can, with 7 prompt tokens (2 of them
cached where that is told) and 5 output tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.wire_server import END, Step, chunk, chunked_head, event, event_stream


@dataclass(frozen=True)
class Dialect:
    provider: str
    path: str
    stream: Sequence[Step]
    finish_reason: str
    reasoning: str = "hm"
    cached: int | None = 2
    key_header: str = "authorization"
    key_value: str = "Bearer secret-key"


def _chat(delta: str, finish: str = "null") -> str:
    return (
        '{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        f'[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}'
    )


_USAGE = (
    '{"id":"c1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12,'
    '"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}}'
)
_OPENAI = event_stream(
    _chat('{"role":"assistant","content":"","refusal":null}'),
    _chat('{"reasoning_content":"hm"}'),
    _chat('{"content":"Hel"}'),
    _chat('{"content":"lo"}'),
    _chat("{}", '"stop"'),
    _USAGE,
    "[DONE]",
)
_OPENROUTER = [
    chunked_head(),
    chunk(b": OPENROUTER PROCESSING\n\n"),
    event(_chat('{"reasoning":"hm"}')),
    event(_chat('{"content":"Hello"}')),
    event(_chat("{}", '"stop"')),
    event(_USAGE),
    event("[DONE]"),
    END,
]
_MISTRAL = event_stream(
    _chat(
        '{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}'
    ),
    _chat('{"content":[{"type":"text","text":"Hel"}]}'),
    '{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}',
    "[DONE]",
)
_RESPONSES = [
    chunked_head(),
    *(
        event(data, name)
        for name, data in (
            (
                "response.created",
                '{"type":"response.created","response":{"id":"r1","model":"m","status":"in_progress","output":[]}}',
            ),
            (
                "response.output_item.added",
                '{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning"}}',
            ),
            (
                "response.reasoning_summary_text.delta",
                '{"type":"response.reasoning_summary_text.delta","delta":"hm","output_index":0}',
            ),
            ("response.output_text.delta", '{"type":"response.output_text.delta","delta":"Hel"}'),
            ("response.output_text.delta", '{"type":"response.output_text.delta","delta":"lo"}'),
            ("response.output_text.done", '{"type":"response.output_text.done","text":"Hello"}'),
            (
                "response.completed",
                (
                    '{"type":"response.completed","response":{"id":"r1","model":"m","status":"completed",'
                    '"output":[],"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":2},'
                    '"output_tokens":5,"output_tokens_details":{"reasoning_tokens":1}}}}'
                ),
            ),
        )
    ),
    END,
]
_ANTHROPIC = [
    chunked_head(),
    *(
        event(data, name)
        for name, data in (
            (
                "message_start",
                (
                    '{"type":"message_start","message":{"id":"a1","type":"message","role":"assistant","model":"m",'
                    '"content":[],"stop_reason":null,"usage":{"input_tokens":5,"cache_read_input_tokens":2,'
                    '"cache_creation_input_tokens":0,"output_tokens":1}}}'
                ),
            ),
            (
                "content_block_start",
                '{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}',
            ),
            ("ping", '{"type":"ping"}'),
            (
                "content_block_delta",
                '{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}',
            ),
            (
                "content_block_delta",
                '{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"x"}}',
            ),
            ("content_block_stop", '{"type":"content_block_stop","index":0}'),
            (
                "content_block_delta",
                '{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hel"}}',
            ),
            (
                "content_block_delta",
                '{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"lo"}}',
            ),
            (
                "message_delta",
                (
                    '{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
                    '"usage":{"output_tokens":5}}'
                ),
            ),
            ("message_stop", '{"type":"message_stop"}'),
        )
    ),
    END,
]
_GEMINI = event_stream(
    '{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"},"index":0}],'
    '"usageMetadata":{"promptTokenCount":7},"modelVersion":"m","responseId":"g1"}',
    '{"candidates":[{"content":{"parts":[{"text":"Hel"}],"role":"model"}}],"responseId":"g1"}',
    '{"candidates":[{"content":{"parts":[{"text":"lo"}],"role":"model"},"finishReason":"STOP"}],'
    '"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":4,"thoughtsTokenCount":1,'
    '"cachedContentTokenCount":2,"totalTokenCount":12},"responseId":"g1"}',
)
_COHERE = [
    chunked_head(),
    *(
        event(data, name)
        for name, data in (
            (
                "message-start",
                '{"type":"message-start","id":"h1","delta":{"message":{"role":"assistant","content":[],"tool_calls":[]}}}',
            ),
            (
                "content-start",
                '{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}',
            ),
            (
                "content-delta",
                '{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hm"}}}}',
            ),
            (
                "content-delta",
                '{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"Hel"}}}}',
            ),
            (
                "content-delta",
                '{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"lo"}}}}',
            ),
            ("content-end", '{"type":"content-end","index":1}'),
            (
                "message-end",
                (
                    '{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":'
                    '{"input_tokens":5,"output_tokens":5},"tokens":{"input_tokens":7,"output_tokens":5},'
                    '"cached_tokens":2}}}'
                ),
            ),
        )
    ),
    END,
]
_OLLAMA = [
    chunked_head("application/x-ndjson"),
    *(
        chunk(line.encode() + b"\n")
        for line in (
            '{"model":"m","created_at":"t","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}',
            '{"model":"m","created_at":"t","message":{"role":"assistant","content":"Hel"},"done":false}',
            '{"model":"m","created_at":"t","message":{"role":"assistant","content":"lo"},"done":false}',
            (
                '{"model":"m","created_at":"t","message":{"role":"assistant","content":""},"done":true,'
                '"done_reason":"stop","total_duration":9000000,"load_duration":1000000,"prompt_eval_count":7,'
                '"prompt_eval_duration":2000000,"eval_count":5,"eval_duration":3000000}'
            ),
        )
    ),
    END,
]

DIALECTS = (
    Dialect("openai_compatible", "/chat/completions", _OPENAI, "stop"),
    Dialect("openai_compatible", "/chat/completions", _OPENROUTER, "stop"),
    Dialect("velocity_local", "/chat/completions", _OPENAI, "stop"),
    Dialect("llama_cpp", "/chat/completions", _OPENAI, "stop"),
    Dialect("openai", "/chat/completions", _OPENAI, "stop"),
    Dialect("mistral", "/chat/completions", _MISTRAL, "stop", cached=None),
    Dialect("openai_responses", "/responses", _RESPONSES, "completed"),
    Dialect(
        "anthropic",
        "/messages",
        _ANTHROPIC,
        "end_turn",
        key_header="x-api-key",
        key_value="secret-key",
    ),
    Dialect(
        "gemini",
        "/models/m:streamGenerateContent?alt=sse",
        _GEMINI,
        "STOP",
        key_header="x-goog-api-key",
        key_value="secret-key",
    ),
    Dialect("cohere", "/chat", _COHERE, "COMPLETE"),
    Dialect("ollama", "/api/chat", _OLLAMA, "stop", cached=None),
)
