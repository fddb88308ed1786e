"""Who waits, who runs, and whose time is up. Knows neither cells nor tokens."""

from collections import deque

from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.sequence import SequenceKey

_NEVER_S = float("inf")


class Roster:
    """Every live sequence is either in `waiting` or in `running`; both are oldest first."""

    def __init__(self) -> None:
        self.waiting: deque[LiveSequence] = deque()
        self.running: list[LiveSequence] = []
        self.next_deadline_s = _NEVER_S
        self._live: dict[SequenceKey, LiveSequence] = {}

    def __len__(self) -> int:
        return len(self._live)

    def get(self, key: SequenceKey) -> LiveSequence | None:
        return self._live.get(key)

    def of_handle(self, handle: int) -> list[LiveSequence]:
        return [s for s in self._live.values() if s.key.handle == handle]

    def in_slot(self, slot: int) -> LiveSequence:
        return next(s for s in self.running if s.slot == slot)

    def followers_of(self, leader: LiveSequence) -> list[LiveSequence]:
        return [s for s in self.running if s.leader is leader]

    def promised_cells(self) -> int:
        return sum(s.promised for s in self.running)

    def add(self, sequence: LiveSequence) -> None:
        assert sequence.key not in self._live, f"{sequence.key} is already here"
        self._live[sequence.key] = sequence
        self.waiting.append(sequence)
        if sequence.deadline_s is not None:
            self.next_deadline_s = min(self.next_deadline_s, sequence.deadline_s)

    def start(self, sequence: LiveSequence) -> None:
        """The head of the queue has got a slot."""
        assert self.waiting[0] is sequence
        self.waiting.popleft()
        self.running.append(sequence)

    def requeue(self, sequence: LiveSequence) -> None:
        """A running sequence steps back to the head of the queue."""
        self.running.remove(sequence)
        self.waiting.appendleft(sequence)

    def remove(self, sequence: LiveSequence) -> None:
        del self._live[sequence.key]
        if sequence in self.running:
            self.running.remove(sequence)
        else:
            self.waiting.remove(sequence)

    def take_expired(self, now_s: float) -> list[LiveSequence]:
        """The sequences whose deadline has passed; they are still to be removed."""
        if now_s < self.next_deadline_s:
            return []
        timed = [(s.deadline_s, s) for s in self._live.values() if s.deadline_s is not None]
        self.next_deadline_s = min((due for due, _ in timed if due > now_s), default=_NEVER_S)
        return [s for due, s in timed if due <= now_s]

    def check_integrity(self) -> None:
        assert set(map(id, self._live.values())) == set(map(id, (*self.waiting, *self.running)))
        assert len(self._live) == len(self.waiting) + len(self.running)
