"""How many tokens a prompt has, about: nothing in the daemon can count them.

A worker tells the true count once it begins with a prompt; from these each model's bytes for a
token are learned.
"""

from typing import NamedTuple

import msgspec

from velocity_local.core.requests import Prompt, TokenPrompt

# English prose in most vocabularies
_FIRST_TOKENS_PER_BYTE = 0.25
_SMOOTHING = 0.2
# What a model's count may do to the estimate: a prompt of few bytes has a template around it.
_LEAST_TOKENS_PER_BYTE, _MOST_TOKENS_PER_BYTE = 1 / 32, 2.0
_encoder = msgspec.json.Encoder()


class Size(NamedTuple):
    """`n_bytes` of a prompt's JSON is 0 if `n_tokens` is no estimate."""

    n_tokens: int
    n_bytes: int = 0


class Sizes:
    """Estimates by model, which learn."""

    def __init__(self) -> None:
        self._tokens_per_byte: dict[str, float] = {}

    def of(self, model: str, *prompts: Prompt) -> Size:
        """The size of all these prompts together."""
        n_tokens = sum(len(one.tokens) for one in prompts if isinstance(one, TokenPrompt))
        texts = [one for one in prompts if not isinstance(one, TokenPrompt)]
        if not texts:
            return Size(n_tokens)
        n_bytes = sum(len(_encoder.encode(text)) for text in texts)
        per_byte = self._tokens_per_byte.get(model, _FIRST_TOKENS_PER_BYTE)
        return Size(n_tokens + max(1, round(n_bytes * per_byte)), n_bytes)

    def learn(self, model: str, size: Size, n_tokens: int) -> None:
        """A worker has counted a prompt that had this size."""
        if not size.n_bytes:
            return
        seen = min(max(n_tokens / size.n_bytes, _LEAST_TOKENS_PER_BYTE), _MOST_TOKENS_PER_BYTE)
        known = self._tokens_per_byte.get(model, _FIRST_TOKENS_PER_BYTE)
        self._tokens_per_byte[model] = known + _SMOOTHING * (seen - known)
