"""A bound on waiting, in requests and in tokens, and what can be told of a place in the queue."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from velocity_local.core.clock import Clock
from velocity_local.core.errors import QueueFull, QueueTimeout
from velocity_local.core.queueing import PRIORITIES, ModelQueue, QueueState, QueueTerms

_SMOOTHING = 0.2
_LONGEST_RETRY_S = 60.0


class Bounds(NamedTuple):
    """The most that may wait, of all models together."""

    requests: int
    tokens: int


class Place:
    """One admitted request, waiting until `start` or `leave` is called."""

    def __init__(
        self, queue: "_Queue", terms: QueueTerms, *, n_tokens: int, entered_s: float
    ) -> None:
        self._queue = queue
        self.terms = terms
        self.n_tokens = n_tokens
        self.entered_s = entered_s
        self.waited_s: float | None = None

    def start(self) -> None:
        """The engine has begun with the request."""
        if self.waited_s is None:
            self.waited_s = self._queue.start(self)

    def leave(self) -> None:
        """The request ended, started or not."""
        if self.waited_s is None:
            self.waited_s = self._queue.remove(self)

    @property
    def position(self) -> int:
        """1 for whoever is next; 0 once it waits no more."""
        return 0 if self.waited_s is not None else self._queue.position(self)

    @property
    def estimate_s(self) -> float | None:
        """How much longer it may wait; None before anything was measured."""
        return None if self.waited_s is not None else self._queue.estimate_s(self.position)


class _Queue:
    """Those who wait for one model, in the order of their arrival, and how fast they leave."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._places: dict[Place, None] = {}
        self._start_gap_s: float | None = None
        self._last_start_s: float | None = None
        self.n_tokens = 0

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places)

    def add(self, terms: QueueTerms, n_tokens: int) -> Place:
        if not self._places:
            self._last_start_s = None
        place = Place(self, terms, n_tokens=n_tokens, entered_s=self._clock.monotonic_s())
        self._places[place] = None
        self.n_tokens += n_tokens
        return place

    def remove(self, place: Place) -> float:
        """Take a place out; the seconds for which it waited."""
        del self._places[place]
        self.n_tokens -= place.n_tokens
        return self._clock.monotonic_s() - place.entered_s

    def start(self, place: Place) -> float:
        """Take out a place whose request was begun; the seconds for which it waited."""
        now_s = self._clock.monotonic_s()
        if self._last_start_s is not None:
            gap_s = now_s - self._last_start_s
            known_s = gap_s if self._start_gap_s is None else self._start_gap_s
            self._start_gap_s = known_s + _SMOOTHING * (gap_s - known_s)
        self._last_start_s = now_s
        return self.remove(place)

    def position(self, place: Place) -> int:
        """As the engine would serve them if nobody else came: by class, owners in turn."""
        rank, owner = place.terms.rank, place.terms.owner
        n_more_urgent = sum(other.terms.rank < rank for other in self._places)
        before: Counter[str] = Counter()
        after: Counter[str] = Counter()
        counting = before
        for other in self._places:
            if other is place:
                counting = after
            elif other.terms.rank == rank:
                counting[other.terms.owner] += 1
        n_own = before[owner]
        others = {*before, *after} - {owner}
        rivals = (min(before[o] + after[o], n_own + (before[o] > 0)) for o in others)
        return 1 + n_more_urgent + n_own + sum(rivals)

    def estimate_s(self, position: int) -> float | None:
        return None if self._start_gap_s is None else position * self._start_gap_s


class Admission:
    """Admits requests to the queues of their models, and refuses those over the bounds."""

    def __init__(self, bounds: Bounds, clock: Clock) -> None:
        self._bounds = bounds
        self._clock = clock
        self._queues: dict[str, _Queue] = {}

    @property
    def waiting(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    @property
    def waiting_tokens(self) -> int:
        return sum(queue.n_tokens for queue in self._queues.values())

    def enter(self, model: str, terms: QueueTerms, *, n_tokens: int) -> Place:
        """Admit one request. One that is over the bound by itself may wait alone.

        Raises:
            QueueFull: with an estimate of when there is room again.
            QueueTimeout: if it may wait no longer before it has begun to.
        """
        if terms.timeout_s is not None and terms.timeout_s <= 0:
            raise QueueTimeout(
                f"the time for which it may wait is over already ({terms.timeout_s:g} s are left); "
                "allow more"
            )
        queue = self._queues.setdefault(model, _Queue(self._clock))
        waiting, waiting_tokens = self.waiting, self.waiting_tokens
        if waiting >= self._bounds.requests:
            reason = f"{waiting} requests wait already; {self._bounds.requests} may"
        elif waiting and waiting_tokens + n_tokens > self._bounds.tokens:
            reason = (
                f"{waiting} requests of about {waiting_tokens} tokens wait already, and this one "
                f"has about {n_tokens}; {self._bounds.tokens} may"
            )
        else:
            return queue.add(terms, n_tokens)
        raise QueueFull(
            f"{reason}; try again later",
            retry_after_s=_retry_after_s(queue),
            details={
                "waiting": waiting,
                "waiting_tokens": waiting_tokens,
                "limit": self._bounds.requests,
                "token_limit": self._bounds.tokens,
            },
        )

    def state(self) -> QueueState:
        places = [place for queue in self._queues.values() for place in queue]
        classes = Counter(place.terms.priority for place in places)
        now_s = self._clock.monotonic_s()
        return QueueState(
            requests=len(places),
            tokens=self.waiting_tokens,
            most_requests=self._bounds.requests,
            most_tokens=self._bounds.tokens,
            longest_wait_s=max((now_s - place.entered_s for place in places), default=0.0),
            classes={priority: classes[priority] for priority in PRIORITIES},
            models=tuple(
                ModelQueue(model, len(queue), queue.n_tokens, queue.estimate_s(len(queue) + 1))
                for model, queue in sorted(self._queues.items())
                if len(queue)
            ),
        )


def _retry_after_s(queue: _Queue) -> float:
    return min(_LONGEST_RETRY_S, max(1.0, queue.estimate_s(len(queue)) or len(queue)))
