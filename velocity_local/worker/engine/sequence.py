"""A sequence as the engine sees it: token ids in, token ids out, and nothing of text."""

from typing import Literal, NamedTuple

from velocity_local.core.errors import ErrorInfo
from velocity_local.core.events import EngineTimings, Usage
from velocity_local.core.queueing import QueueTerms
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.backend import Sampled
from velocity_local.worker.engine.constraint import Constraint

EndReason = Literal["stop", "length"]


class SequenceKey(NamedTuple):
    """Which sequence: the request's handle and the choice's index within it."""

    handle: int
    choice: int


class SequenceSpec(NamedTuple):
    """What is asked of one sequence.

    `emitted` tokens were sampled by an earlier worker: they are prefilled after the prompt,
    replayed into the sampler, and never reported again. `max_tokens` counts them too.
    `constraint` is this sequence's own and stands after `emitted`. `adapter` is the key of a
    loaded adapter; empty for the model alone. Its time counts from `arrived_s` on, which is when
    the worker was told of it; None: when the engine is.
    """

    key: SequenceKey
    prompt: tuple[int, ...]
    sampling: SamplingParams
    max_tokens: int
    top_logprobs: int | None = None
    emitted: tuple[int, ...] = ()
    deadline_s: float | None = None
    constraint: Constraint | None = None
    adapter: str = ""
    queue: QueueTerms = QueueTerms()
    arrived_s: float | None = None


class Prefilling(NamedTuple):
    """The sequence has a slot; its prompt is being computed from `cached_tokens` on."""

    key: SequenceKey
    prompt_tokens: int
    cached_tokens: int


class Token(NamedTuple):
    """One more token. It may be an end-of-generation token; `Ended` then follows at once."""

    key: SequenceKey
    sampled: Sampled


class Ended(NamedTuple):
    """The engine's own ends: an end-of-generation token, a constraint's end, or no more room."""

    key: SequenceKey
    reason: EndReason
    usage: Usage
    timings: EngineTimings


class Broken(NamedTuple):
    """The sequence failed and its slot is free."""

    key: SequenceKey
    error: ErrorInfo


SequenceEvent = Prefilling | Token | Ended | Broken
