"""Who waits, who runs, who makes room for whom, and whose time is up."""

from velocity_local.core.errors import DeadlineExceeded, VelocityError
from velocity_local.core.queueing import not_begun
from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.sequence import SequenceKey
from velocity_local.worker.engine.waitlist import Waitlist

# So often a sequence makes room for more urgent ones; then it stays until it has ended.
MAX_DISPLACEMENTS = 2
_NEVER_S = float("inf")


class Roster:
    """Every live sequence is either in `waiting` or in `running`, which is oldest first."""

    def __init__(self) -> None:
        self.waiting = Waitlist()
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
        self.waiting.add(sequence, sequence.submitted_s, self.running)
        due_s = min(_or_never(sequence.deadline_s), _or_never(sequence.queue_due_s))
        self.next_deadline_s = min(self.next_deadline_s, due_s)

    def next_waiting(self, now_s: float) -> LiveSequence:
        """Whose turn it is; somebody must wait."""
        return self.waiting.head(now_s, self.running)

    def start(self, sequence: LiveSequence, now_s: float) -> None:
        """The next of those who wait has got a slot, and what it may share of others' cells.

        One that had to wait until it was overdue is not displaced again.
        """
        sequence.is_protected |= self.waiting.is_overdue(sequence, now_s)
        n_tokens = len(sequence.tokens) - max(sequence.n_computed, sequence.join_length)
        self.waiting.admit(sequence, now_s, n_tokens=n_tokens)
        self.running.append(sequence)

    def requeue(self, sequence: LiveSequence, now_s: float) -> None:
        """A running sequence waits again, as the first of its flow."""
        self.running.remove(sequence)
        self.waiting.put_back(sequence, now_s, self.running)

    def least_urgent(self) -> LiveSequence:
        """Of those who run: the youngest of the least urgent class."""
        return max(reversed(self.running), key=lambda sequence: sequence.rank)

    def displaceable_for(self, sequence: LiveSequence, n_cells: int) -> list[LiveSequence]:
        """Less urgent sequences that may make room, in the order in which they should.

        None if not even all of them would surely be enough, in a cache of so many cells.
        """
        found = [other for other in reversed(self.running) if self._may_displace(other, sequence)]
        kept = [other for other in self.running if other not in found]
        n_kept = sum(other.n_computed + other.promised for other in kept)
        if n_kept + max(sequence.reserve_end, len(sequence.tokens)) > n_cells:
            return []
        return sorted(found, key=lambda other: -other.rank)

    def remove(self, sequence: LiveSequence) -> None:
        del self._live[sequence.key]
        if sequence in self.running:
            self.running.remove(sequence)
            self.waiting.leave(sequence)
        else:
            self.waiting.remove(sequence)

    def take_expired(self, now_s: float) -> list[tuple[LiveSequence, VelocityError]]:
        """The sequences whose time is up, and what they are told; they are still to be removed."""
        if now_s < self.next_deadline_s:
            return []
        begun = {s.key.handle for s in self._live.values() if s.has_begun}
        due = [(s, _due_s(s, has_begun=s.key.handle in begun)) for s in self._live.values()]
        later = (due_s for _, due_s in due if due_s > now_s)
        self.next_deadline_s = min(later, default=_NEVER_S)
        return [(s, _lateness(s, now_s)) for s, due_s in due if due_s <= now_s]

    def check_integrity(self) -> None:
        assert set(map(id, self._live.values())) == set(map(id, (*self.waiting, *self.running)))
        assert len(self._live) == len(self.waiting) + len(self.running)
        self.waiting.check_integrity()

    def _may_displace(self, running: LiveSequence, waiting: LiveSequence) -> bool:
        return (
            running.rank > waiting.rank
            and not running.is_protected
            and running.n_displaced < MAX_DISPLACEMENTS
            and not self.followers_of(running)
        )


def _due_s(sequence: LiveSequence, *, has_begun: bool) -> float:
    """When a sequence is late; waiting is over once one of its request's sequences has begun."""
    queue_due_s = None if has_begun else sequence.queue_due_s
    return min(_or_never(sequence.deadline_s), _or_never(queue_due_s))


def _lateness(sequence: LiveSequence, now_s: float) -> VelocityError:
    spec = sequence.spec
    if _or_never(sequence.deadline_s) <= now_s:
        return DeadlineExceeded(
            f"not done within {spec.deadline_s:g} s; allow more, or ask for less"
        )
    return not_begun(spec.queue)


def _or_never(due_s: float | None) -> float:
    return _NEVER_S if due_s is None else due_s
