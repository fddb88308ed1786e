"""One of a transfer's connections: fills range after range, and tries again when one breaks off."""

from typing import NamedTuple

from velocity_local.core.clock import Clock
from velocity_local.core.errors import HubError, VelocityError
from velocity_local.daemon.catalog.downloads.pace import Pace
from velocity_local.daemon.catalog.downloads.part import PartFile
from velocity_local.daemon.catalog.downloads.progress import Progress
from velocity_local.daemon.catalog.downloads.source import Source
from velocity_local.daemon.catalog.downloads.stopping import Halt, Stopped
from velocity_local.daemon.catalog.fetch import Incoming, Interrupted
from velocity_local.daemon.catalog.hub import HubFile, Repository

MAX_FRUITLESS_ATTEMPTS = 6
MAX_DELAY_S = 30.0
SLOW_WINDOW_S = 30.0
SLOW_BYTES = 30 * 1024
_ENOUGH_BYTES = 1024 * 1024


class Terms(NamedTuple):
    """How a file may be fetched."""

    connections: int
    pace: Pace
    clock: Clock


class Restart(Exception):
    """What is here cannot be continued; `as_one` if the hub does not send ranges as asked."""

    def __init__(self, etag: str = "", *, as_one: bool = False) -> None:
        super().__init__("the file has to be fetched from its start")
        self.etag = etag
        self.as_one = as_one


class Connection:
    """Runs in a thread of its own; `failure` tells how it ended, None if well."""

    def __init__(
        self,
        source: Source,
        repository: Repository,
        file: HubFile,
        part: PartFile,
        *,
        progress: Progress,
        halt: Halt,
        terms: Terms,
    ) -> None:
        self.failure: Exception | None = None
        self._source = source
        self._repository = repository
        self._file = file
        self._part = part
        self._progress = progress
        self._halt = halt
        self._terms = terms

    def run(self) -> None:
        """Fill what nobody else fills, until nothing is left."""
        ranges = self._part.ranges
        try:
            while (number := ranges.claim()) is not None:
                try:
                    self._fill(number)
                finally:
                    ranges.release(number)
        except (Stopped, Restart, VelocityError, OSError) as error:
            self.failure = error
            ranges.wake()

    def _fill(self, number: int) -> None:
        ranges, fruitless = self._part.ranges, 0
        best = ranges.at(number)
        while ranges.at(number) < ranges.end(number):
            try:
                self._attempt(number)
            except Interrupted as interruption:
                if ranges.at(number) >= best + _ENOUGH_BYTES:
                    fruitless, best = 0, ranges.at(number)
                fruitless += 1
                self._wait(interruption, fruitless)

    def _attempt(self, number: int) -> None:
        """Take bytes until the range is whole.

        Raises:
            Interrupted: if they end before, or come too slowly.
            Restart: if they do not belong where they were asked for.
        """
        part, ranges = self._part, self._part.ranges
        first, end = ranges.at(number), ranges.end(number)
        last = None if end == ranges.size_bytes else end
        with (
            self._source.open(self._repository, self._file, first=first, end=last) as incoming,
            part.writer(number) as writer,
        ):
            self._agree(incoming, first)
            watch = _SlowWatch(self._terms.clock)
            for piece in incoming.pieces:
                if self._halt.is_set():
                    raise Stopped
                if ranges.at(number) + len(piece) > end:
                    raise HubError(
                        f"the hub sends more than the {end - first} bytes it was asked for"
                    )
                writer.append(piece)
                self._progress.add(len(piece))
                self._terms.pace.spend(len(piece), self._halt)
                watch.see(len(piece))
        if ranges.at(number) < end:
            raise Interrupted("the hub ended the file too early")

    def _agree(self, incoming: Incoming, first: int) -> None:
        """Make sure that the bytes to come belong where they were asked for."""
        part = self._part
        if incoming.total_bytes not in {None, part.size_bytes}:
            raise HubError(
                f"the hub promised {part.size_bytes} bytes of {self._file.path} and now says"
                f" {incoming.total_bytes}"
            )
        if part.etag and incoming.etag and part.etag != incoming.etag:
            raise Restart(incoming.etag)
        is_whole = len(part.ranges) == 1 and first == 0
        if incoming.first != first or (incoming.is_whole and not is_whole):
            raise Restart(as_one=True)
        part.name_content(incoming.etag)

    def _wait(self, interruption: Interrupted, fruitless: int) -> None:
        """Before the next attempt: 1 s, then twice as long each time, or as the hub says."""
        if fruitless >= MAX_FRUITLESS_ATTEMPTS:
            raise HubError(
                f"{interruption.reason}; {fruitless} attempts brought nothing. Pull again later, it"
                " goes on from here"
            ) from interruption
        self._progress.count_retry()
        delay_s = interruption.retry_after_s
        if delay_s is None:
            delay_s = min(2.0 ** (fruitless - 1), MAX_DELAY_S)
        if self._halt.wait(delay_s):
            raise Stopped


class _SlowWatch:
    """Notices bytes that only drip, which no time-out between two of them does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s = clock.monotonic_s()
        self._bytes = 0

    def see(self, n_bytes: int) -> None:
        """Raises Interrupted if the last half minute brought next to nothing."""
        self._bytes += n_bytes
        now_s = self._clock.monotonic_s()
        if now_s - self._since_s < SLOW_WINDOW_S:
            return
        if self._bytes < SLOW_BYTES:
            raise Interrupted(f"the hub sent {self._bytes} bytes in {SLOW_WINDOW_S:g} s")
        self._since_s, self._bytes = now_s, 0
