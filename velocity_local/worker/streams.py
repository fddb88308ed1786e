"""The answers being written: the engine's events in, the callers' events out."""

import functools
from collections.abc import Callable
from typing import NamedTuple, Protocol, assert_never

import msgspec

from velocity_local.core.errors import ErrorInfo
from velocity_local.core.events import (
    Delta,
    EngineTimings,
    Event,
    Failed,
    Finished,
    FinishReason,
    Started,
    Usage,
)
from velocity_local.worker.chat.pipeline import ChoicePipeline
from velocity_local.worker.engine.sequence import (
    Broken,
    Ended,
    Prefilling,
    SequenceEvent,
    SequenceKey,
    Token,
)

Outbox = list[tuple[int, Event]]


class Choice(NamedTuple):
    """One answer; `opening` is shown before its first token."""

    pipeline: ChoicePipeline
    opening: Delta | None


class Finisher(Protocol):
    """The part of the engine that ends a sequence whose text is complete."""

    def finish(self, key: SequenceKey) -> tuple[Usage, EngineTimings] | None: ...


class Streams:
    """Every choice that has not ended. Belongs to the engine's thread."""

    def __init__(self, engine: Finisher, is_end: Callable[[int], bool]) -> None:
        self._engine = engine
        self._is_end = functools.cache(is_end)
        self._choices: dict[SequenceKey, Choice] = {}
        self._n_tokens: dict[SequenceKey, int] = {}

    def open(self, key: SequenceKey, choice: Choice, *, n_emitted: int = 0) -> None:
        """Show what is said from now on; `n_emitted` tokens were said by an earlier worker."""
        self._choices[key] = choice
        self._n_tokens[key] = n_emitted

    def drop(self, handle: int) -> None:
        """Forget a request; no event of it follows."""
        for key in [key for key in self._choices if key.handle == handle]:
            del self._choices[key], self._n_tokens[key]

    def handles(self) -> set[int]:
        return {key.handle for key in self._choices}

    def fail(self, key: SequenceKey, error: ErrorInfo, outbox: Outbox) -> None:
        if self._choices.pop(key, None) is not None:
            del self._n_tokens[key]
            outbox.append((key.handle, Failed(key.choice, error)))

    def fail_all(self, error: ErrorInfo, outbox: Outbox) -> None:
        for key in list(self._choices):
            self.fail(key, error, outbox)

    def on(self, event: SequenceEvent, outbox: Outbox) -> None:
        """Append to `outbox` what the callers see of `event`."""
        choice = self._choices.get(event.key)
        if choice is None:
            return
        match event:
            case Token():
                self._on_token(event, choice.pipeline, outbox)
            case Prefilling(key, prompt_tokens, cached_tokens):
                started = Started(key.choice, prompt_tokens, cached_tokens)
                outbox.append((key.handle, started))
                if choice.opening is not None:
                    outbox.append((key.handle, choice.opening))
            case Ended(key, reason, usage, timings):
                self._close(key, reason, usage, timings, outbox)
            case Broken(key, error):
                self.fail(key, error, outbox)
            case _:
                assert_never(event)

    def _on_token(self, event: Token, pipeline: ChoicePipeline, outbox: Outbox) -> None:
        key, sampled = event
        if pipeline.stop_text is not None:
            return  # guessed along with what ended the answer
        self._n_tokens[key] += 1
        if self._is_end(sampled.token):
            return
        delta = pipeline.feed(sampled.token, sampled.logprob, sampled.top)
        if delta is not None:
            outbox.append((key.handle, delta))
        if pipeline.stop_text is not None:
            ended = self._engine.finish(key)
            if ended is not None:
                self._close(key, "stop", *ended, outbox)

    def _close(
        self,
        key: SequenceKey,
        reason: FinishReason,
        usage: Usage,
        timings: EngineTimings,
        outbox: Outbox,
    ) -> None:
        pipeline, n_tokens = self._choices.pop(key).pipeline, self._n_tokens.pop(key)
        rest = pipeline.finish()
        if rest is not None:
            outbox.append((key.handle, rest))
        stop_text = pipeline.stop_text
        if stop_text is not None:
            usage = msgspec.structs.replace(usage, completion_tokens=n_tokens)
        reason = pipeline.reason("stop" if stop_text is not None else reason)
        if pipeline.reasoning_tokens:
            usage = msgspec.structs.replace(usage, reasoning_tokens=pipeline.reasoning_tokens)
        outbox.append((key.handle, Finished(key.choice, reason, usage, timings, stop_text)))
