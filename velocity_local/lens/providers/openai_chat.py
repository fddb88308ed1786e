"""OpenAI's chat completions, completions and embeddings, as OpenAI and everybody else serve them.

One class; a `Flavour` says where servers differ. Reference:
https://platform.openai.com/docs/api-reference/chat, and llama.cpp's server for `timings`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from velocity_local.lens.asks import Ask, Chat, Embed, Text
from velocity_local.lens.providers.bodies import bearer, chosen, functions, given, greedy
from velocity_local.lens.providers.openai_answers import parts_of
from velocity_local.lens.providers.port import Framing, Part, WireRequest


class Flavour(msgspec.Struct, frozen=True, kw_only=True):
    """How one server's dialect differs.

    `length_field` limits the answer, `seed_field` fixes its chance. `is_greedy`: all of its models
    take a temperature of 0. `has_timings`: its streams tell when each token was made, if
    `timings_per_token` asks for it.
    """

    name: str
    default_url: str | None = None
    key_variables: tuple[str, ...] = ()
    length_field: str = "max_tokens"
    seed_field: str = "seed"
    is_greedy: bool = True
    has_usage_option: bool = True
    has_ignore_eos: bool = False
    has_timings: bool = False


VELOCITY_LOCAL = Flavour(
    name="velocity_local",
    key_variables=("VELOCITY_API_KEY",),
    has_ignore_eos=True,
    has_timings=True,
)
LLAMA_CPP = Flavour(
    name="llama_cpp",
    default_url="http://127.0.0.1:8080/v1",
    key_variables=("LLAMA_API_KEY",),
    has_ignore_eos=True,
    has_timings=True,
)
OPENAI_COMPATIBLE = Flavour(name="openai_compatible", has_ignore_eos=True)
OPENAI = Flavour(
    name="openai",
    default_url="https://api.openai.com/v1",
    key_variables=("OPENAI_API_KEY",),
    length_field="max_completion_tokens",
    is_greedy=False,
)
MISTRAL = Flavour(
    name="mistral",
    default_url="https://api.mistral.ai/v1",
    key_variables=("MISTRAL_API_KEY",),
    seed_field="random_seed",
    has_usage_option=False,
)


class OpenAiChat:
    """The dialect in one flavour. The base URL ends in the version, as in `.../v1`."""

    framing: Framing = "sse"

    def __init__(self, flavour: Flavour) -> None:
        self._flavour = flavour
        self.name = flavour.name
        self.default_url = flavour.default_url
        self.key_variables = flavour.key_variables

    def request(self, ask: Ask, *, model: str, key: str | None) -> WireRequest:
        match ask.input:
            case Chat():
                path, body = "/chat/completions", self._chat(ask, ask.input)
            case Text():
                path, body = "/completions", {"prompt": ask.input.prompt, **self._common(ask)}
            case Embed():
                path, body = "/embeddings", {"input": list(ask.input.inputs), **ask.extra}
        return WireRequest(path, bearer(key), msgspec.json.encode({"model": model, **body}))

    def event(self, data: str | bytes) -> Sequence[Part]:
        return parts_of(data)

    whole = event

    def _chat(self, ask: Ask, chat: Chat) -> dict[str, Any]:
        body: dict[str, Any] = {
            "messages": [{"role": turn.role, "content": turn.content} for turn in chat.turns]
        }
        return body | functions(chat.tools) | self._common(ask)

    def _common(self, ask: Ask) -> dict[str, Any]:
        flavour = self._flavour
        temperature = greedy if flavour.is_greedy else chosen
        body: dict[str, Any] = {"stream": ask.stream}
        if ask.stream and flavour.has_usage_option:
            body["stream_options"] = {"include_usage": True}
        if ask.stream and flavour.has_timings:
            body["timings_per_token"] = True
        body |= given(
            {
                flavour.length_field: ask.max_tokens,
                "temperature": temperature(ask.temperature),
                flavour.seed_field: ask.seed,
            }
        )
        if ask.ignore_eos and flavour.has_ignore_eos:
            body["ignore_eos"] = True
        return body | ask.extra


def flavours() -> Sequence[Flavour]:
    """Every server of this dialect that is known by name."""
    return (VELOCITY_LOCAL, LLAMA_CPP, OPENAI_COMPATIBLE, OPENAI, MISTRAL)
