"""A well-formed value for every field, as a client would send it."""

import math
from typing import Any

MESSAGES = [{"role": "user", "content": "hi"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
}

BASES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "demo", "messages": MESSAGES},
    "/v1/completions": {"model": "demo", "prompt": "once"},
    "/v1/embeddings": {"model": "demo", "input": "once"},
    "/tokenize": {"model": "demo", "content": "once"},
    "/detokenize": {"model": "demo", "tokens": [104, 105]},
    "/apply-template": {"model": "demo", "messages": MESSAGES},
}

# a value other than the default, and what must stand beside it
SAMPLES: dict[str, Any] = {
    "model": "org/name/file",
    "messages": [{"role": "system", "content": "be brief"}, *MESSAGES],
    "prompt": ["once", "twice"],
    "input": [[1, 2, 3], [4]],
    "temperature": 0.25,
    "top_p": 0.5,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "seed": 7,
    "logit_bias": {"17": -100},
    "stop": ["END"],
    "max_tokens": 7,
    "max_completion_tokens": 7,
    "n": 2,
    "stream": True,
    "stream_options": {"include_usage": True},
    "logprobs": True,
    "top_logprobs": 2,
    "tools": [TOOL],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
    "verbosity": "low",
    "modalities": ["text", "audio"],
    "audio": {"format": "wav", "voice": "alloy"},
    "functions": [{"name": "look_up"}],
    "function_call": "auto",
    "prediction": {"type": "content", "content": "hi"},
    "moderation": {"model": "omni-moderation-latest"},
    "web_search_options": {},
    "metadata": {"key": "value"},
    "store": True,
    "service_tier": "flex",
    "safety_identifier": "abc",
    "prompt_cache_key": "abc",
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
    "prompt_cache_retention": "24h",
    "user": "somebody",
    "best_of": 1,
    "echo": True,
    "suffix": "the end",
    "encoding_format": "base64",
    "dimensions": 2,
    "top_k": 3,
    "min_p": 0.2,
    "typical_p": 0.5,
    "top_n_sigma": 1.5,
    "xtc_probability": 0.5,
    "xtc_threshold": 0.2,
    "dynatemp_range": 0.5,
    "dynatemp_exponent": 2.0,
    "repeat_last_n": 32,
    "repeat_penalty": 1.5,
    "dry_multiplier": 0.8,
    "dry_base": 2.0,
    "dry_allowed_length": 3,
    "dry_penalty_last_n": 128,
    "dry_sequence_breakers": ["|"],
    "mirostat": 2,
    "mirostat_tau": 4.0,
    "mirostat_eta": 0.2,
    "ignore_eos": True,
    "cache_prompt": False,
    "grammar": "root ::= x",
    "json_schema": {"type": "object"},
    "structured_outputs": {"choice": ["yes", "no"]},
    "chat_template_kwargs": {"enable_thinking": False},
}

BESIDE: dict[str, dict[str, Any]] = {
    "stream_options": {"stream": True},
    "top_logprobs": {"logprobs": True},
    "tool_choice": {"tools": [TOOL]},
}

SAMPLES_OF_COMPLETIONS = {"logprobs": 2}

# raw JSON, since much of it is none
HOSTILE: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "one": b"1",
    "minus one": b"-1",
    "half": b"0.5",
    "2^31": b"2147483648",
    "2^63": b"9223372036854775808",
    "10^4000": b"1" + b"0" * 4000,
    "10^5000": b"1" + b"0" * 5000,
    "1e999": b"1e999",
    "-1e999": b"-1e999",
    "smallest": repr(math.ulp(0.0)).encode(),
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"-Infinity",
    "empty text": b'""',
    "word": b'"word"',
    "1 MB": b'"' + b"a" * 1_000_000 + b'"',
    "U+0000": b'"\\u0000"',
    "lone surrogate": b'"\\ud800"',
    "bad utf-8": b'"\xff"',
    "right-to-left override": '"\u202e"'.encode(),
    "empty object": b"{}",
    "empty array": b"[]",
    "object": b'{"a": 1, "type": "text"}',
    "array of texts": b'["a", ""]',
    "array of numbers": b"[1, -1, 2147483648]",
    "array of nulls": b"[null]",
    "array of objects": b'[{"type": "function"}, {"role": "user"}]',
    "mixed array": b'["a", 1, []]',
    "depth 40": b"[" * 40 + b"]" * 40,
    "depth 10000": b"[" * 10_000 + b"]" * 10_000,
    "unfinished": b"[1",
}
# no JSON text: the answer names a byte, a limit or the field
MALFORMED = frozenset(
    {
        "NaN",
        "Infinity",
        "-Infinity",
        "lone surrogate",
        "bad utf-8",
        "depth 10000",
        "unfinished",
    }
)
