"""Several runs of one scenario at different loads: given ones, up to saturation, or in search of
the largest that meets the SLO.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from velocity_local.lens.errors import BadScenario
from velocity_local.lens.goodness import good_share
from velocity_local.lens.loads import AnyLoad, Concurrency, Constant, Poisson
from velocity_local.lens.results import RunResult
from velocity_local.lens.samples import output_tokens
from velocity_local.lens.scenarios import Scenario
from velocity_local.lens.search import Bracket, is_saturated, largest_load

RunOnce = Callable[[Scenario, str], RunResult]
MOST_STREAMS = 1024
MOST_RATE_PER_S = 1000.0
_FIRST_RATE_PER_S = 0.5
_LEAST_REQUESTS_PER_STREAM = 3


@dataclass(frozen=True, slots=True)
class Swept:
    """The runs in the order they were made; `found` is what a search found."""

    runs: tuple[RunResult, ...]
    found: Bracket | None = None


class Sweep:
    """Makes runs that belong together. `run` makes one of them, for a scenario and a series."""

    def __init__(self, scenario: Scenario, run: RunOnce) -> None:
        self._scenario = scenario
        self._run = run
        self._series = secrets.token_hex(6)
        self._runs: list[RunResult] = []

    def given(self, loads: Sequence[float]) -> Swept:
        """One run at each load: streams, or requests a second for an open load."""
        for load in loads:
            if self._measure(load).partial_reason is not None:
                break
        return Swept(tuple(self._runs))

    def to_saturation(self) -> Swept:
        """Double the load until two doublings bring less than 5 % more, or requests fail."""
        load = 1.0 if self._is_closed else _FIRST_RATE_PER_S
        throughputs: list[float] = []
        while load <= self._most:
            result = self._measure(load)
            throughputs.append(_throughput(result))
            if is_saturated(throughputs) or result.partial_reason or not throughputs[-1]:
                break
            load *= 2
        return Swept(tuple(self._runs))

    def largest(self) -> Swept:
        """Search for the largest load at which enough requests keep the scenario's SLO.

        Raises:
            BadScenario: if it has none.
        """
        slo = self._scenario.slo
        if slo is None:
            raise BadScenario("a search needs an SLO: set slo.ttft_ms, slo.tpot_ms or slo.e2e_ms")

        def does(load: float) -> bool:
            result = self._measure(load)
            if result.partial_reason is not None:
                raise _Stopped
            return good_share(result) >= slo.share

        first = 1.0 if self._is_closed else _FIRST_RATE_PER_S
        try:
            found = largest_load(does, first=first, most=self._most, is_whole=self._is_closed)
        except _Stopped:
            return Swept(tuple(self._runs))
        return Swept(tuple(self._runs), found)

    @property
    def _is_closed(self) -> bool:
        return not isinstance(self._scenario.load, Constant | Poisson)

    @property
    def _most(self) -> float:
        return float(MOST_STREAMS) if self._is_closed else MOST_RATE_PER_S

    def _measure(self, load: float) -> RunResult:
        scenario = msgspec.structs.replace(self._scenario, load=at_load(self._scenario.load, load))
        result = self._run(scenario, self._series)
        self._runs.append(result)
        return result


class _Stopped(Exception):
    """A run of the search was interrupted."""


def at_load(load: AnyLoad, value: float) -> AnyLoad:
    """The load with another number of streams, or another rate."""
    if isinstance(load, Constant | Poisson):
        return msgspec.structs.replace(load, rate_per_s=value)
    streams = int(value)
    requests = load.requests
    if requests is not None or load.duration_s is None:
        requests = max(requests or 0, streams * _LEAST_REQUESTS_PER_STREAM)
    return Concurrency(streams=streams, requests=requests, duration_s=load.duration_s)


def _throughput(result: RunResult) -> float:
    """Output tokens a second; requests a second where nobody counted tokens."""
    if result.duration_s <= 0:
        return 0.0
    n_ok = result.n_requests - sum(result.n_errors.values())
    return (output_tokens(result) or n_ok) / result.duration_s
