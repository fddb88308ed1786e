"""What every answer of one request has in common, and its token counts."""

from typing import NamedTuple

import msgspec

from velocity_local.core import events
from velocity_local.wire.http import openai_answers as answers


class Head(NamedTuple):
    """The fields that all chunks of an answer repeat."""

    id: str
    created: int
    model: str
    fingerprint: str
    service_tier: str | msgspec.UnsetType = msgspec.UNSET


class UsageTally:
    """Adds up the counts of all choices; a prompt that choices share counts once."""

    def __init__(self) -> None:
        self._prompts: dict[int, tuple[int, int]] = {}
        self._completion_tokens = 0
        self._reasoning_tokens = 0

    def add(self, usage: events.Usage, prompt_index: int = 0) -> None:
        """Count a finished choice of the prompt with that index."""
        _, cached = self._prompts.get(prompt_index, (0, usage.prompt_tokens))
        cached = min(cached, usage.cached_tokens)
        self._prompts[prompt_index] = (usage.prompt_tokens, cached)
        self._completion_tokens += usage.completion_tokens
        self._reasoning_tokens += usage.reasoning_tokens

    def total(self) -> answers.Usage:
        prompt_tokens = sum(prompt for prompt, _ in self._prompts.values())
        return answers.Usage(
            prompt_tokens=prompt_tokens,
            completion_tokens=self._completion_tokens,
            total_tokens=prompt_tokens + self._completion_tokens,
            prompt_tokens_details=answers.PromptTokensDetails(
                sum(cached for _, cached in self._prompts.values())
            ),
            completion_tokens_details=answers.CompletionTokensDetails(self._reasoning_tokens),
        )
