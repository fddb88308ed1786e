"""When each token of a streamed answer was made, in the words of llama.cpp's server.

A token's time is that at which it reached the server, by its monotonic clock: what lies between
here and the client is no part of it.
"""

from velocity_local.core.clock import Clock
from velocity_local.core.events import Delta, EngineTimings, Event, Finished, Started
from velocity_local.wire.http import openai_answers as answers

_MS = 1000.0


class TokenTimes:
    """Follows the events of one choice."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._prompt_tokens = self._cached_tokens = self._tokens = 0
        self._first_s = self._last_s = 0.0
        self._engine: EngineTimings | None = None

    def see(self, event: Event) -> None:
        match event:
            case Started():
                self._prompt_tokens, self._cached_tokens = event.prompt_tokens, event.cached_tokens
            case Delta() if event.tokens:
                self._last_s = self._clock.monotonic_s()
                self._first_s = self._first_s or self._last_s
                self._tokens += len(event.tokens)
            case Finished():
                self._tokens = event.usage.completion_tokens
                self._engine = event.timings

    def timings(self) -> answers.Timings:
        """As it stands; queue and prefill are known once the choice has finished."""
        engine = self._engine
        return answers.Timings(
            cache_n=self._cached_tokens,
            prompt_n=self._prompt_tokens - self._cached_tokens,
            predicted_n=self._tokens,
            predicted_ms=round((self._last_s - self._first_s) * _MS, 3),
            queue_ms=None if engine is None else engine.queue_ms,
            prompt_ms=None if engine is None else engine.prefill_ms,
            draft_n=0 if engine is None else engine.drafted_tokens,
            draft_n_accepted=0 if engine is None else engine.accepted_tokens,
        )
