"""Requests of OpenAI's chat, completions and embeddings APIs, with llama.cpp's extensions.

Every documented field of https://platform.openai.com/docs/api-reference is here, so that none is
ignored; `daemon.server.openai.fields` says what becomes of each. Samplers that OpenAI does not
have bear the names of llama.cpp's server, and formats those of that and of vLLM. Integers are
bounded to 64 bits by the decoder.
"""

from typing import Annotated, Any, Literal

import msgspec

from velocity_local.core.reasoning import Effort, Scalar
from velocity_local.wire.http.openai_messages import (
    AnyMessage,
    AnyTool,
    Content,
    ToolChoice,
)

Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class StreamOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class StructuredOutputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """vLLM's name for formats: one of these."""

    json: dict[str, Any] | bool | str | None = None
    regex: str | None = None
    choice: list[str] | None = None
    grammar: str | None = None
    json_object: bool | None = None


class Sampling(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """What both text APIs can be told about choosing tokens; null means the server's default."""

    model: str
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: Int | None = None
    logit_bias: dict[str, float] | None = None
    stop: str | list[str] | None = None
    max_tokens: Int | None = None
    n: Int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    top_k: Int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    top_n_sigma: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    dynatemp_range: float | None = None
    dynatemp_exponent: float | None = None
    repeat_last_n: Int | None = None
    repeat_penalty: float | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: Int | None = None
    dry_penalty_last_n: Int | None = None
    dry_sequence_breakers: list[str] | None = None
    mirostat: Int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    ignore_eos: bool | None = None
    cache_prompt: bool | None = None
    timings_per_token: bool | None = None
    grammar: str | None = None
    json_schema: dict[str, Any] | bool | None = None
    structured_outputs: StructuredOutputs | None = None


class TextFormat(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="text"
):
    """Free text, the default."""


class JsonObjectFormat(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="json_object"
):
    """Any JSON object, or as llama.cpp's server has it, one of a schema."""

    schema: dict[str, Any] | None = None


class JsonSchema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class JsonSchemaFormat(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="json_schema"
):
    """JSON of a given schema."""

    json_schema: JsonSchema


class AudioOutput(msgspec.Struct, frozen=True):
    format: str
    voice: str | dict[str, str]


class FunctionName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class LegacyFunction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Prediction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["content"]
    content: Content


class Moderation(msgspec.Struct, frozen=True):
    model: str


class PromptCacheOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: Literal["implicit", "explicit"] | None = None
    ttl: Literal["30m"] | None = None


class WebSearchOptions(msgspec.Struct, frozen=True):
    search_context_size: Literal["low", "medium", "high"] | None = None


class ChatCompletionRequest(Sampling, frozen=True, kw_only=True):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[AnyMessage], msgspec.Meta(min_length=1)]
    tools: list[AnyTool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Int | None = None
    max_completion_tokens: Int | None = None
    reasoning_effort: Effort | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    audio: AudioOutput | None = None
    functions: list[LegacyFunction] | None = None
    function_call: Literal["none", "auto"] | FunctionName | None = None
    prediction: Prediction | None = None
    moderation: Moderation | None = None
    web_search_options: WebSearchOptions | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: PromptCacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    chat_template_kwargs: dict[str, Scalar] | None = None
    reasoning_budget_tokens: Int | None = None
    thinking_budget_tokens: Int | None = None
    thinking_token_budget: Int | None = None


class CompletionRequest(Sampling, frozen=True, kw_only=True):
    """`POST /v1/completions`. One prompt is a text or a list of token ids."""

    prompt: str | list[str | Int | list[Int]] | None = None
    best_of: Int | None = None
    echo: bool | None = None
    logprobs: Int | None = None
    suffix: str | None = None


class EmbeddingsRequest(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """`POST /v1/embeddings`. One input is a text or a list of token ids."""

    model: str
    input: str | list[str | Int | list[Int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Int | None = None
    user: str | None = None


class TokenizeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /tokenize`, as llama.cpp's server has it; `model` may be left out if only one fits."""

    content: str
    model: str | None = None
    add_special: bool = False
    parse_special: bool = True
    with_pieces: bool = False


class DetokenizeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /detokenize`, as llama.cpp's server has it."""

    tokens: list[Int]
    model: str | None = None


class ApplyTemplateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /apply-template`, as llama.cpp's server has it."""

    messages: Annotated[list[AnyMessage], msgspec.Meta(min_length=1)]
    model: str | None = None
    tools: list[AnyTool] | None = None
    chat_template_kwargs: dict[str, Scalar] | None = None
    reasoning_effort: Effort | None = None
    reasoning_budget_tokens: Int | None = None
