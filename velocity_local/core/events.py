"""What comes back while a request runs. Each request ends in exactly one `Finished` or `Failed`
for every choice; events of one choice keep their order.
"""

from typing import Literal

import msgspec

from velocity_local.core.errors import ErrorInfo

FinishReason = Literal["stop", "length", "tool_calls"]


class TokenLogprob(msgspec.Struct, frozen=True, array_like=True):
    """A token, its bytes, and its natural-log probability; `top` holds the likeliest tokens."""

    token: int
    piece: bytes
    logprob: float
    top: tuple[tuple[int, bytes, float], ...] = ()


class ToolCallDelta(msgspec.Struct, frozen=True, array_like=True):
    """A piece of a tool call: the first piece of call `index` carries id and name."""

    index: int
    id: str | None
    name: str | None
    arguments: str


def tool_chars(calls: tuple[ToolCallDelta, ...]) -> int:
    """How much of the tool channel `calls` are: names count too, since they are sent once."""
    return sum(len(call.name or "") + len(call.arguments) for call in calls)


class Usage(msgspec.Struct, frozen=True, array_like=True):
    """Exact token counts of one choice; `cached_tokens` of the prompt were not computed again."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class EngineTimings(msgspec.Struct, frozen=True, array_like=True):
    """Where the worker's time went for one choice, in milliseconds.

    Of `drafted_tokens` guesses that were checked, `accepted_tokens` came true.
    """

    queue_ms: float
    prefill_ms: float
    decode_ms: float
    drafted_tokens: int = 0
    accepted_tokens: int = 0


class Started(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """The prompt has left the queue: its size is known and its prefill begins."""

    index: int
    prompt_tokens: int
    cached_tokens: int


class Delta(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """New tokens of one choice and the text they made certain.

    `tokens` are all tokens sampled since the last delta, also those whose text is still held
    back (a character not complete, a possible stop); `text`, `reasoning` and `tool_calls` are
    what may be shown now.
    """

    index: int
    tokens: tuple[int, ...]
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


class Finished(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The choice is complete. `stop_text` is the stop string that ended it, if one did."""

    index: int
    reason: FinishReason
    usage: Usage
    timings: EngineTimings
    stop_text: str | None = None


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The choice ended in an error."""

    index: int
    error: ErrorInfo


Event = Started | Delta | Finished | Failed
