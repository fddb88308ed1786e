"""One load made by several client processes, here or on other machines, on Dask's workers.

Each worker makes its share of the load (`shares`), all begin at one signal, and what they measured
becomes one run (`merging`). What goes over the wire is a scenario and a result, never a key: each
worker finds its own. Workers of this machine are started for the run, and only they and their
scheduler can talk to each other: the certificate they share is made for it and lives in memory.
"""

import contextlib
import logging
import secrets
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from velocity_local.lens.api import Lens
from velocity_local.lens.distributed.merging import merge
from velocity_local.lens.distributed.shares import Part, Share, check_divisible
from velocity_local.lens.distributed.signals import Signals, library
from velocity_local.lens.distributed.together import Together
from velocity_local.lens.errors import LensError
from velocity_local.lens.events import Began, Ended, Event, Listener, Preparing, Progress
from velocity_local.lens.loads import described
from velocity_local.lens.results import RunResult
from velocity_local.lens.scenarios import Scenario

if TYPE_CHECKING:
    from distributed import Client, Future

START_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_S = 15.0
_LOST = {"error", "lost", "cancelled"}


class Crowd:
    """Several clients; used as a context manager. Without `scheduler` they are processes of this
    machine, else workers of the Dask scheduler at that address.
    """

    def __init__(self, n_workers: int, *, scheduler: str | None = None) -> None:
        self._n_workers = n_workers
        self._scheduler = scheduler
        self._client: Client | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start the workers, or find them.

        Raises:
            LensError: if the extra is missing, or there are too few of them.
        """
        with contextlib.ExitStack() as opened:
            self._client = opened.enter_context(self._connected())
            self._wait_for_workers(self._client)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._open.close()

    def run(self, scenario: Scenario, *, listen: Listener, series: str | None = None) -> RunResult:
        """Make the run; Ctrl-C ends it early and keeps what was measured.

        Raises:
            LensError: if it cannot be run, or a worker dies.
        """
        assert self._client is not None, "the crowd is used as a context manager"
        check_divisible(scenario, self._n_workers)
        listen(Preparing(f"{self._n_workers} workers look at the server"))
        parts = _Run(self._client, scenario, self._n_workers, listen).results()
        load = described(
            scenario.load, warmup_requests=scenario.warmup_requests, seed=scenario.seed
        )
        result = msgspec.structs.replace(merge(parts, load), series=series)
        listen(Ended(result))
        return result

    @contextlib.contextmanager
    def _connected(self) -> "Iterator[Client]":
        distributed = library()
        with contextlib.ExitStack() as opened:
            place: object = self._scheduler
            if place is None:
                place = opened.enter_context(self._local(distributed))
            try:
                client = distributed.Client(place, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
            except OSError as error:
                raise LensError(f"no Dask scheduler answers at {self._scheduler}") from error
            yield opened.enter_context(client)

    @contextlib.contextmanager
    def _local(self, distributed: Any) -> Iterator[object]:
        with (
            tempfile.TemporaryDirectory(prefix="velocity-lens-") as folder,
            _deaf_to_interrupts() as hearing_again,
            distributed.LocalCluster(
                n_workers=self._n_workers,
                threads_per_worker=1,
                host="127.0.0.1",
                security=distributed.Security.temporary(),
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                local_directory=folder,
                memory_limit=0,
            ) as cluster,
        ):
            hearing_again()
            yield cluster

    def _wait_for_workers(self, client: "Client") -> None:
        try:
            client.wait_for_workers(self._n_workers, timeout=START_TIMEOUT_S)
        except TimeoutError as error:
            n = len(_addresses(client))
            raise LensError(
                f"{n} of {self._n_workers} workers came within {START_TIMEOUT_S:g} s;"
                " start more, or ask for fewer"
            ) from error


class _Run:
    """One run of a crowd, from its submission to its parts."""

    def __init__(
        self, client: "Client", scenario: Scenario, n_workers: int, listen: Listener
    ) -> None:
        self._client = client
        self._scenario = scenario
        self._n_workers = n_workers
        self._signals = Signals(client, secrets.token_hex(6))
        self._together = Together(listen)
        self._listen = listen

    def results(self) -> list[RunResult]:
        """What each worker measured, in the order of their shares."""
        self._client.subscribe_topic(self._signals.topic, self._together.hear)  # type: ignore[no-untyped-call]  # Dask has no types for it
        try:
            made = self._made(self._submitted())
            return [msgspec.msgpack.decode(data, type=RunResult) for data in made]
        finally:
            self._signals.stop()
            self._client.unsubscribe_topic(self._signals.topic)  # type: ignore[no-untyped-call]  # as above

    def _submitted(self) -> "list[Future[bytes]]":
        data = msgspec.msgpack.encode(self._scenario)
        nonce = secrets.token_hex(4)
        addresses = _addresses(self._client)[: self._n_workers]
        if len(addresses) < self._n_workers:
            raise LensError(f"{len(addresses)} of {self._n_workers} workers are left")
        return [
            self._client.submit(
                measure_part,
                *(data, number, self._n_workers, nonce, self._signals.name),
                workers=[address],
                pure=False,
            )
            for number, address in enumerate(addresses)
        ]

    def _begin(self, futures: "list[Future[bytes]]") -> None:
        """Wait until every worker is ready, then let all begin at once."""
        for _ in futures:
            while not self._signals.is_one_ready():
                _raise_lost(futures)
        load = self._scenario.load
        self._listen(
            Began(self._scenario.name, self._scenario.target.model, load.requests, load.duration_s)
        )
        self._signals.begin()

    def _made(self, futures: "list[Future[bytes]]") -> list[bytes]:
        try:
            self._begin(futures)
            return [_result(future) for future in futures]
        except KeyboardInterrupt:
            self._signals.stop()
            return [_result(future) for future in futures]


def measure_part(scenario: bytes, index: int, of: int, nonce: str, name: str) -> bytes:
    """Make one share of a run, and give its result; called by a Dask worker."""
    distributed = library()
    worker = distributed.get_worker()
    signals = Signals(distributed.get_client(), name)

    def tell(event: Event) -> None:
        if isinstance(event, Progress):
            worker.log_event(signals.topic, (index, msgspec.msgpack.encode(event)))

    part = Part(Share(index, of), nonce, signals.wait_to_begin)
    whole = msgspec.msgpack.decode(scenario, type=Scenario)
    execution = Lens().execution(whole, on_event=tell, part=part)
    signals.on_stop(execution.cancel)
    return msgspec.msgpack.encode(execution.run())


def _addresses(client: "Client") -> list[str]:
    """Of all workers; asked of the scheduler, since the client's own list lags behind."""
    found: dict[str, int] = client.nthreads()  # type: ignore[no-untyped-call]  # as above
    return sorted(found)


def _raise_lost(futures: "list[Future[bytes]]") -> None:
    """Raises what ended a worker's part before it was ready, if something did."""
    for future in futures:
        if future.status in _LOST:
            _result(future)


def _result(future: "Future[bytes]") -> bytes:
    """What the worker gave; what the lens says of a scenario comes through as it is.

    Raises:
        LensError: if the worker died.
    """
    distributed = library()
    try:
        return future.result()
    except (distributed.KilledWorker, distributed.client.FutureCancelledError) as error:
        raise LensError(f"a worker died while it measured: {error}") from error


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[Callable[[], object]]:
    """Processes started in here ignore Ctrl-C, which a terminal sends to all: the run ends by
    `Signals.stop`, with its results. Calling what it gives makes this process hear again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield lambda: signal.signal(signal.SIGINT, before)
    finally:
        signal.signal(signal.SIGINT, before)
