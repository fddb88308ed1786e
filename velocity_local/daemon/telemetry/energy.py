"""What requests cost in energy: the machine's power above idle, shared in equal parts among those
that run at a moment. Pure.

A time share is an attribution, not a measurement: a long prompt and one token cost the same while
both run. Idle is the lowest power seen while nothing ran, forgotten slowly, so that a machine
that was busy with something else when we first looked does not keep a wrong baseline.
"""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

METHOD = "time share of power above idle"
_FORGET_S = 600.0
_KEPT_S = 3600.0
_LONGEST_GAP_S = 10.0


class Interval(NamedTuple):
    """Joules above idle between two looks, and how many requests shared them."""

    from_s: float
    to_s: float
    joules: float
    running: int


class EnergyMeter:
    """Fed with power and with who runs; remembers the last hour."""

    def __init__(self) -> None:
        self.idle_w: float | None = None
        self.joules = 0.0
        self.joules_by_model: dict[str, float] = {}
        self._intervals: deque[Interval] = deque()
        self._last_s: float | None = None
        self._sources: frozenset[str] = frozenset()

    def observe(
        self, now_s: float, by_source: Mapping[str, float], running: Mapping[str, int]
    ) -> None:
        """Watts by source, each the mean since the last call; `running` requests by model.

        With other sources than before, the idle power of those says nothing.
        """
        watts, sources = sum(by_source.values()), frozenset(by_source)
        since_s, self._last_s = self._last_s, now_s
        if sources != self._sources:
            self._sources, self.idle_w = sources, None
            return
        if since_s is None or not 0 < now_s - since_s <= _LONGEST_GAP_S:
            return
        elapsed_s, count = now_s - since_s, sum(running.values())
        if not count:
            self._rest(watts, elapsed_s)
            return
        if self.idle_w is None:
            return  # with no baseline all of it would look like ours
        joules = max(watts - self.idle_w, 0.0) * elapsed_s
        self.joules += joules
        for model, number in running.items():
            share = joules * number / count
            self.joules_by_model[model] = self.joules_by_model.get(model, 0.0) + share
        self._intervals.append(Interval(since_s, now_s, joules, count))
        while self._intervals and self._intervals[0].to_s < now_s - _KEPT_S:
            self._intervals.popleft()

    def attributed(self, from_s: float, to_s: float) -> float | None:
        """Joules of one request that ran between these times; None if nothing was measured.

        Power is looked at once a second: what was seen of the request stands for all of it.
        """
        joules = seen_s = 0.0
        for each in self._intervals:
            overlap_s = min(to_s, each.to_s) - max(from_s, each.from_s)
            if overlap_s > 0:
                seen_s += overlap_s
                joules += each.joules / each.running * overlap_s / (each.to_s - each.from_s)
        return joules * (to_s - from_s) / seen_s if seen_s > 0 else None

    def _rest(self, watts: float, elapsed_s: float) -> None:
        """Lower at once, higher slowly."""
        if self.idle_w is None or watts < self.idle_w:
            self.idle_w = watts
        else:
            self.idle_w += (watts - self.idle_w) * min(elapsed_s / _FORGET_S, 1.0)
