"""What takes long to save or to restore is done in pieces, between the steps others wait for."""

import pytest

from tests.unit.worker.engine.driving import Driver, alone, ended, spec
from velocity_local.worker.backends.fake.script import Babble, Script
from velocity_local.worker.engine import cache
from velocity_local.worker.engine.backend import State
from velocity_local.worker.engine.sequence import Ended, SequenceKey

SCRIPT = Script(reply=Babble(mean_tokens=10**9), prefill_tile=16)
PIECE = 32
LONG = "".join(f"{n} pages of a long conversation. " for n in range(12))
LONGER = LONG + "And now something else is asked of it."


class Moves:
    """How many tokens went to memory and back, in each step and at once."""

    def __init__(self, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        self._driver = driver
        self.saved: list[int] = []
        self.restored: list[int] = []
        self._save, self._restore = driver.backend.save, driver.backend.restore
        monkeypatch.setattr(driver.backend, "save", self.save)
        monkeypatch.setattr(driver.backend, "restore", self.restore)

    def save(self, sequence: int, start: int, end: int | None = None) -> State:
        held = self._driver.backend.length(sequence)
        self.saved[-1] += (held if end is None else end) - start
        return self._save(sequence, start, end)

    def restore(self, sequence: int, state: State, start: int, length: int) -> bool:
        self.restored[-1] += length - start
        return self._restore(sequence, state, start, length)

    def step(self) -> None:
        self.saved.append(0)
        self.restored.append(0)
        self._driver.step()


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """One piece is two tiles."""
    monkeypatch.setattr(cache, "PIECE_BYTES", PIECE)
    return Driver(SCRIPT, n_ctx=2048, n_seq_max=4, state_bytes=10**6)


@pytest.fixture
def moves(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> Moves:
    return Moves(driver, monkeypatch)


def run(driver: Driver, moves: Moves, *keys: SequenceKey) -> None:
    """Until these have ended."""
    while not all(any(isinstance(one, Ended) for one in driver.events[key]) for key in keys):
        moves.step()


def test_beside_a_stream_a_long_state_is_saved_and_restored_in_pieces(
    driver: Driver, moves: Moves
) -> None:
    stream, long, other = spec(1, max_tokens=400), spec(2, LONG), spec(3, "x" * 200)
    driver.submit(stream, long)
    run(driver, moves, long.key)
    driver.submit(other)
    run(driver, moves, other.key)
    for _ in range(30):
        moves.step()
    assert sum(moves.saved) >= len(LONG)
    assert max(moves.saved) < 2 * PIECE + 2
    again = spec(4, LONGER)
    driver.submit(again)
    run(driver, moves, again.key)
    assert sum(moves.restored) >= len(LONG)
    assert max(moves.restored) < 2 * PIECE + 2
    assert ended(driver, again.key).usage.cached_tokens >= len(LONG)
    assert driver.tokens(again.key) == alone(again, SCRIPT)
    driver.run()
    assert driver.tokens(stream.key) == alone(stream, SCRIPT)


def test_while_it_is_restored_the_stream_beside_has_its_tokens(
    driver: Driver, moves: Moves
) -> None:
    long, stream, again = spec(1, LONG), spec(2, "x" * 200, max_tokens=400), spec(3, LONGER)
    for one in (long, spec(9, "y" * 200)):
        driver.submit(one)
        run(driver, moves, one.key)
    driver.submit(stream)
    for _ in range(60):
        moves.step()
    n_before = len(driver.tokens(stream.key))
    driver.submit(again)
    n_steps = 0
    while not driver.events[again.key]:
        moves.step()
        n_steps += 1
    assert n_steps >= len(LONG) // (2 * PIECE)
    assert len(driver.tokens(stream.key)) - n_before >= n_steps - 1


def test_one_that_is_cancelled_while_it_is_restored_leaves_nothing(
    driver: Driver, moves: Moves
) -> None:
    long, stream, again = spec(1, LONG), spec(2, "x" * 200, max_tokens=100), spec(3, LONGER)
    for one in (long, spec(9, "y" * 200)):
        driver.submit(one)
        run(driver, moves, one.key)
    driver.submit(stream)
    for _ in range(40):
        moves.step()
    driver.submit(again)
    moves.step()
    driver.engine.cancel(3)
    driver.run()
    assert driver.events[again.key] == []
    assert driver.tokens(stream.key) == alone(stream, SCRIPT)


def test_with_nobody_to_wait_for_it_all_is_saved_at_once(driver: Driver, moves: Moves) -> None:
    driver.submit(spec(1, LONG))
    run(driver, moves, SequenceKey(1, 0))
    driver.submit(spec(2, "x" * 200))
    moves.step()
    run(driver, moves, SequenceKey(2, 0))
    assert max(moves.saved) >= len(LONG)
