"""Deals one load out to several clients, so that all of them together make it. Pure."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

import msgspec

from velocity_local.lens.errors import BadScenario
from velocity_local.lens.loads import DEFAULT_REQUESTS, Concurrency, Iterations
from velocity_local.lens.results import CacheState
from velocity_local.lens.scenarios import Quota, Scenario

T = TypeVar("T")


class Share(msgspec.Struct, frozen=True):
    """Client `index` of `of`."""

    index: int = 0
    of: int = 1

    def of_number(self, number: int) -> int:
        """What this client has of so many; the parts of all add up."""
        return number * (self.index + 1) // self.of - number * self.index // self.of

    def dealt(self, things: Iterable[T]) -> Iterator[T]:
        """Every `of`-th of them, like cards."""
        return islice(things, self.index, None, self.of)


class Part(msgspec.Struct, frozen=True):
    """A client's part of a run that several make.

    `nonce` is the same for all of them. `ready` is called before the measured window and returns
    when all may begin.
    """

    share: Share
    nonce: str
    ready: Callable[[], None]


def check_divisible(scenario: Scenario, n_clients: int) -> None:
    """Before anybody is asked to take part.

    Raises:
        BadScenario: if the load cannot be dealt to so many.
    """
    load = scenario.load
    if isinstance(load, Iterations):
        raise BadScenario("load.kind iterations is one request after another: it has no parts")
    if isinstance(load, Concurrency) and load.streams < n_clients:
        raise BadScenario(f"load.streams is {load.streams}: {n_clients} workers need a stream each")
    requests = _requests(scenario)
    if requests is not None and requests < n_clients:
        raise BadScenario(f"load.requests is {requests}: {n_clients} workers need one each")
    if scenario.cache_state is CacheState.RESTORED:
        raise BadScenario("cache restored is for one client: it unloads the model between requests")


def part_of(scenario: Scenario, share: Share) -> Scenario:
    """What one client does of it. Arrivals of open loads are dealt by the driver: every client
    knows the whole schedule and takes its own.
    """
    load = scenario.load
    if isinstance(load, Concurrency):
        requests = _requests(scenario)
        load = msgspec.structs.replace(
            load,
            streams=share.of_number(load.streams),
            requests=None if requests is None else share.of_number(requests),
        )
    elif not isinstance(load, Iterations):
        room = max(1, share.of_number(load.max_in_flight))
        load = msgspec.structs.replace(load, max_in_flight=room)
    return msgspec.structs.replace(
        scenario,
        load=load,
        warmup_requests=share.of_number(scenario.warmup_requests),
        quota=_quota(scenario.quota, share.of),
        keep_records=0,
    )


def _requests(scenario: Scenario) -> int | None:
    """How many there are in all, if a number ends the load."""
    load = scenario.load
    has_number = load.requests is not None or load.duration_s is not None
    return load.requests if has_number else DEFAULT_REQUESTS


def _quota(quota: Quota, n_clients: int) -> Quota:
    def divided(limit: float | None) -> float | None:
        return None if limit is None else limit / n_clients

    return Quota(
        requests_per_min=divided(quota.requests_per_min),
        tokens_per_min=divided(quota.tokens_per_min),
    )
