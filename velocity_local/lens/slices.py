"""How much was done in each slice of a run: what rates and their intervals are made of.

A request's tokens are spread evenly from its first output to its last, as they came. Slices double
in width when a run outgrows them, so that memory is bounded; slices of several clients of one run
are added up without loss, since every width is the first one doubled.
"""

from collections.abc import Sequence
from itertools import zip_longest

from velocity_local.lens.results import RequestRecord, Slices

FIRST_WIDTH_S = 1 / 64
MOST = 256


class Slicing:
    """Fills slices with the requests that were answered."""

    def __init__(self) -> None:
        self._width_s = FIRST_WIDTH_S
        self._requests = [0.0] * MOST
        self._tokens = [0.0] * MOST
        self._end_s = 0.0

    def add(self, record: RequestRecord) -> None:
        """Take in a request that was answered; its times count from the run's beginning."""
        begin_s, end_s = span(record)
        self._end_s = max(self._end_s, end_s)
        while end_s > self._width_s * MOST:
            self._width_s *= 2
            self._requests = _paired(self._requests) + [0.0] * (MOST // 2)
            self._tokens = _paired(self._tokens) + [0.0] * (MOST // 2)
        begin, end = begin_s / self._width_s, end_s / self._width_s
        spread(self._requests, 1.0, begin, end)
        n_tokens = record.tokens.output if record.tokens is not None else None
        if n_tokens:
            spread(self._tokens, n_tokens, begin, end)

    def data(self) -> Slices | None:
        """Those up to the last answer; None if there was none."""
        if not self._end_s:
            return None
        n = min(int(self._end_s / self._width_s) + 1, MOST)
        return Slices(
            width_s=self._width_s,
            requests=tuple(self._requests[:n]),
            output_tokens=tuple(self._tokens[:n]),
        )


def span(record: RequestRecord) -> tuple[float, float]:
    """From an answer's first output to its last, in seconds from the run's beginning."""
    end_ms = record.e2e_ms or 0.0
    first_ms = end_ms if record.ttft_ms is None else record.ttft_ms
    return record.sent_s + first_ms / 1000, record.sent_s + end_ms / 1000


def spread(totals: list[float], value: float, begin: float, end: float) -> None:
    """Add `value` to the slices from `begin` to `end`; what lies outside goes to the nearest."""
    last = len(totals) - 1
    if end <= begin:
        totals[min(max(int(end), 0), last)] += value
        return
    for number in range(int(begin), int(end) + 1):
        share = (min(end, number + 1) - max(begin, number)) / (end - begin)
        totals[min(max(number, 0), last)] += value * share


def resliced(amounts: Sequence[float], width_s: float, *, duration_s: float, n: int) -> list[float]:
    """The same amounts in `n` equal slices of a run so long."""
    totals = [0.0] * n
    scale = n / duration_s
    for number, amount in enumerate(amounts):
        end_s = min((number + 1) * width_s, duration_s)
        spread(totals, amount, number * width_s * scale, end_s * scale)
    return totals


def merge(parts: Sequence[Slices]) -> Slices | None:
    """Slices of clients that began together, added up; None if there are none."""
    if not parts:
        return None
    width_s = max(part.width_s for part in parts)
    coarse = [_coarsened(part, width_s) for part in parts]
    return Slices(
        width_s=width_s,
        requests=_added([part.requests for part in coarse]),
        output_tokens=_added([part.output_tokens for part in coarse]),
    )


def _coarsened(part: Slices, width_s: float) -> Slices:
    requests, tokens = list(part.requests), list(part.output_tokens)
    here_s = part.width_s
    while here_s < width_s:
        requests, tokens = _paired(requests), _paired(tokens)
        here_s *= 2
    return Slices(width_s=width_s, requests=tuple(requests), output_tokens=tuple(tokens))


def _paired(amounts: Sequence[float]) -> list[float]:
    return [a + b for a, b in zip_longest(amounts[::2], amounts[1::2], fillvalue=0.0)]


def _added(columns: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(sum(slice_) for slice_ in zip_longest(*columns, fillvalue=0.0))
