"""Hidden states: the last ones of each sequence, wherever its cells go."""

from random import Random

import numpy as np
import pytest

from velocity_local.worker.backends.llama_cpp.hidden import KEPT_ROWS, HiddenStates
from velocity_local.worker.sampling.rows import FloatRow

WIDTH = 3


def _rows(start: int, count: int) -> FloatRow:
    """Rows that say which position they are of."""
    return np.repeat(np.arange(start, start + count, dtype=np.float32), WIDTH).reshape(count, WIDTH)


def _check(hidden: HiddenStates, sequence: int, end: int) -> None:
    kept = hidden.span(sequence)
    assert kept.stop == end
    for position in kept:
        assert hidden.row(sequence, position).tolist() == [position] * WIDTH


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_those_of_their_positions(seed: int) -> None:
    dice, hidden, end = Random(seed), HiddenStates(WIDTH), 0
    for _ in range(60):
        if end > 10 and dice.random() < 0.2:
            end -= dice.randrange(1, 5)
            hidden.cut(0, end)
        count = dice.choice([1, 1, 1, 4, 30, 63, 64, 65, 300])
        hidden.put(0, end, _rows(end, count))
        end += count
        _check(hidden, 0, end)
        assert len(hidden.span(0)) >= min(end, KEPT_ROWS - 4)


def test_a_gap_makes_older_rows_useless() -> None:
    hidden = HiddenStates(WIDTH)
    hidden.put(0, 0, _rows(0, 5))
    hidden.put(0, 100, _rows(100, 2))
    assert hidden.span(0) == range(100, 102)
    _check(hidden, 0, 102)


def test_a_copy_has_what_there_is_of_its_beginning_and_goes_its_own_way() -> None:
    hidden = HiddenStates(WIDTH)
    hidden.put(0, 50, _rows(50, 20))
    hidden.copy(0, 1, 60)
    hidden.copy(0, 2, 50)
    assert (hidden.span(1), len(hidden.span(2))) == (range(50, 60), 0)
    hidden.put(1, 60, _rows(60, 3))
    hidden.clear(0)
    _check(hidden, 1, 63)
    assert not hidden.span(0)
