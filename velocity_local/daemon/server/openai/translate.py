"""From OpenAI's request bodies to core requests: the last place that knows the dialect's fields.

Every function raises `RequestError` naming the field that cannot be done as asked.
"""

from collections.abc import Sequence

import msgspec

from velocity_local.config.settings import LimitSettings
from velocity_local.core.errors import InvalidRequest, UnsupportedField
from velocity_local.core.formats import AnswerFormat, JsonFormat
from velocity_local.core.reasoning import Reasoning, Scalar
from velocity_local.core.requests import (
    ChatPrompt,
    EmbeddingRequest,
    GenerationRequest,
    TextPrompt,
    TokenPrompt,
)
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.server.openai import conversation, fields
from velocity_local.daemon.server.openai.formats import answer_format
from velocity_local.daemon.server.openai.sampling import (
    MAX_TOKEN_ID,
    MAX_TOKENS,
    MAX_TOP_LOGPROBS,
    bounded,
    sampling,
    stops,
)
from velocity_local.daemon.server.openai.tool_use import tool_use
from velocity_local.wire.http.openai import (
    ApplyTemplateBody,
    ChatCompletionRequest,
    CompletionRequest,
    EmbeddingsRequest,
    Sampling,
)

MAX_CHOICES_IN_ALL = 128
MAX_INPUTS = 2048
MAX_DIMENSIONS = 1 << 16
MAX_TEMPLATE_KWARGS = 16
MAX_KWARG_CHARS = 1024
COMPLETION_MAX_TOKENS = 16

RESERVED_KWARGS = frozenset(
    {
        "add_generation_prompt",
        "bos_token",
        "chat_template",
        "continue_final_message",
        "conversation",
        "documents",
        "eos_token",
        "messages",
        "tokenize",
        "tools",
    }
)

TokenOrText = TextPrompt | TokenPrompt


class Terms(msgspec.Struct, frozen=True):
    """What the server's settings say where a request does not."""

    sampling: SamplingParams
    limits: LimitSettings


def chat(body: ChatCompletionRequest, request_id: str, terms: Terms) -> GenerationRequest:
    """The request behind `POST /v1/chat/completions`."""
    fields.check(body, fields.CHAT)
    _check_stream_options(body)
    _check_metadata(body.metadata)
    prompt = _chat_prompt(body, terms.limits)
    return GenerationRequest(
        id=request_id,
        model=body.model,
        prompt=prompt,
        sampling=sampling(body, terms.sampling),
        n=_choices(body, terms),
        max_tokens=_chat_max_tokens(body),
        stop=stops(body.stop, terms.limits.stop_sequences),
        top_logprobs=_chat_logprobs(body),
        parse_output=True,
        format=_chat_format(body, prompt),
        tool_use=tool_use(body, prompt.tools),
    )


def completions(
    body: CompletionRequest, request_id: str, terms: Terms
) -> tuple[GenerationRequest, ...]:
    """The requests behind `POST /v1/completions`, one for each prompt."""
    fields.check(body, fields.COMPLETIONS)
    _check_stream_options(body)
    n = _choices(body, terms)
    if body.best_of is not None and body.best_of != n:
        raise UnsupportedField(
            f"best_of is {body.best_of}; it must equal n, which is {n}", param="best_of"
        )
    if body.echo and body.logprobs is not None:
        raise UnsupportedField(
            "logprobs of an echoed prompt are not supported; leave out one", param="logprobs"
        )
    prompts = _inputs("prompt", "" if body.prompt is None else body.prompt)
    if len(prompts) * n > MAX_CHOICES_IN_ALL:
        raise InvalidRequest(
            f"{len(prompts)} prompts of {n} choices; at most {MAX_CHOICES_IN_ALL} choices in all",
            param="prompt",
        )
    first = GenerationRequest(
        id=request_id,
        model=body.model,
        prompt=prompts[0],
        sampling=sampling(body, terms.sampling),
        n=n,
        max_tokens=bounded("max_tokens", body.max_tokens, 1, MAX_TOKENS) or COMPLETION_MAX_TOKENS,
        stop=stops(body.stop, terms.limits.stop_sequences),
        top_logprobs=bounded("logprobs", body.logprobs, 0, MAX_TOP_LOGPROBS),
        echo=bool(body.echo),
        format=answer_format(body),
    )
    others = (
        msgspec.structs.replace(first, id=f"{request_id}-{i}", prompt=prompt)
        for i, prompt in enumerate(prompts[1:], start=1)
    )
    return (first, *others)


def embeddings(body: EmbeddingsRequest, request_id: str) -> EmbeddingRequest:
    """The request behind `POST /v1/embeddings`."""
    fields.check(body, fields.EMBEDDINGS)
    inputs = _inputs("input", body.input)
    if len(inputs) > MAX_INPUTS:
        raise InvalidRequest(f"{len(inputs)} inputs; at most {MAX_INPUTS}", param="input")
    if TextPrompt("") in inputs:
        raise InvalidRequest("an input is empty; there is nothing to embed", param="input")
    return EmbeddingRequest(
        id=request_id,
        model=body.model,
        inputs=inputs,
        dimensions=bounded("dimensions", body.dimensions, 1, MAX_DIMENSIONS),
    )


def template(body: ApplyTemplateBody, limits: LimitSettings) -> ChatPrompt:
    """The prompt behind `POST /apply-template`."""
    return ChatPrompt(
        messages=conversation.messages(body.messages, limits.messages),
        tools=conversation.tools(body.tools or ()),
        template_kwargs=_template_kwargs(body.chat_template_kwargs or {}),
        reasoning=Reasoning(
            body.reasoning_effort,
            _budget("reasoning_budget_tokens", body.reasoning_budget_tokens),
        ),
    )


