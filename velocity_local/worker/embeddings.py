"""Embedding requests, a few inputs at a time, so that the engine's loop stays awake."""

import math
import sys
from array import array
from collections import deque

from velocity_local.core.errors import ErrorInfo
from velocity_local.core.queueing import QueueTerms, not_begun
from velocity_local.wire.ipc.messages import Embedded
from velocity_local.worker.engine.backend import Backend

# So many later jobs of a class go before one of the next class, and no more.
HEAD_START = 16
# Owners that are remembered although they have nothing waiting
MOST_IDLE_OWNERS = 1024


class EmbeddingJob:
    """One request: its inputs as tokens, and the vectors made so far.

    `arrived_s` is when the worker was told of it, on its monotonic clock.
    """

    def __init__(
        self,
        handle: int,
        inputs: list[tuple[int, ...]],
        dimensions: int | None,
        *,
        terms: QueueTerms,
        arrived_s: float = 0.0,
    ) -> None:
        self.handle = handle
        self.dimensions = dimensions
        self.terms = terms
        self.arrived_s = arrived_s
        self.turn = 0
        self.pending = deque(inputs)
        self.vectors: list[bytes] = []
        self.n_tokens = sum(len(tokens) for tokens in inputs)

    def is_late(self, now_s: float) -> bool:
        """Whether it was to have begun by now, and has not."""
        patience_s = self.terms.timeout_s
        return patience_s is not None and not self.vectors and now_s - self.arrived_s >= patience_s

    def take(self, n_tokens: int) -> list[tuple[int, ...]]:
        """The next inputs, as many as fit into `n_tokens`; at least one."""
        taken = [self.pending.popleft()]
        left = n_tokens - len(taken[0])
        while self.pending and len(self.pending[0]) <= left:
            taken.append(self.pending.popleft())
            left -= len(taken[-1])
        return taken


class Embeddings:
    """Runs jobs a batch at a time, and looks after each whose turn is next.

    That is the most urgent class; in it, who has had the fewest tokens of those that wait; of
    theirs, the first to come. One that many later jobs went before goes before all, for a batch.
    Belongs to the engine's thread.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._jobs: list[EmbeddingJob] = []
        self._served: dict[str, int] = {}
        self._n_submitted = 0
        self._current: EmbeddingJob | None = None

    @property
    def has_work(self) -> bool:
        return bool(self._jobs)

    def submit(self, job: EmbeddingJob) -> None:
        self._n_submitted += 1
        self._line_up(job)
        self._admit(job.terms.owner)
        self._jobs.append(job)

    def give_up(self) -> int:
        """Drop the job that `step` worked on; its handle."""
        assert self._current is not None
        self._jobs.remove(self._current)
        return self._current.handle

    def cancel(self, handle: int) -> None:
        self._jobs = [job for job in self._jobs if job.handle != handle]

    def expire(self, now_s: float) -> list[tuple[int, ErrorInfo]]:
        """Drop the jobs that did not begin in the time they may wait; what each is told."""
        late = [job for job in self._jobs if job.is_late(now_s)]
        self._jobs = [job for job in self._jobs if job not in late]
        return [(job.handle, not_begun(job.terms).info()) for job in late]

    def step(self) -> Embedded | None:
        """Compute one batch; the answer, if it was the job's last.

        Raises:
            BackendError: if the library fails; `give_up` the job then.
        """
        job = self._current = self._next()
        if job.pending:
            inputs = job.take(self._backend.capabilities.n_batch)
            self._served[job.terms.owner] += sum(map(len, inputs))
            raw = self._backend.embed(inputs)
            job.vectors += (normalised(vector, job.dimensions) for vector in raw)
        if job.pending:
            self._line_up(job)
            return None
        self._jobs.remove(job)
        return Embedded(job.handle, tuple(job.vectors), job.n_tokens)

    def _line_up(self, job: EmbeddingJob) -> None:
        job.turn = self._n_submitted + HEAD_START * job.terms.rank

    def _next(self) -> EmbeddingJob:
        first = min(self._jobs, key=lambda job: (job.turn, job.terms.rank))
        rank = min(job.terms.rank for job in self._jobs)
        if first.terms.rank > rank:
            return first
        urgent = (job for job in self._jobs if job.terms.rank == rank)
        return min(urgent, key=lambda job: self._served[job.terms.owner])

    def _admit(self, owner: str) -> None:
        """Nobody saves up by idling: who comes is level with the least served of those who wait."""
        waiting = {job.terms.owner for job in self._jobs}
        if owner in waiting:
            return
        floor = min((self._served[other] for other in waiting), default=0)
        self._served[owner] = max(self._served.pop(owner, 0), floor)
        idle = [other for other in self._served if other not in waiting and other != owner]
        for other in idle[: max(0, len(idle) - MOST_IDLE_OWNERS)]:
            del self._served[other]


def normalised(vector: bytes, dimensions: int | None) -> bytes:
    """The first `dimensions` of a little-endian float32 vector, scaled to length 1."""
    values = array("f", vector)
    if sys.byteorder == "big":
        values.byteswap()
    values = values[:dimensions]
    length = math.hypot(*values)
    if length > 0:
        values = array("f", (value / length for value in values))
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()
