"""Events of a streamed chat answer, as the API sends them."""

import json


def chunk(
    delta: dict[str, object] | None = None,
    finish: str | None = None,
    usage: dict[str, object] | None = None,
) -> str:
    """One event; without `delta` and `finish` the one that only counts tokens."""
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "demo",
            "system_fingerprint": "f",
            "choices": choices if delta is not None or finish is not None else [],
            "usage": usage,
        }
    )


USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 2,
    "total_tokens": 11,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 0},
}


def answer(*texts: str) -> list[str]:
    """All events of an answer made of `texts`."""
    pieces = [chunk({"content": text}) for text in texts]
    return [
        chunk({"role": "assistant"}),
        *pieces,
        chunk(finish="stop"),
        chunk(usage=USAGE),
        "[DONE]",
    ]
