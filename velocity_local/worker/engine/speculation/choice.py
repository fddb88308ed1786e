"""How much to guess: as many tokens per millisecond as can be expected, none being a choice. Pure.

A step of S sequences with R rows, R - S of them guesses, yields S tokens and one for each guess
that comes true; it costs what R rows cost. The likeliest guesses come first, whoever's they are.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple

# What must be expected before guessing begins, and while it goes on, in tokens per time.
MIN_GAIN = 1.2
KEPT_GAIN = 1.1
# Sizes that are considered: more would seldom be better, and take time to look at.
_SIZES = frozenset((2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64))
# Sizes that are measured when there is an occasion; between them costs are interpolated.
PROBED_ROWS = (2, 4, 8, 16, 32, 64)
# A size is tried only with guesses of which so many are expected to come true.
PROBE_SHARE = 0.5

# Of so many rows, in passes without guesses; None if it was never measured.
Relative = Callable[[int], float | None]


class Plan(NamedTuple):
    """Guesses for each sequence, what they are expected to yield and to cost beyond nothing.

    The unit of both is a pass without guesses, which costs 1 and yields 1. With `is_probe` the
    cost is a bound, and the pass is made to learn it.
    """

    counts: list[int]
    gain: float
    cost: float
    is_probe: bool = False

    @property
    def value(self) -> float:
        """Tokens per time, against those without guesses."""
        return (1 + self.gain) / (1 + self.cost)


def best(
    chances: Sequence[Sequence[float]],
    relative: Relative,
    *,
    n_rows_max: int,
    longest: float,
    threshold: float,
    probe_cost: float,
) -> Plan | None:
    """The number of guesses for each sequence; None if going without is better.

    `chances` has for each sequence those of its draft's tokens, each no likelier than the one
    before it. What is not measured is taken to cost no more than what is, if at the worst, as
    so many passes of their own, the guesses cost `probe_cost`. No pass costs more than `longest`.
    """
    n_sequences = len(chances)
    ranked = _ranked(chances)[: max(0, n_rows_max - n_sequences)]
    found: Plan | None = None
    bound, n_true, highest = threshold, 0.0, 1.0
    counts = [0] * n_sequences
    for n_guesses, (chance, i) in enumerate(ranked, 1):
        n_true += chance
        counts[i] += 1
        n_rows = n_sequences + n_guesses
        if n_rows not in _SIZES and n_guesses < len(ranked):
            continue
        cost = relative(n_rows)
        worst = n_rows / n_sequences if cost is None else cost
        if worst > longest:
            continue
        is_probe = cost is None
        is_dear = n_guesses > probe_cost * n_sequences
        if is_probe and (is_dear or not _is_occasion(n_rows, n_true / n_guesses)):
            continue
        highest = max(highest, cost or 0.0)
        gain = 1 + n_true / n_sequences
        value = gain / (highest if cost is None else cost)
        if value > bound:
            bound = value
            found = Plan(list(counts), gain - 1, worst - 1, is_probe)
    return found


def _ranked(chances: Sequence[Sequence[float]]) -> list[tuple[float, int]]:
    """Guesses by chance, with the index of their sequence; those of one stay in their order."""
    ranked = [(chance, i) for i, row in enumerate(chances) for chance in row]
    if len(chances) > 1:
        ranked.sort(key=itemgetter(0), reverse=True)
    return ranked


def _is_occasion(n_rows: int, share: float) -> bool:
    return n_rows in PROBED_ROWS and share >= PROBE_SHARE
