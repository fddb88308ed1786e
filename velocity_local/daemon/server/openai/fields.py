"""What becomes of every field of OpenAI's request schemas. Data: enforced by `check`, tested
against the official client's own types, and printed as docs/openai-fields.md.
"""

import enum

import msgspec

from velocity_local.core.errors import UnsupportedField


class Effect(enum.Enum):
    """The honest things to do with a field."""

    HONOURED = "honoured"
    IN_PART = "honoured in part, other values refused"
    NO_EFFECT = "accepted, has no effect here"
    REFUSED = "refused"


class Field(msgspec.Struct, frozen=True):
    """A field and its fate. `only` lists the values that are taken; null always is."""

    name: str
    effect: Effect
    note: str = ""
    only: tuple[object, ...] = ()


def check(body: msgspec.Struct, fields: tuple[Field, ...]) -> None:
    """Refuse what the table refuses.

    Raises:
        UnsupportedField: naming the first such field.
    """
    for field in fields:
        if field.effect not in (Effect.REFUSED, Effect.IN_PART):
            continue
        value = getattr(body, field.name)
        if value is not None and value not in field.only:
            raise UnsupportedField(
                f"{field.name} is not supported with this value: {field.note}", param=field.name
            )


def _honoured(name: str, note: str = "") -> Field:
    return Field(name, Effect.HONOURED, note)


def _unused(name: str, note: str) -> Field:
    return Field(name, Effect.NO_EFFECT, note)


def _only(name: str, values: tuple[object, ...], note: str) -> Field:
    return Field(name, Effect.IN_PART, note, values)


def _refused(name: str, note: str, *neutral: object) -> Field:
    return Field(name, Effect.REFUSED, note, neutral)


_COMMON = (
    _honoured("model", "unknown names: 404 with near names"),
    _honoured("temperature", "0 to 100; 0 is greedy"),
    _honoured("top_p", "0 to 1"),
    _honoured("frequency_penalty", "-2 to 2"),
    _honoured("presence_penalty", "-2 to 2"),
    _honoured("seed", "0 to 4294967295"),
    _honoured("logit_bias", "token id to -100…100, at most 1024 entries"),
    _honoured("stop", "a text or up to 16 of them, each up to 1024 characters"),
    _honoured("n", "1 to 8; the prompt is computed once"),
    _honoured("stream"),
    _honoured("stream_options", "include_usage and include_obfuscation; needs stream: true"),
    _unused("user", "there is one user"),
)

_EXTENSIONS = (
    _honoured("top_k", "0 or -1: off"),
    _honoured("min_p"),
    _honoured("typical_p"),
    _honoured("top_n_sigma"),
    _honoured("xtc_probability"),
    _honoured("xtc_threshold"),
    _honoured("dynatemp_range"),
    _honoured("dynatemp_exponent"),
    _honoured("repeat_last_n"),
    _honoured("repeat_penalty"),
    _honoured("dry_multiplier"),
    _honoured("dry_base"),
    _honoured("dry_allowed_length"),
    _honoured("dry_penalty_last_n"),
    _honoured("dry_sequence_breakers", "up to 32 texts of up to 64 characters"),
    _honoured("mirostat", "0, 1 or 2"),
    _honoured("mirostat_tau"),
    _honoured("mirostat_eta"),
    _honoured("ignore_eos"),
    _only("cache_prompt", (True,), "prefixes are always shared"),
    _honoured(
        "timings_per_token",
        "as llama.cpp's server has it: each chunk tells how many tokens there are and when the "
        "last was made; needs stream: true",
    ),
    _honoured("grammar", "llama.cpp's GBNF, or Lark as llguidance reads it; enforced"),
    _honoured("json_schema", "as llama.cpp's server has it: the answer is JSON of this schema"),
    _honoured(
        "structured_outputs",
        "as vLLM has it: one of json, regex, choice, grammar and json_object; enforced",
    ),
)

