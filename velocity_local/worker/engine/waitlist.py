"""Who is admitted next: classes, aging, and fair shares of tokens. Knows neither slots nor cells.

A flow is what one owner has waiting in one class, first come first served. The next sequence is
the first one of

1. the flow that is overdue longest, if any is: not served for `aging_s`, times two for the second
   class and three for the third, although it had something waiting;
2. else, in the most urgent class that waits, the flow that was served the fewest tokens.

Once a flow is overdue, every other one is served at most once before it: that is the bound on
waiting, whatever arrives. Tokens served (prompt and answer) are counted as by the virtual token
counter of Sheng et al., "Fairness in Serving Large Language Models" (OSDI 2024): a flow that begins
to wait is lifted to the lowest count of those that wait, so that nobody saves up by idling.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from velocity_local.core.queueing import PRIORITIES
from velocity_local.worker.engine.live import LiveSequence

AGING_S = 20.0
# Flows that are remembered although they have nothing waiting.
MOST_IDLE_FLOWS = 1024
_NEVER_S = float("inf")


class _Flow:
    """`served` tokens count from wherever it was lifted to; `turn` is its last admission."""

    __slots__ = ("due_s", "rank", "served", "turn", "waiting")

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.waiting: deque[LiveSequence] = deque()
        self.served = 0
        self.turn = 0
        self.due_s = _NEVER_S


class Waitlist:
    """Sequences that wait, and how many tokens each flow has had.

    Iterating gives all of them, those of one flow in their order.
    """

    def __init__(self, *, aging_s: float = AGING_S) -> None:
        self._aging_s = aging_s
        self._flows: dict[tuple[int, str], _Flow] = {}
        self._last_to_stop: list[_Flow | None] = [None] * len(PRIORITIES)
        self._turn = 0
        self._n_waiting = 0

    def __len__(self) -> int:
        return self._n_waiting

    def __iter__(self) -> Iterator[LiveSequence]:
        for flow in self._flows.values():
            yield from flow.waiting

    def add(self, sequence: LiveSequence, now_s: float, running: Iterable[LiveSequence]) -> None:
        """A new one waits, behind those of its flow."""
        self._enter(sequence, now_s, running).waiting.append(sequence)

    def put_back(
        self, sequence: LiveSequence, now_s: float, running: Iterable[LiveSequence]
    ) -> None:
        """One that ran waits again, before those of its flow."""
        self._settle((sequence,))
        self._enter(sequence, now_s, running).waiting.appendleft(sequence)

    def head(self, now_s: float, running: Iterable[LiveSequence]) -> LiveSequence:
        """Who is next; somebody must wait."""
        flows = [flow for flow in self._flows.values() if flow.waiting]
        if len(flows) > 1:
            self._settle(running)
        return min(flows, key=lambda flow: _order(flow, now_s)).waiting[0]

    def is_overdue(self, sequence: LiveSequence, now_s: float) -> bool:
        """Whether its flow has waited for so long that its class no longer matters."""
        return self._flow(sequence).due_s <= now_s

    def admit(self, sequence: LiveSequence, now_s: float, *, n_tokens: int) -> None:
        """The first of a flow gets its turn, with `n_tokens` to be computed at once."""
        flow = self._flow(sequence)
        assert flow.waiting[0] is sequence, f"{sequence.key} is not the first of its flow"
        flow.waiting.popleft()
        self._n_waiting -= 1
        flow.served += n_tokens
        sequence.n_charged = len(sequence.tokens)
        self._turn += 1
        flow.turn = self._turn
        flow.due_s = now_s + self._patience_s(flow)
        self._on_shorter(flow)

    def remove(self, sequence: LiveSequence) -> None:
        """One that waits is gone."""
        flow = self._flow(sequence)
        flow.waiting.remove(sequence)
        self._n_waiting -= 1
        self._on_shorter(flow)

    def leave(self, sequence: LiveSequence) -> None:
        """One that ran has ended: what it had counts."""
        self._settle((sequence,))

    def served(self, rank: int, owner: str) -> int:
        """The count of a flow, in tokens; 0 for one that is not known."""
        flow = self._flows.get((rank, owner))
        return 0 if flow is None else flow.served

    def check_integrity(self) -> None:
        """Assert what must hold between steps."""
        assert self._n_waiting == sum(len(flow.waiting) for flow in self._flows.values())
        for (rank, owner), flow in self._flows.items():
            assert rank == flow.rank
            assert (flow.due_s < _NEVER_S) == bool(flow.waiting), f"{owner!r} is due for nothing"

    def _enter(
        self, sequence: LiveSequence, now_s: float, running: Iterable[LiveSequence]
    ) -> _Flow:
        """The sequence's flow, with one more that waits in it."""
        flow = self._flow(sequence)
        self._n_waiting += 1
        if not flow.waiting:
            self._settle(running)
            flow.served = max(flow.served, self._floor(flow.rank))
            flow.due_s = now_s + self._patience_s(flow)
        return flow

    def _flow(self, sequence: LiveSequence) -> _Flow:
        key = (sequence.rank, sequence.spec.queue.owner)
        flow = self._flows.get(key)
        if flow is None:
            self._forget_idle()
            flow = self._flows[key] = _Flow(sequence.rank)
        return flow

    def _floor(self, rank: int) -> int:
        """The lowest count of the class among those that wait, or of the last that did."""
        flows = self._flows.values()
        counts = [flow.served for flow in flows if flow.rank == rank and flow.waiting]
        last = self._last_to_stop[rank]
        return min(counts) if counts else (0 if last is None else last.served)

    def _on_shorter(self, flow: _Flow) -> None:
        if not flow.waiting:
            flow.due_s = _NEVER_S
            self._last_to_stop[flow.rank] = flow

    def _patience_s(self, flow: _Flow) -> float:
        return self._aging_s * (flow.rank + 1)

    def _settle(self, running: Iterable[LiveSequence]) -> None:
        """Charge what running sequences have got since they were looked at last."""
        for sequence in running:
            n_tokens = len(sequence.tokens) - sequence.n_charged
            if n_tokens:
                self._flow(sequence).served += n_tokens
                sequence.n_charged = len(sequence.tokens)

    def _forget_idle(self) -> None:
        if len(self._flows) >= MOST_IDLE_FLOWS:
            self._flows = {key: flow for key, flow in self._flows.items() if flow.waiting}


def _order(flow: _Flow, now_s: float) -> tuple[float, ...]:
    if flow.due_s <= now_s:
        return (-1, flow.due_s)
    return (flow.rank, flow.served, flow.turn)
