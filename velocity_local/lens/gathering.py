"""Takes the records of a run in and makes its result; in bounded memory, however many there are."""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import msgspec

from velocity_local.lens.cost import Price, batch_cost, cost_of
from velocity_local.lens.faults import FaultKind
from velocity_local.lens.goodness import is_good
from velocity_local.lens.histogram import Histogram
from velocity_local.lens.overhead import Shortest
from velocity_local.lens.percentiles import percentile
from velocity_local.lens.results import (
    CheckOutcome,
    HistogramData,
    ItlKind,
    Metric,
    RequestRecord,
    Tokens,
)
from velocity_local.lens.samples import values_of
from velocity_local.lens.scenarios import Slo
from velocity_local.lens.slices import Slicing

PER_REQUEST = (
    Metric.TTFT_MS,
    Metric.TTFO_MS,
    Metric.E2E_MS,
    Metric.SERVICE_TTFT_MS,
    Metric.SERVICE_E2E_MS,
    Metric.ITL_MS,
    Metric.TPOT_MS,
    Metric.CONNECT_MS,
    Metric.QUEUE_MS,
    Metric.PREFILL_MS,
    Metric.DECODE_MS,
    Metric.OUTPUT_TOKENS_PER_S,
)
_RECENT = 512
Spill = Callable[[RequestRecord], None]


class Gathering:
    """Keeps up to `keep_records` records, past that only histograms. `spill` gets every record,
    `price` is set by who knows it.
    """

    def __init__(
        self, keep_records: int, *, spill: Spill | None = None, slo: Slo | None = None
    ) -> None:
        self.price: Price | None = None
        self._most = keep_records
        self._spill = spill
        self._slo = slo
        self._records: list[RequestRecord] | None = []
        self._histograms: dict[Metric, Histogram] = {}
        self._slicing = Slicing()
        self._errors: Counter[FaultKind] = Counter()
        self._recent: dict[Metric, deque[float]] = {
            metric: deque(maxlen=_RECENT) for metric in (Metric.SERVICE_TTFT_MS, Metric.ITL_MS)
        }
        self.n_requests = self.n_wrong = self.n_retries = self.n_output_tokens = 0
        self.n_good: int | None = None if slo is None else 0
        self.n_prompt_tokens = self.n_cached_tokens = 0
        self.tells_cached = False
        self.itl_kind = ItlKind.TOKEN
        self.cost: float | None = None

    def add(self, record: RequestRecord) -> None:
        """Take one in; the order is that of their ends."""
        if self.price is not None:
            record = msgspec.structs.replace(record, cost=cost_of(record.tokens, self.price))
        self._count(record)
        for metric, recent in self._recent.items():
            recent.extend(values_of(record, metric)[-_RECENT:])
        if self._spill is not None:
            self._spill(record)
        if self._records is None:
            self._fold(record)
            return
        self._records.append(record)
        if len(self._records) > self._most:
            for each in self._records:
                self._fold(each)
            self._records = None

    @property
    def n_errors(self) -> int:
        return self._errors.total()

    def recent(self, metric: Metric, percent: float) -> float | None:
        """A percentile of the latest values, for showing progress."""
        values = self._recent[metric]
        return percentile(sorted(values), percent) if values else None

    def shortest(self) -> Shortest:
        """The times that a delay of the client would show in first."""
        return Shortest(self._smallest(50), self._smallest(99))

    def fields(self) -> dict[str, Any]:
        """What of the result is known here, by the names of `RunResult`."""
        records = tuple(sorted(self._records or (), key=lambda each: each.index))
        return {
            "n_requests": self.n_requests,
            "n_errors": dict(self._errors),
            "n_wrong": self.n_wrong,
            "n_good": self.n_good,
            "n_retries": self.n_retries,
            "n_output_tokens": self.n_output_tokens,
            "itl_kind": self.itl_kind,
            "records": records,
            "histograms": self._data(),
            "slices": self._slicing.data(),
            "cost": self.cost,
            "batch_cost": batch_cost(self.cost, self.price),
            "currency": None if self.price is None else self.price.currency,
            "prices_dated": None if self.price is None else self.price.dated,
        }

    def _count(self, record: RequestRecord) -> None:
        self.n_requests += 1
        self.n_retries += record.retries
        if record.error_kind is not None:
            self._errors[record.error_kind] += 1
        self.n_wrong += record.check is CheckOutcome.FAILED
        if self._slo is not None and self.n_good is not None:
            self.n_good += is_good(record, self._slo)
        if record.tokens is not None:
            self.n_output_tokens += record.tokens.output or 0
            self._count_cached(record.tokens)
        if record.itl_ms and record.itl_kind is ItlKind.CHUNK:
            self.itl_kind = ItlKind.CHUNK
        if record.cost is not None:
            self.cost = (self.cost or 0.0) + record.cost

    def _count_cached(self, tokens: Tokens) -> None:
        if tokens.cached is not None and tokens.prompt:
            self.tells_cached = True
            self.n_cached_tokens += tokens.cached
            self.n_prompt_tokens += tokens.prompt

    def _fold(self, record: RequestRecord) -> None:
        if not record.is_ok:
            return
        self._slicing.add(record)
        for metric in PER_REQUEST:
            values = values_of(record, metric)
            if values:
                histogram = self._histograms.setdefault(metric, Histogram())
                histogram.add_all(max(0.0, value) for value in values)

    def _data(self) -> dict[Metric, HistogramData]:
        return {metric: histogram.data() for metric, histogram in self._histograms.items()}

    def _smallest(self, percent: float) -> float:
        known = [self.recent(metric, percent) for metric in self._recent]
        return min((value for value in known if value is not None), default=float("inf"))


def spilled(record: RequestRecord) -> bytes:
    """A record as one line of JSON."""
    return msgspec.json.encode(record) + b"\n"
