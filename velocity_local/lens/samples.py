"""Values of one metric from one or more runs, as statistics needs them: in order, and in blocks.

Neighbouring requests share a moment of the machine, and the tokens of one answer share a request,
so values are no independent draws. They are kept in blocks of neighbouring requests; statistics
takes blocks, not values, as what may be exchanged. Block sums: batch means, Law and Kelton,
"Simulation Modeling and Analysis".
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from random import Random

from velocity_local.lens import histogram
from velocity_local.lens.percentiles import percentile
from velocity_local.lens.results import HistogramData, Metric, RequestRecord, RunResult
from velocity_local.lens.slices import resliced, span, spread

MIN_BLOCKS = 20
MAX_BLOCKS = 64

Block = tuple[float, ...]


@dataclass(frozen=True)
class Sample:
    """Values in blocks, the blocks in the order of time."""

    blocks: tuple[Block, ...]

    @cached_property
    def ordered(self) -> Sequence[float]:
        return sorted(value for block in self.blocks for value in block)

    @property
    def n(self) -> int:
        return len(self.ordered)

    @cached_property
    def mean(self) -> float:
        return sum(self.ordered) / self.n

    def percentile(self, percent: float) -> float:
        return percentile(self.ordered, percent)

    def value(self, rank: int) -> float:
        return self.ordered[rank]

    def n_above(self, threshold: float) -> int:
        return self.n - bisect_right(self.ordered, threshold)

    def above(self, threshold: float) -> list[tuple[float, int]]:
        """For each block, how many of its values lie above, and how many it has."""
        return [(sum(v > threshold for v in block), len(block)) for block in self.blocks]

    def sums(self) -> list[tuple[float, int]]:
        """For each block, the sum of its values, and how many it has."""
        return [(sum(block), len(block)) for block in self.blocks]


class Counted:
    """Values that were only counted: their order in time is lost, they pass for independent."""

    def __init__(self, data: HistogramData) -> None:
        """Raises ValueError if the histogram is empty."""
        self._ranks = histogram.Ranks(data)
        self.n = data.n
        self.mean = data.total / data.n

    def percentile(self, percent: float) -> float:
        return self._ranks.percentile(percent)

    def value(self, rank: int) -> float:
        return self._ranks.value(rank)

    def n_above(self, threshold: float) -> int:
        return self._ranks.n_above(threshold)


Values = Sample | Counted


def blocked(groups: Sequence[Block]) -> Sample:
    """A sample of groups that belong together, neighbours joined until few enough are left.

    20 blocks at least (if there are as many groups), since a variance from fewer is a guess; 64
    at most, since longer blocks bear more of what neighbours share.
    """
    filled = [group for group in groups if group]
    if not filled:
        return Sample(())
    wanted = min(len(filled), max(MIN_BLOCKS, min(MAX_BLOCKS, round(len(filled) ** 0.5))))
    cuts = [round(number * len(filled) / wanted) for number in range(wanted + 1)]
    return Sample(
        tuple(
            tuple(value for group in filled[start:end] for value in group)
            for start, end in pairwise(cuts)
        )
    )


def collect(runs: Iterable[RunResult], metric: Metric) -> Values | None:
    """The metric's values in all those runs; None if none of them has any."""
    runs = list(runs)
    if any(metric in run.histograms for run in runs):
        return _counted(runs, metric)
    samples = [_of_run(run, metric) for run in runs]
    blocks = tuple(block for sample in samples for block in sample.blocks)
    return Sample(blocks) if blocks else None


def values_of(record: RequestRecord, metric: Metric) -> Block:
    """What one request has for that metric: nothing, a value, or a value for each token."""
    if metric is Metric.ITL_MS:
        return record.itl_ms
    value = _OF_RECORD[metric](record)
    return () if value is None else (value,)


def _of_run(run: RunResult, metric: Metric) -> Sample:
    if not run.records and metric in _OF_TOTALS:
        return _OF_TOTALS[metric](run)
    if metric in _OF_SLICE:
        return Sample(_slices(run, _OF_SLICE[metric]))
    if metric is Metric.ERROR_SHARE:
        return blocked([(float(r.error_kind is not None),) for r in _in_time(run)])
    if metric is Metric.WRONG_SHARE:
        return blocked([(float(not r.is_ok),) for r in _in_time(run) if r.error_kind is None])
    if metric in _OF_RUN:
        value = _OF_RUN[metric](run)
        return Sample(()) if value is None else Sample(((value,),))
    return blocked([values_of(record, metric) for record in _in_time(run) if record.is_ok])


def _in_time(run: RunResult) -> list[RequestRecord]:
    return sorted(run.records, key=lambda record: (record.intended_start_s, record.index))


def _counted(runs: Sequence[RunResult], metric: Metric) -> Values | None:
    parts = [run.histograms[metric] for run in runs if metric in run.histograms]
    merged = histogram.merge(parts)
    return Counted(merged) if merged.n else None


