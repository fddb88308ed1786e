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
6. Where that is cheaper for each row, prompts have a pass of their own, and those that decode the
   next: a tile attends to all cells that any of its rows has, so one prompt row among the rows of
   many streams pays for the cells of all of them.
7. If all that decode have one token so far, and the prompts beside them are done soon, they
   wait: prompts that arrive together then decode together, in full steps. See `may_wait`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from velocity_local.worker.engine.reach import Part, own_reach, tile_reach

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
# A row of a pass without those that decode must cost so much less than beside them.
APART_SHARE = 0.85

# Milliseconds of a pass of so many rows that reach so many cells each, on average.
Cost = Callable[[int, float], float]


class Demand(NamedTuple):
    """A sequence that could compute `n_pending` tokens, after `depth` that are computed."""

    n_pending: int
    depth: int = 0
    rank: int = 0


class StepLimits(NamedTuple):
    """Rows a step may have, and how long it may take beside others and alone.

    `tile_reaches_all` as in `Capabilities`.
    """

    n_batch: int
    tile: int
    stall_target_ms: float
    step_limit_ms: float
    tile_reaches_all: bool = False

    def reach(self, parts: Sequence[Part], n_cells: int) -> float:
        """Cells that a row attends to on average, with `n_cells` in use before the pass."""
        return tile_reach(parts, self.tile, n_cells) if self.tile_reaches_all else own_reach(parts)


class Outlook(NamedTuple):
    """Who could compute what, and what it would take; all of them have `n_cells` at most."""

    demands: Sequence[Demand]
    limits: StepLimits
    cost: Cost
    n_cells: int

    @property
    def n_single(self) -> int:
        return sum(demand.n_pending == 1 for demand in self.demands)

    def ms(self, counts: Sequence[int]) -> float:
        """How long a pass of these counts takes."""
        parts = [Part(d.depth, n) for d, n in zip(self.demands, counts, strict=True) if n]
        return self.cost(sum(counts), self.limits.reach(parts, self.n_cells))


def plan(outlook: Outlook) -> list[int]:
    """Tokens to compute for each sequence, oldest first.

    Those that decode have one each, or none at all: then the next pass is theirs.
    """
    demands, n_single = outlook.demands, outlook.n_single
    if n_single == len(demands):
        return [1] * n_single
    if not n_single:
        return _prompts_alone(outlook, outlook.limits.step_limit_ms, _halves(outlook.limits))
    counts = _beside(outlook, n_single)
    apart = _apart(outlook, counts)
    if apart:
        return apart
    if len(demands) == n_single + 1:
        _even_out(counts, outlook, n_single)
    return _cut_if_too_deep(counts, outlook, n_single)


def may_wait(waited_ms: float, prefill_ms: float) -> bool:
    """Whether sequences with one token so far wait until all prompts beside them are computed."""
    return waited_ms + prefill_ms <= BURST_WAIT_MS


def _prompts_alone(outlook: Outlook, target_ms: float, sizes: Iterator[int]) -> list[int]:
    """The largest of these sizes that takes no longer than `target_ms`, or the last of them."""
    counts: list[int] = []
    for n_rows in sizes:
        counts = _shares(outlook.demands, n_rows, n_each=0)
        if outlook.ms(counts) <= target_ms:
            break
    return counts


def _beside(outlook: Outlook, n_single: int) -> list[int]:
    """Prompts in one pass with those that decode."""
    counts: list[int] = []
    for n_rows in _tiles(outlook.limits, least_rows(n_single, outlook.limits)):
        counts = _shares(outlook.demands, n_rows - n_single)
        if outlook.ms(counts) <= outlook.limits.stall_target_ms:
            break
    return counts


def _apart(outlook: Outlook, beside: Sequence[int]) -> list[int] | None:
    """Prompts in a pass of their own, if their rows cost less there than `beside` the others."""
    limits, singles = outlook.limits, [int(d.n_pending == 1) for d in outlook.demands]
    if not limits.tile_reaches_all or sum(beside) < limits.tile:
        return None
    beside_ms, decode_ms = outlook.ms(beside), outlook.ms(singles)
    sizes = _tiles(limits, limits.tile)
    counts = _prompts_alone(outlook, limits.stall_target_ms - decode_ms, sizes)
    alone_ms = outlook.ms(counts)
    if decode_ms + alone_ms > max(limits.stall_target_ms, beside_ms):
        return None
    row_beside_ms = (beside_ms - decode_ms) / (sum(beside) - sum(singles))
    return counts if alone_ms / sum(counts) < APART_SHARE * row_beside_ms else None


def _tiles(limits: StepLimits, least: int) -> Iterator[int]:
    """Rows of a pass beside others, the most first; the last is what it has at least."""
    yield from range(limits.n_batch // limits.tile * limits.tile, least, -limits.tile)
    yield min(least, limits.n_batch)


def _halves(limits: StepLimits) -> Iterator[int]:
    """Rows of a pass that nobody waits for."""
    n_rows = limits.n_batch // limits.tile * limits.tile
    while n_rows > limits.tile:
        yield n_rows
        n_rows = n_rows // 2 // limits.tile * limits.tile
    yield min(limits.tile, limits.n_batch)


def least_rows(n_single: int, limits: StepLimits) -> int:
    """Whole tiles with room for one prefill row at least, if a batch has any."""
    return min((n_single // limits.tile + 1) * limits.tile, limits.n_batch)


def _shares(demands: Sequence[Demand], n_rows: int, *, n_each: int = 1) -> list[int]:
    """`n_rows` among the prompts, and `n_each` for those that decode."""
    counts = [n_each * int(demand.n_pending == 1) for demand in demands]
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


def _cut_if_too_deep(counts: list[int], outlook: Outlook, n_single: int) -> list[int]:
    tile_ms = outlook.ms(counts)
    if sum(counts) <= SMALL_ROWS or tile_ms <= MOST_STALL * outlook.limits.stall_target_ms:
        return counts
    smaller = _shares(outlook.demands, max(SMALL_ROWS - n_single, SMALL_ROWS // 2))
    return smaller if outlook.ms(smaller) <= WORTHWHILE_SHARE * tile_ms else counts


def _even_out(counts: list[int], outlook: Outlook, n_single: int) -> None:
    """Change the share of the only prompt, so that its later steps fill whole tiles."""
    demands, limits = outlook.demands, outlook.limits
    i = next(i for i, demand in enumerate(demands) if demand.n_pending > 1)
    n_pending, depth, _ = demands[i]
    least, n_rows = least_rows(n_single, limits), n_single + counts[i]
    if counts[i] < n_pending:
        if n_rows > least or depth < SHALLOW_TILES * limits.tile:
            counts[i] -= (counts[i] - n_pending) % (least - n_single)
    elif SMALL_ROWS < n_rows < limits.tile and outlook.ms(counts) > limits.stall_target_ms:
        counts[i] = min(n_pending, max(SMALL_ROWS - n_single, SMALL_ROWS // 2))
