"""How many tokens each sequence gets in a step. Pure; prefill and decode are only counts.

The rules, from measurements on CPUs (a tile of 64 rows rules prefill, decode rows ride along free
when the sum of rows fills whole tiles):

1. A sequence with one token left to compute (all that decode) gets it, always.
2. Prompts share the rest of as many whole tiles as `stall_target_ms` allows, one at least: those
   of a more urgent class first, then those that have least left, but a quarter is the oldest's. So
   a short prompt does not wait for a long one, and a long one always gets on.
3. If nobody decodes, a step has `n_batch` rows, halved until it takes no longer than
   `step_limit_ms`. So a prompt that is alone is cut at multiples of the tile, which gives the same
   bits however it is cut.
4. Beside others a prompt's odd part, which would leave a tile unfilled, is computed early, where
   that costs little. What is left over all the same is cut small enough not to stall anyone.
5. Where even a single tile takes twice `stall_target_ms`, for it is so deep, a quarter of one is
   computed at a time, if that is known to help.
6. If all that decode have one token so far, and the prompts beside them are done soon, they
   wait: prompts that arrive together then decode together, in full steps. See `may_wait`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

BURST_WAIT_MS = 4000.0
OLDEST_SHARE = 4
# Where attention is still cheap: a pass of less than a tile costs little more than its rows.
SHALLOW_TILES = 8
# More rows than these, but less than a tile, cost a CPU more than a whole tile once they are deep.
SMALL_ROWS = 16
# A step of one tile may take so many times the target before it is cut, and cutting must bring it
# down to this share: 16 rows at a time, prefill on a CPU takes 1.8 times as long in all.
MOST_STALL = 2.0
WORTHWHILE_SHARE = 0.75

# Milliseconds of a pass of so many rows at a mean depth of so many tokens.
Cost = Callable[[int, float], float]


class Demand(NamedTuple):
    """A sequence that could compute `n_pending` tokens, after `depth` that are computed."""

    n_pending: int
    depth: int = 0
    rank: int = 0


class StepLimits(NamedTuple):
    """Rows a step may have, and how long it may take beside others and alone."""

    n_batch: int
    tile: int
    stall_target_ms: float
    step_limit_ms: float


def plan(demands: Sequence[Demand], limits: StepLimits, cost: Cost) -> list[int]:
    """Tokens to compute for each sequence, oldest first."""
    n_single = sum(demand.n_pending == 1 for demand in demands)
    if n_single == len(demands):
        return [1] * n_single
    counts: list[int] = []
    target_ms = limits.stall_target_ms if n_single else limits.step_limit_ms
    for n_rows in _sizes(n_single, limits):
        counts = _shares(demands, n_rows - n_single)
        if cost(sum(counts), mean_depth(demands, counts)) <= target_ms:
            break
    if not n_single:
        return counts
    if len(demands) == n_single + 1:
        _even_out(counts, demands, limits, cost)
    return _cut_if_too_deep(counts, demands, limits, cost)


def may_wait(waited_ms: float, prefill_ms: float) -> bool:
    """Whether sequences with one token so far wait until all prompts beside them are computed."""
    return waited_ms + prefill_ms <= BURST_WAIT_MS


def mean_depth(demands: Sequence[Demand], counts: Sequence[int]) -> float:
    """How many tokens stand before a row of the step, on average over its rows."""
    before = sum(n * (d.depth + n / 2) for d, n in zip(demands, counts, strict=True))
    return before / max(1, sum(counts))


def _sizes(n_single: int, limits: StepLimits) -> Iterator[int]:
    """Rows of a step, the most first; the last is what it has at least."""
    tile = limits.tile
    n_rows, least = limits.n_batch // tile * tile, _least_rows(n_single, limits)
    while n_rows > least:
        yield n_rows
        n_rows = n_rows - tile if n_single else n_rows // 2 // tile * tile
    yield least


def _least_rows(n_single: int, limits: StepLimits) -> int:
    """Whole tiles with room for one prefill row at least, if a batch has any."""
    return min((n_single // limits.tile + 1) * limits.tile, limits.n_batch)


def _shares(demands: Sequence[Demand], n_rows: int) -> list[int]:
    counts = [int(demand.n_pending == 1) for demand in demands]
    prompts = [i for i, demand in enumerate(demands) if demand.n_pending > 1]
    oldest = prompts[0]
    prompts.sort(key=lambda i: (demands[i].rank, demands[i].n_pending))
    if prompts[0] != oldest:
        counts[oldest] = min(demands[oldest].n_pending, n_rows // OLDEST_SHARE)
        n_rows -= counts[oldest]
    for i in prompts:
        n_tokens = min(demands[i].n_pending - counts[i], n_rows)
        counts[i] += n_tokens
        n_rows -= n_tokens
    return counts


def _cut_if_too_deep(
    counts: list[int], demands: Sequence[Demand], limits: StepLimits, cost: Cost
) -> list[int]:
    n_rows, n_single = sum(counts), sum(demand.n_pending == 1 for demand in demands)
    tile_ms = cost(n_rows, mean_depth(demands, counts))
    if n_rows <= SMALL_ROWS or tile_ms <= MOST_STALL * limits.stall_target_ms:
        return counts
    smaller = _shares(demands, max(SMALL_ROWS - n_single, SMALL_ROWS // 2))
    small_ms = cost(sum(smaller), mean_depth(demands, smaller))
    return smaller if small_ms <= WORTHWHILE_SHARE * tile_ms else counts


def _even_out(counts: list[int], demands: Sequence[Demand], limits: StepLimits, cost: Cost) -> None:
    """Change the share of the only prompt, so that its later steps fill whole tiles."""
    i = next(i for i, demand in enumerate(demands) if demand.n_pending > 1)
    n_pending, depth, _ = demands[i]
    n_single = len(demands) - 1
    least, n_rows = _least_rows(n_single, limits), n_single + counts[i]
    if counts[i] < n_pending:
        if n_rows > least or depth < SHALLOW_TILES * limits.tile:
            counts[i] -= (counts[i] - n_pending) % (least - n_single)
    elif SMALL_ROWS < n_rows < limits.tile and cost(n_rows, depth) > limits.stall_target_ms:
        counts[i] = min(n_pending, max(SMALL_ROWS - n_single, SMALL_ROWS // 2))
