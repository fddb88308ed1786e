"""Recorded traffic to replay: when each request began, and how long prompt and answer were.

A trace is JSON lines. Two forms are read: our own (`start_s`, `prompt_tokens`, `output_tokens`,
and `prompt` where the text is known), and that of the Mooncake traces (`timestamp` in ms,
`input_length`, `output_length`; https://github.com/kvcache-ai/Mooncake).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, cycle, islice
from pathlib import Path

import msgspec

from velocity_local.core.history import RequestRow
from velocity_local.lens.asks import Ask, Chat, Turn
from velocity_local.lens.errors import BadScenario
from velocity_local.lens.jobs import Session
from velocity_local.lens.reading import read_bytes
from velocity_local.lens.scenarios import Scenario
from velocity_local.lens.words import WordTexts, random_of

MAX_FILE_BYTES = 1024 * 1024 * 1024
_MS = 1000.0


class Recorded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request of a trace."""

    start_s: float
    prompt_tokens: int
    output_tokens: int
    prompt: str | None = None


class _Line(msgspec.Struct, frozen=True):
    start_s: float | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    prompt: str | None = None
    timestamp: float | None = None
    input_length: int | None = None
    output_length: int | None = None


def read_trace(path: Path) -> tuple[Recorded, ...]:
    """A trace's requests in the order of their starts.

    Raises:
        BadScenario: naming file and line.
    """
    lines = read_bytes(path, most=MAX_FILE_BYTES).split(b"\n")
    found = [_recorded(path, n, line) for n, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise BadScenario(f"{path} holds no request")
    return tuple(sorted(found, key=lambda each: each.start_s))


def from_history(rows: Iterable[RequestRow]) -> tuple[Recorded, ...]:
    """What the daemon's history knows as a trace; requests without token counts are left out.

    Raises:
        BadScenario: if none is left.
    """
    found = [
        Recorded(
            start_s=row.created_s,
            prompt_tokens=row.prompt_tokens,
            output_tokens=row.completion_tokens,
        )
        for row in rows
        if row.prompt_tokens and row.completion_tokens
    ]
    if not found:
        raise BadScenario("the history holds no finished request in that time")
    return tuple(sorted(found, key=lambda each: each.start_s))


class TraceSource:
    """Prompts as long as those recorded, of random words where the text is not known."""

    def __init__(
        self, scenario: Scenario, trace: Sequence[Recorded], texts: WordTexts, *, nonce: str
    ) -> None:
        self._scenario = scenario
        self._trace = trace
        self._texts = texts
        self._nonce = nonce
        self.name = f"replay of {len(trace)} requests"

    @property
    def starts_s(self) -> tuple[float, ...]:
        return tuple(each.start_s for each in self._trace)

    def sessions(self, *, first: int = 0) -> Iterator[Session]:
        turned = islice(cycle(self._trace), first % len(self._trace), None)
        return map(self._session, count(first), turned)

    def primers(self) -> Iterator[Session]:
        return iter(())

    def _session(self, number: int, recorded: Recorded) -> Session:
        random = random_of(self._scenario.seed, self._nonce, number)
        text = recorded.prompt or self._texts.text(recorded.prompt_tokens, random)
        ask = Ask(
            input=Chat((Turn("user", text),)),
            max_tokens=recorded.output_tokens,
            temperature=self._scenario.temperature,
            seed=self._scenario.seed,
            ignore_eos=self._scenario.exact_output,
            extra=self._scenario.extra,
        )
        return Session(prompt_id=f"trace-{number}", ask=ask)


def _recorded(path: Path, number: int, data: bytes) -> Recorded:
    try:
        line = msgspec.json.decode(data, type=_Line)
    except msgspec.DecodeError as error:
        raise BadScenario(f"{path}:{number}: {error}") from error
    start_s = line.start_s
    if start_s is None and line.timestamp is not None:
        start_s = line.timestamp / _MS
    prompt = line.prompt_tokens if line.prompt_tokens is not None else line.input_length
    output = line.output_tokens if line.output_tokens is not None else line.output_length
    if start_s is None or output is None or (prompt is None and line.prompt is None):
        raise BadScenario(
            f"{path}:{number}: give start_s, output_tokens, and prompt_tokens or prompt"
        )
    if output < 1 or (prompt or 1) < 1:
        raise BadScenario(f"{path}:{number}: a request has at least one token in and one out")
    return Recorded(
        start_s=start_s, prompt_tokens=prompt or 0, output_tokens=output, prompt=line.prompt
    )
