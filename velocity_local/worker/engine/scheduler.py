"""How many tokens each sequence gets in a step. Pure; prefill and decode are only counts.

The rule, from measurements on CPUs (a tile of 64 rows rules prefill, decode rows ride along
free when the sum of rows fills whole tiles):

1. A sequence with one token left to compute (all that decode) gets it, always.
2. The others share what remains up to a whole number of tiles, first come first served. So a
   prompt that is alone is cut at multiples of the tile, which gives the same bits however it
   is cut, and beside n decoding sequences the first chunk has a tile less n rows.
3. If all that decode have one token so far, and the prompts beside them are done soon, they
   wait: prompts that arrive together then decode together, in full steps. See `may_wait`.
4. The number of tiles is `alone_rows` if nobody decodes, else `mixed_rows`: see `pace`.
"""

from collections.abc import Sequence
from typing import NamedTuple

BURST_WAIT_MS = 4000.0


class StepLimits(NamedTuple):
    """Rows a step may have. `alone_rows` holds when no sequence decodes."""

    n_batch: int
    tile: int
    alone_rows: int
    mixed_rows: int


def plan(pending: Sequence[int], limits: StepLimits) -> list[int]:
    """Tokens to compute for each sequence, given how many each has pending, oldest first."""
    n_single = pending.count(1)
    if n_single == len(pending):
        return list(pending)
    budget = prefill_rows(n_single, limits)
    counts = []
    for n_pending in pending:
        n_tokens = 1 if n_pending == 1 else min(n_pending, budget)
        budget -= 0 if n_pending == 1 else n_tokens
        counts.append(n_tokens)
    return counts


def may_wait(waited_ms: float, prefill_ms: float) -> bool:
    """Whether sequences with one token so far wait until all prompts beside them are computed."""
    return waited_ms + prefill_ms <= BURST_WAIT_MS


def prefill_rows(n_single: int, limits: StepLimits) -> int:
    """Rows left for prefill, so that with the single rows they fill whole tiles."""
    rows = limits.mixed_rows if n_single else limits.alone_rows
    total = max(rows // limits.tile, n_single // limits.tile + 1) * limits.tile
    return min(total, limits.n_batch) - n_single