def token_ids(name: str, tokens: Sequence[int]) -> tuple[int, ...]:
    """Token ids, none of them negative or beyond any vocabulary."""
    if tokens and not 0 <= min(tokens) <= max(tokens) <= MAX_TOKEN_ID:
        raise InvalidRequest(f"{name} holds a number that is no token id", param=name)
    return tuple(tokens)


def _chat_prompt(body: ChatCompletionRequest, limits: LimitSettings) -> ChatPrompt:
    if body.tool_choice is not None and not body.tools:
        raise InvalidRequest("tool_choice needs tools", param="tool_choice")
    offered = conversation.tools(body.tools or ())
    kwargs = _template_kwargs(body.chat_template_kwargs or {})
    return ChatPrompt(
        messages=conversation.messages(body.messages, limits.messages),
        tools=() if body.tool_choice == "none" else offered,
        template_kwargs=kwargs,
        reasoning=Reasoning(body.reasoning_effort, _reasoning_budget(body)),
    )


def _chat_format(body: ChatCompletionRequest, prompt: ChatPrompt) -> AnswerFormat | None:
    asked = answer_format(body)
    if asked is not None and prompt.tools and not isinstance(asked, JsonFormat):
        raise InvalidRequest(
            f"{asked.param} and tools do not go together; send one of them", param=asked.param
        )
    return asked


def _reasoning_budget(body: ChatCompletionRequest) -> int | None:
    """The budget by the names of llama.cpp's and vLLM's servers; -1 is none, as there."""
    sent = {
        "reasoning_budget_tokens": body.reasoning_budget_tokens,
        "thinking_budget_tokens": body.thinking_budget_tokens,
        "thinking_token_budget": body.thinking_token_budget,
    }
    budgets = {name: _budget(name, budget) for name, budget in sent.items() if budget is not None}
    if len(set(budgets.values())) > 1:
        raise InvalidRequest(
            f"{' and '.join(budgets)} differ; send one of them", param=next(iter(budgets))
        )
    return next(iter(budgets.values()), None)


def _budget(name: str, sent: int | None) -> int | None:
    budget = bounded(name, sent, -1, MAX_TOKENS)
    return None if budget is None or budget < 0 else budget


def _template_kwargs(kwargs: dict[str, Scalar]) -> dict[str, Scalar]:
    name = "chat_template_kwargs"
    if len(kwargs) > MAX_TEMPLATE_KWARGS:
        raise InvalidRequest(f"{len(kwargs)} {name}; at most {MAX_TEMPLATE_KWARGS}", param=name)
    for key, value in kwargs.items():
        if key in RESERVED_KWARGS or not key.isidentifier() or key.startswith("_"):
            raise InvalidRequest(f"{name} may not set {key[:40]!r}", param=name)
        if isinstance(value, str) and len(value) > MAX_KWARG_CHARS:
            raise InvalidRequest(
                f"{name}.{key} has {len(value)} characters; at most {MAX_KWARG_CHARS}", param=name
            )
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise InvalidRequest(f"{name}.{key} does not fit 64 bits", param=name)
    return kwargs


def _chat_max_tokens(body: ChatCompletionRequest) -> int | None:
    older = bounded("max_tokens", body.max_tokens, 1, MAX_TOKENS)
    newer = bounded("max_completion_tokens", body.max_completion_tokens, 1, MAX_TOKENS)
    if older is not None and newer is not None and older != newer:
        raise InvalidRequest(
            "max_tokens and max_completion_tokens differ; send one of them",
            param="max_completion_tokens",
        )
    return older if newer is None else newer


def _chat_logprobs(body: ChatCompletionRequest) -> int | None:
    top = bounded("top_logprobs", body.top_logprobs, 0, MAX_TOP_LOGPROBS)
    if not body.logprobs:
        if top is not None:
            raise InvalidRequest("top_logprobs needs logprobs: true", param="top_logprobs")
        return None
    return top or 0


def _choices(body: Sampling, terms: Terms) -> int:
    return bounded("n", body.n, 1, terms.limits.choices) or 1


def _check_stream_options(body: Sampling) -> None:
    if body.stream_options is not None and not body.stream:
        raise InvalidRequest("stream_options needs stream: true", param="stream_options")
    if body.timings_per_token and not body.stream:
        raise InvalidRequest("timings_per_token needs stream: true", param="timings_per_token")


def _check_metadata(metadata: dict[str, str] | None) -> None:
    pairs = metadata or {}
    fits = all(len(key) <= 64 and len(value) <= 512 for key, value in pairs.items())
    if len(pairs) > 16 or not fits:
        raise InvalidRequest(
            "metadata takes 16 pairs, keys of up to 64 and values of up to 512 characters",
            param="metadata",
        )


def _inputs(name: str, sent: str | list[str | int | list[int]]) -> tuple[TokenOrText, ...]:
    """One prompt for a text or a list of ids, several for a list of either."""
    if isinstance(sent, str):
        return (TextPrompt(sent),)
    if not sent:
        raise InvalidRequest(f"{name} is empty", param=name)
    kinds = set(map(type, sent))
    if len(kinds) > 1:
        raise InvalidRequest(f"{name} mixes texts, token ids and lists of them", param=name)
    if kinds == {int}:
        return (TokenPrompt(token_ids(name, sent)),)  # type: ignore[arg-type]  # all are int
    return tuple(_input(f"{name}[{i}]", each) for i, each in enumerate(sent))


def _input(name: str, sent: str | int | list[int]) -> TokenOrText:
    if isinstance(sent, str):
        return TextPrompt(sent)
    assert isinstance(sent, list)
    if not sent:
        raise InvalidRequest(f"{name} is empty", param=name)
    return TokenPrompt(token_ids(name, sent))
