"""How close two choices of the demo model were where texts part, against the noise of its logits.

The same prefix gives slightly other logits in a batch of another shape, so at temperature 0 two
runs may part where two tokens are almost equally likely, and nowhere else.
"""

import asyncio
import math
from collections.abc import Sequence

from tests.process.fleet.yard import listen
from velocity_local.core.adapters import Adapter
from velocity_local.core.events import Delta
from velocity_local.core.messages import Message
from velocity_local.core.requests import (
    ChatPrompt,
    GenerationRequest,
    RenderRequest,
    TokenizeRequest,
    TokenPrompt,
)
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.fleet.client import Fleet

# A gap wider than this many times the noise is no near tie.
GAP_PER_NOISE = 6.0
# The least that any two batches of different shape may differ in, in natural-log units.
LEAST_NOISE = 1e-4
GREEDY = SamplingParams(temperature=0.0, ignore_eos=True)


def chat(question: str) -> ChatPrompt:
    return ChatPrompt((Message("user", question),))


async def prompt_tokens(fleet: Fleet, question: str) -> tuple[int, ...]:
    return await tokens_of(fleet, chat(question))


async def tokens_of(fleet: Fleet, prompt: ChatPrompt) -> tuple[int, ...]:
    text = await fleet.render(RenderRequest("r", "demo", prompt))
    tokenized = await fleet.tokenize(TokenizeRequest("t", "demo", text, add_special=False))
    return tokenized.tokens


async def logprobs(
    fleet: Fleet, tokens: Sequence[int], adapter: Adapter | None = None
) -> dict[int, float]:
    """The likeliest next tokens."""
    request = GenerationRequest(
        id="p",
        model="demo",
        prompt=TokenPrompt(tuple(tokens)),
        sampling=GREEDY,
        max_tokens=1,
        top_logprobs=20,
        adapter=adapter,
    )
    heard = await listen(fleet, request)
    deltas = [event for event in heard.events if isinstance(event, Delta)]
    (first,) = [logprob for delta in deltas for logprob in delta.logprobs]
    return {token: value for token, _, value in first.top}


async def widest_tie(
    fleet: Fleet, prompts: Sequence[Sequence[int]], *, adapter: Adapter | None = None
) -> float:
    """The widest gap that counts as a tie: from how much logits differ, alone and beside others."""
    alone = [await logprobs(fleet, tokens, adapter) for tokens in prompts]
    beside = await asyncio.gather(*(logprobs(fleet, tokens, adapter) for tokens in prompts))
    gaps = [
        abs(value - there[token])
        for here, there in zip(alone, beside, strict=True)
        for token, value in here.items()
        if token in there
    ]
    return GAP_PER_NOISE * max(*gaps, LEAST_NOISE)


def first_difference(one: Sequence[int], other: Sequence[int]) -> int | None:
    for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return place
    return None if len(one) == len(other) else min(len(one), len(other))


async def gap(
    fleet: Fleet,
    tokens: Sequence[int],
    one: Sequence[int],
    other: Sequence[int],
    *,
    adapter: Adapter | None = None,
) -> float:
    """By how much the two choices differ in likelihood where the texts part; 0 if they do not."""
    place = first_difference(one, other)
    if place is None:
        return 0.0
    likely = await logprobs(fleet, [*tokens, *one[:place]], adapter)
    if one[place] not in likely or other[place] not in likely:
        return math.inf
    return abs(likely[one[place]] - likely[other[place]])
