"""Embedding requests, a few inputs at a time, so that the engine's loop stays awake."""

import math
import sys
from array import array
from bisect import insort_left
from collections import deque

from velocity_local.wire.ipc.messages import Embedded
from velocity_local.worker.engine.backend import Backend

# So many later jobs of a class go before one of the next class, and no more.
HEAD_START = 16


class EmbeddingJob:
    """One request: its inputs as tokens, and the vectors made so far."""

    def __init__(
        self,
        handle: int,
        inputs: list[tuple[int, ...]],
        dimensions: int | None,
        *,
        rank: int = 0,
    ) -> None:
        self.handle = handle
        self.dimensions = dimensions
        self.rank = rank
        self.turn = 0
        self.pending = deque(inputs)
        self.vectors: list[bytes] = []
        self.n_tokens = sum(len(tokens) for tokens in inputs)

    def take(self, n_tokens: int) -> list[tuple[int, ...]]:
        """The next inputs, as many as fit into `n_tokens`; at least one."""
        taken = [self.pending.popleft()]
        left = n_tokens - len(taken[0])
        while self.pending and len(self.pending[0]) <= left:
            taken.append(self.pending.popleft())
            left -= len(taken[-1])
        return taken


class Embeddings:
    """Runs jobs in the order they came, with a head start for more urgent classes.

    Belongs to the engine's thread.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._jobs: list[EmbeddingJob] = []
        self._n_submitted = 0

    @property
    def has_work(self) -> bool:
        return bool(self._jobs)

    def submit(self, job: EmbeddingJob) -> None:
        self._n_submitted += 1
        job.turn = self._n_submitted + HEAD_START * job.rank
        insort_left(self._jobs, job, key=lambda one: one.turn)

    def give_up(self) -> int:
        """Drop the job that `step` works on; its handle."""
        return self._jobs.pop(0).handle

    def cancel(self, handle: int) -> None:
        self._jobs = [job for job in self._jobs if job.handle != handle]

    def step(self) -> Embedded | None:
        """Compute one batch; the answer, if it was the job's last.

        Raises:
            BackendError: if the library fails; `give_up` the job then.
        """
        job = self._jobs[0]
        if job.pending:
            inputs = job.take(self._backend.capabilities.n_batch)
            raw = self._backend.embed(inputs)
            job.vectors += (normalised(vector, job.dimensions) for vector in raw)
        if job.pending:
            return None
        self._jobs.pop(0)
        return Embedded(job.handle, tuple(job.vectors), job.n_tokens)


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
