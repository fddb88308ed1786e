"""The providers by name."""

import difflib

from velocity_local.lens.providers.anthropic import Anthropic
from velocity_local.lens.providers.cohere import Cohere
from velocity_local.lens.providers.gemini import Gemini
from velocity_local.lens.providers.ollama import Ollama
from velocity_local.lens.providers.openai_chat import OpenAiChat, flavours
from velocity_local.lens.providers.openai_responses import OpenAiResponses
from velocity_local.lens.providers.port import Provider

_ALL: tuple[Provider, ...] = (
    *(OpenAiChat(flavour) for flavour in flavours()),
    OpenAiResponses(),
    Anthropic(),
    Gemini(),
    Cohere(),
    Ollama(),
)
PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _ALL}


class UnknownProvider(ValueError):
    """No provider has this name."""

    def __init__(self, name: str) -> None:
        near = difflib.get_close_matches(name, PROVIDERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(PROVIDERS)}"
        super().__init__(f"{name!r} is no provider; {hint}")


def provider_named(name: str) -> Provider:
    """The provider of that name.

    Raises:
        UnknownProvider: naming those there are.
    """
    try:
        return PROVIDERS[name]
    except KeyError:
        raise UnknownProvider(name) from None
