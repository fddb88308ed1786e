"""Measurements as the command line tells them (`lens run --events`, `lens list`, `lens compare`).

Only what is shown is read; the rest of the documents may grow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

HIGHER_IS_BETTER = ("output_tokens_per_s", "requests_per_s", "total_output_tokens_per_s")
CacheState = Literal["cold", "warm", "prefix_shared", "restored"]
CACHE_STATES: tuple[CacheState, ...] = ("cold", "warm", "prefix_shared", "restored")


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `streams` many at any time, or `rate_per_s` new ones a second, whichever is set."""

    model: str
    streams: int | None = 4
    rate_per_s: float | None = None
    requests: int = 40
    prompt_tokens: int = 128
    output_tokens: int = 64
    cache: CacheState = "cold"
    name: str = "run"

    def arguments(self) -> list[str]:
        """For `velocity-local lens run`."""
        load = (
            f"--concurrency={self.streams}"
            if self.rate_per_s is None
            else f"--rate={self.rate_per_s}"
        )
        return [
            load,
            f"--model={self.model}",
            f"--requests={self.requests}",
            f"--prompt-tokens={self.prompt_tokens}",
            f"--output-tokens={self.output_tokens}",
            f"--cache={self.cache}",
            f"--name={self.name}",
        ]


class Figure(msgspec.Struct, frozen=True):
    """A value of `n`, with its interval if enough was measured for one."""

    value: float
    n: int
    low: float | None = None
    high: float | None = None


class KeptRun(msgspec.Struct, frozen=True):
    """`figures` by name, as in "ttft_ms:p50"."""

    id: str
    started_at_s: float
    name: str
    model: str
    condition: str
    n_requests: int
    void_reason: str | None = None
    figures: dict[str, Figure] = {}


class KeptRuns(msgspec.Struct, frozen=True):
    """Newest first."""

    runs: tuple[KeptRun, ...]


class Quantity(msgspec.Struct, frozen=True):
    metric: str
    percent: float | None = None

    @property
    def name(self) -> str:
        return f"{self.metric}:{'mean' if self.percent is None else f'p{self.percent:g}'}"


class ComparedFigure(msgspec.Struct, frozen=True):
    """`change` is relative to `before`."""

    quantity: Quantity
    before: Figure
    after: Figure
    verdict: str
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None


class ComparedSection(msgspec.Struct, frozen=True):
    rows: tuple[ComparedFigure, ...]
    notes: tuple[str, ...] = ()


class Comparison(msgspec.Struct, frozen=True):
    sections: tuple[ComparedSection, ...]


class ComparisonDocument(msgspec.Struct, frozen=True):
    comparison: Comparison


class Preparing(msgspec.Struct, frozen=True, tag=True):
    what: str


class Began(msgspec.Struct, frozen=True, tag=True):
    name: str
    model: str
    n_requests: int | None = None
    duration_s: float | None = None


class Progress(msgspec.Struct, frozen=True, tag=True):
    """Percentiles are of the latest requests."""

    elapsed_s: float
    n_done: int
    n_failed: int
    n_running: int
    n_output_tokens: int
    ttft_p50_ms: float | None = None
    ttft_p99_ms: float | None = None
    itl_p50_ms: float | None = None
    itl_p99_ms: float | None = None


class Result(msgspec.Struct, frozen=True):
    id: str
    void_reason: str | None = None
    partial_reason: str | None = None


class Ended(msgspec.Struct, frozen=True, tag=True):
    result: Result


Event = Preparing | Began | Progress | Ended


@dataclass(frozen=True, slots=True)
class Course:
    """A run as far as it has come. `outcome` is what to say once it is over, empty before."""

    began: Began | None = None
    preparing: str = ""
    samples: tuple[Progress, ...] = ()
    outcome: str = ""

    @property
    def rates(self) -> list[float]:
        """Output tokens a second, from one sample to the next."""
        rates, tokens, at_s = [], 0, 0.0
        for sample in self.samples:
            passed_s = sample.elapsed_s - at_s
            gained = sample.n_output_tokens - tokens
            rates.append(gained / passed_s if passed_s > 0 else 0.0)
            tokens, at_s = sample.n_output_tokens, sample.elapsed_s
        return rates

    @property
    def share(self) -> float | None:
        """How much of it is done; None while that cannot be told."""
        if self.began is None or not self.samples:
            return None
        last = self.samples[-1]
        if self.began.n_requests:
            return last.n_done / self.began.n_requests
        return last.elapsed_s / self.began.duration_s if self.began.duration_s else None


def advanced(course: Course, events: Sequence[Event]) -> Course:
    """The course after what happened."""
    for event in events:
        match event:
            case Preparing(what=what):
                course = Course(course.began, what, course.samples, course.outcome)
            case Began():
                course = Course(event)
            case Progress():
                course = Course(course.began, "", (*course.samples, event), course.outcome)
            case Ended(result=result):
                course = Course(course.began, "", course.samples, _told(result))
    return course


def _told(result: Result) -> str:
    if result.void_reason is not None:
        return f"Void, its figures must not be used: {result.void_reason}"
    if result.partial_reason is not None:
        return f"Ended early ({result.partial_reason}); the part is kept as {result.id}"
    return f"Done; kept as {result.id}"