CHAT = (
    _honoured(
        "messages",
        "text as a string or as parts; image, audio and file parts are refused; a last message "
        "of the assistant is continued",
    ),
    *_COMMON,
    _honoured("max_tokens", "1 or more; without it, until the model ends or the context is full"),
    _honoured("max_completion_tokens", "the newer name of max_tokens"),
    _honoured("logprobs"),
    _honoured("top_logprobs", "0 to 20; needs logprobs: true"),
    _honoured(
        "tools",
        "up to 128 functions",
    ),
    _honoured("tool_choice", "none, auto, required, a function or allowed_tools; enforced"),
    _honoured("parallel_tool_calls", "false: one call at most; enforced"),
    _honoured(
        "response_format",
        "text, json_object or json_schema; enforced after the reasoning, strict or not; a keyword "
        "of the schema that cannot be enforced is refused by name",
    ),
    _honoured(
        "reasoning_effort",
        "in the template's own words, or by a budget where it has none; none: off; refused if the "
        "model cannot reason, or cannot stop",
    ),
    _honoured("reasoning_budget_tokens", "as llama.cpp's server has it; enforced; -1: none"),
    _honoured("thinking_budget_tokens", "the same, by llama.cpp's other name"),
    _honoured("thinking_token_budget", "the same, by vLLM's name"),
    _only("verbosity", ("medium",), "there is no way to steer it"),
    _only("modalities", (["text"],), "text is what comes out"),
    _refused("audio", "text is what comes out"),
    _refused("functions", "deprecated by OpenAI; use tools", []),
    _refused("function_call", "deprecated by OpenAI; use tool_choice"),
    _unused("prediction", "a hint for speed; the answer is the same"),
    _refused("moderation", "there is no moderation model"),
    _refused("web_search_options", "this server never goes to the network"),
    _unused("metadata", "checked (16 pairs, 64 and 512 characters), then dropped"),
    _only("store", (False,), "answers are not kept for retrieval"),
    _only("service_tier", ("auto", "default"), "there is one tier"),
    _unused("safety_identifier", "there is one user"),
    _unused("prompt_cache_key", "equal prefixes are always found"),
    _unused("prompt_cache_options", "equal prefixes are always found"),
    _unused("prompt_cache_retention", "equal prefixes are kept while there is room"),
    *_EXTENSIONS,
    _honoured(
        "chat_template_kwargs",
        "up to 16 scalars; what the template does not read is refused by name",
    ),
)

COMPLETIONS = (
    _honoured("prompt", "a text, texts, token ids, or lists of them; up to 128 choices in all"),
    *_COMMON,
    _honoured("max_tokens", "1 or more; 16 without it, as OpenAI documents"),
    _honoured("echo", "not together with logprobs"),
    _honoured("logprobs", "0 to 20"),
    _honoured("best_of", "equal to n, else refused: candidates are not ranked"),
    _refused("suffix", "filling in the middle is not built yet", ""),
    *_EXTENSIONS,
)

EMBEDDINGS = (
    _honoured("model", "unknown names: 404 with near names"),
    _honoured("input", "a text, texts, token ids, or lists of them; up to 2048"),
    _honoured("encoding_format", "float or base64"),
    _honoured("dimensions", "the first so many, normalised again"),
    _unused("user", "there is one user"),
)

INSIDE = (
    _only(
        "messages[].role",
        ("system", "developer", "user", "assistant", "tool"),
        "function is deprecated by OpenAI; use tool",
    ),
    _honoured(
        "messages[].content",
        "a text, or parts: joined as the template does, else by newlines",
    ),
    _only(
        "messages[].content[].type",
        ("text", "refusal"),
        "image_url, input_audio and file need a model that takes them; refusal is the assistant's",
    ),
    _unused("messages[].content[].prompt_cache_breakpoint", "equal prefixes are always found"),
    _honoured("messages[].name", "handed to the template"),
    _honoured("messages[].refusal", "what the assistant said, if content is null"),
    _honoured("messages[].reasoning_content", "what the assistant thought; not in OpenAI's API"),
    _honoured("messages[].tool_calls", "functions; custom calls are refused"),
    _honoured("messages[].tool_call_id"),
    _refused("messages[].audio", "text is what comes out"),
    _refused("messages[].function_call", "deprecated by OpenAI; use tool_calls"),
    _unused("messages[].annotations", "come back with answers of OpenAI's; not for the model"),
    _honoured("tools[].function.name", "letters, digits, _ and -, up to 64"),
    _honoured("tools[].function.description"),
    _honoured("tools[].function.parameters"),
    _honoured(
        "tools[].function.strict",
        "arguments keep to the schema either way; true refuses a schema that cannot be enforced",
    ),
    _refused("tools[].custom", "use functions"),
    _honoured("stream_options.include_usage"),
    _honoured("stream_options.include_obfuscation", "off unless asked for"),
)

TABLES = {
    "POST /v1/chat/completions": CHAT,
    "POST /v1/completions": COMPLETIONS,
    "POST /v1/embeddings": EMBEDDINGS,
    "Inside messages, tools and options": INSIDE,
}
