from hypothesis import given, settings
from hypothesis import strategies as st

from velocity_local.worker.engine.memory import CellLedger

SLOT = st.integers(0, 3)
ACTION = st.one_of(
    st.tuples(st.just("grow"), SLOT, st.integers(1, 9)),
    st.tuples(st.just("copy"), SLOT, SLOT, st.integers(0, 30)),
    st.tuples(st.just("truncate"), SLOT, st.integers(0, 30)),
    st.tuples(st.just("clear"), SLOT),
)


class Cells:
    """Every cell by number: slow, and obviously right."""

    def __init__(self) -> None:
        self.slots: dict[int, list[int]] = {slot: [] for slot in range(4)}
        self.fresh = iter(range(10**6))

    def grow(self, slot: int, n: int) -> None:
        self.slots[slot] += [next(self.fresh) for _ in range(n)]

    def copy(self, source: int, target: int, length: int) -> None:
        self.slots[target] = self.slots[source][:length]

    def truncate(self, slot: int, length: int) -> None:
        self.slots[slot] = self.slots[slot][:length]

    def clear(self, slot: int) -> None:
        self.slots[slot] = []

    def used(self) -> int:
        return len({cell for cells in self.slots.values() for cell in cells})


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(ACTION, max_size=40))
def test_the_ledger_counts_what_counting_cells_one_by_one_gives(actions: list[tuple]) -> None:  # type: ignore[type-arg]  # a mixed union
    ledger, cells = CellLedger(10_000), Cells()
    for name, slot, *rest in actions:
        if name == "copy":
            target, length = rest
            if target == slot:
                continue
            ledger.clear(target)
            cells.clear(target)
            rest = [target, min(length, ledger.length(slot))]
        getattr(ledger, name)(slot, *rest)
        getattr(cells, name)(slot, *rest)
        assert ledger.used == cells.used()
        assert all(ledger.length(one) == len(held) for one, held in cells.slots.items())
    assert ledger.free == 10_000 - cells.used()