def _slices(run: RunResult, amount: Callable[[RequestRecord], float | None]) -> tuple[Block, ...]:
    """The rate in each of 20 equal slices of the run."""
    if run.duration_s <= 0 or not run.records:
        return ()
    width_s = run.duration_s / MIN_BLOCKS
    totals = [0.0] * MIN_BLOCKS
    for record in run.records:
        value = amount(record) if record.is_ok else None
        if value is None or record.e2e_ms is None:
            continue
        begin_s, end_s = span(record)
        spread(totals, value, begin_s / width_s, end_s / width_s)
    return tuple((total / width_s,) for total in totals)


def _counted_rate(run: RunResult, amount: float | None, column: str) -> Sample:
    """The rate of a run that only counted: from its own slices, in as many as others have; of all
    of it at once, without an interval, if it has none.
    """
    if amount is None or run.duration_s <= 0 or not run.n_requests:
        return Sample(())
    if run.slices is None:
        return Sample(((amount / run.duration_s,),))
    width_s = run.duration_s / MIN_BLOCKS
    amounts: Sequence[float] = getattr(run.slices, column)
    totals = resliced(amounts, run.slices.width_s, duration_s=run.duration_s, n=MIN_BLOCKS)
    return Sample(tuple((total / width_s,) for total in totals))


def _share(n: int, of: int) -> Sample:
    """`n` ones among zeros, which may have come in any order: dealt at random into blocks."""
    if of <= 0:
        return Sample(())
    ones = frozenset(Random(n).sample(range(of), min(n, of)))  # noqa: S311 - statistics, no secret
    return blocked([(float(number in ones),) for number in range(of)])


def _n_answered(run: RunResult) -> int:
    return run.n_requests - sum(run.n_errors.values())


def _plus_wait(record: RequestRecord, value: float | None) -> float | None:
    return None if value is None else value + record.wait_ms


def _time_per_output_token(record: RequestRecord) -> float | None:
    n = record.tokens.output if record.tokens is not None else None
    if n is None or n < 2 or record.e2e_ms is None or record.ttft_ms is None:
        return None
    return (record.e2e_ms - record.ttft_ms) / (n - 1)


def _output_rate(record: RequestRecord) -> float | None:
    per_token_ms = _time_per_output_token(record)
    return 1000 / per_token_ms if per_token_ms else None


def _output_tokens(record: RequestRecord) -> float | None:
    return record.tokens.output if record.tokens is not None else None


def _joules_per_token(run: RunResult) -> float | None:
    n = output_tokens(run)
    return run.energy.joules / n if run.energy is not None and n else None


def _cost_per_1000(run: RunResult) -> float | None:
    n_ok = run.n_requests - sum(run.n_errors.values()) - run.n_wrong
    return run.cost / n_ok * 1000 if run.cost is not None and n_ok else None


def output_tokens(run: RunResult) -> int | None:
    """All output tokens of the run; None if nobody counted them."""
    if run.n_output_tokens is not None:
        return run.n_output_tokens
    counts = [r.tokens.output for r in run.records if r.tokens and r.tokens.output is not None]
    return sum(counts) if counts else None


_OF_RECORD: dict[Metric, Callable[[RequestRecord], float | None]] = {
    Metric.TTFT_MS: lambda r: _plus_wait(r, r.ttft_ms),
    Metric.TTFO_MS: lambda r: _plus_wait(r, r.ttfo_ms),
    Metric.E2E_MS: lambda r: _plus_wait(r, r.e2e_ms),
    Metric.SERVICE_TTFT_MS: lambda r: r.ttft_ms,
    Metric.SERVICE_E2E_MS: lambda r: r.e2e_ms,
    Metric.TPOT_MS: _time_per_output_token,
    Metric.CONNECT_MS: lambda r: r.connect_ms,
    Metric.QUEUE_MS: lambda r: r.server.queue_ms if r.server else None,
    Metric.PREFILL_MS: lambda r: r.server.prefill_ms if r.server else None,
    Metric.DECODE_MS: lambda r: r.server.decode_ms if r.server else None,
    Metric.OUTPUT_TOKENS_PER_S: _output_rate,
}
_OF_SLICE: dict[Metric, Callable[[RequestRecord], float | None]] = {
    Metric.REQUESTS_PER_S: lambda _: 1.0,
    Metric.TOTAL_OUTPUT_TOKENS_PER_S: _output_tokens,
}
_OF_TOTALS: dict[Metric, Callable[[RunResult], Sample]] = {
    Metric.REQUESTS_PER_S: lambda run: _counted_rate(
        run, _n_answered(run) - run.n_wrong, "requests"
    ),
    Metric.TOTAL_OUTPUT_TOKENS_PER_S: lambda run: _counted_rate(
        run, run.n_output_tokens, "output_tokens"
    ),
    Metric.ERROR_SHARE: lambda run: _share(sum(run.n_errors.values()), run.n_requests),
    Metric.WRONG_SHARE: lambda run: _share(run.n_wrong, _n_answered(run)),
}
"""Of runs that only counted."""
_OF_RUN: dict[Metric, Callable[[RunResult], float | None]] = {
    Metric.JOULES_PER_TOKEN: _joules_per_token,
    Metric.COST_PER_1000_REQUESTS: _cost_per_1000,
}
