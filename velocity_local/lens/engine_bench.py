"""How fast an engine is, measured through a server's API: prefill and decode, by depth and batch.

The tests are llama-bench's: `pp512` computes a prompt of 512 tokens, `tg128` makes 128 tokens, and
`@ d4096` does so behind 4,096 tokens that are computed already. Prefill speed is prompt tokens that
were really computed over the time to the first token, decode speed all tokens after each stream's
first over the time from the first token of all to the last.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from velocity_local.lens.asks import Ask, Chat, Turn
from velocity_local.lens.jobs import Session
from velocity_local.lens.results import EnginePoint, RequestRecord
from velocity_local.lens.words import WordTexts, random_of

_MS = 1000.0
_PROMPT_OF_DECODING = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTest:
    """Either a prompt to compute, or tokens to make; `batch` streams at once."""

    n_prompt: int = 0
    n_output: int = 0
    depth: int = 0
    batch: int = 1

    @property
    def name(self) -> str:
        work = f"pp{self.n_prompt}" if self.n_prompt else f"tg{self.n_output}"
        return f"{work} @ d{self.depth}" if self.depth else work


def combinations(
    prompts: Sequence[int], outputs: Sequence[int], depths: Sequence[int], batches: Sequence[int]
) -> tuple[EngineTest, ...]:
    """Every combination: prefill first, then decoding."""
    return (
        *(
            EngineTest(n_prompt=n, depth=d, batch=b)
            for n in prompts
            for d in depths
            for b in batches
        ),
        *(
            EngineTest(n_output=n, depth=d, batch=b)
            for n in outputs
            for d in depths
            for b in batches
        ),
    )


class EngineSource:
    """The prompts of one test. What lies before its own is asked for first: it is cached then."""

    def __init__(self, test: EngineTest, texts: WordTexts, *, salt: str) -> None:
        self._test = test
        self._texts = texts
        self._salt = salt
        self.name = test.name

    def sessions(self, *, first: int = 0) -> Iterator[Session]:
        number = first
        while True:
            yield self._session(number)
            number += 1

    def primers(self) -> Iterator[Session]:
        if self._test.depth:
            for number in range(self._test.batch):
                text = self._before(number)
                yield Session(prompt_id="before", ask=_ask(text, max_tokens=1))

    def _session(self, number: int) -> Session:
        test = self._test
        n_own = test.n_prompt or _PROMPT_OF_DECODING
        own = self._texts.text(n_own, random_of(self._salt, number))
        text = f"{self._before(number)} {own}".strip()
        return Session(
            prompt_id=f"{test.name}-{number}", ask=_ask(text, max_tokens=test.n_output or 1)
        )

    def _before(self, number: int) -> str:
        """What each stream has computed already; every stream has its own."""
        if not self._test.depth:
            return ""
        stream = number % self._test.batch
        return self._texts.text(self._test.depth, random_of(self._salt, "before", stream))


def speed(test: EngineTest, records: Sequence[RequestRecord]) -> float | None:
    """Tokens a second over all streams of one repetition; None if it cannot be told."""
    answered = [record for record in records if record.is_ok and record.ttft_ms is not None]
    if len(answered) < test.batch:
        return None
    return _prefill_speed(answered) if test.n_prompt else _decode_speed(answered)


def point(test: EngineTest, speeds: Sequence[float]) -> EnginePoint:
    """The test's outcome."""
    return EnginePoint(
        test=test.name,
        n_prompt_tokens=test.n_prompt,
        n_output_tokens=test.n_output,
        depth_tokens=test.depth,
        batch=test.batch,
        tokens_per_s=tuple(speeds),
    )


def _prefill_speed(records: Sequence[RequestRecord]) -> float | None:
    computed = sum(_computed(record) for record in records)
    begin_s = min(record.sent_s for record in records)
    end_s = max(record.sent_s + (record.ttft_ms or 0) / _MS for record in records)
    return computed / (end_s - begin_s) if computed and end_s > begin_s else None


def _decode_speed(records: Sequence[RequestRecord]) -> float | None:
    made = sum(max(0, (_output(record) - 1)) for record in records)
    begin_s = min(record.sent_s + (record.ttft_ms or 0) / _MS for record in records)
    end_s = max(record.sent_s + (record.e2e_ms or 0) / _MS for record in records)
    return made / (end_s - begin_s) if made and end_s > begin_s else None


def _computed(record: RequestRecord) -> int:
    tokens = record.tokens
    return (tokens.prompt or 0) - (tokens.cached or 0) if tokens is not None else 0


def _output(record: RequestRecord) -> int:
    return (record.tokens.output or 0) if record.tokens is not None else 0


def _ask(text: str, *, max_tokens: int) -> Ask:
    return Ask(
        input=Chat((Turn("user", text),)),
        max_tokens=max_tokens,
        temperature=0.0,
        ignore_eos=True,
    )


Measure = Callable[[EngineTest], Sequence[RequestRecord]]


def repeat(
    test: EngineTest, measure: Measure, *, repetitions: int, heard: Callable[[float], None]
) -> EnginePoint | None:
    """The test, once more than `repetitions` times: the first warms up. None if none succeeded."""
    speeds: list[float] = []
    for number in range(repetitions + 1):
        found = speed(test, measure(test))
        if found is None:
            break
        if number:
            speeds.append(found)
            heard(found)
    return point(test, speeds) if speeds else None
