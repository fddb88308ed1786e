"""The disk tier: files of saved cells, listed once, read when a prompt begins like one.

Three kinds of threads meet here: the engine's offers what leaves memory, those that prepare
requests fetch, and one of its own lists and writes. A lock guards what they share; files are read
and written outside of it.
"""

import logging
import os
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from velocity_local.core.clock import Clock
from velocity_local.core.kv import KvTiers
from velocity_local.worker.engine.prefix import PrefixIndex
from velocity_local.worker.engine.statecache import Kept, chain
from velocity_local.worker.states import files
from velocity_local.worker.states.budget import WriteBudget
from velocity_local.worker.states.room import Room

# Reading more than this would keep the requests behind it waiting.
MAX_FETCH_BYTES = 512 * 2**20
LISTING_LIMIT_S = 2.0
# The newest files are read at once: what was asked last is often asked next.
MAX_AHEAD_BYTES = 64 * 2**20
# What waits to be written is still in memory.
MAX_WAITING_BYTES = 256 * 2**20
# Short prompts to which nobody has come back may spend so small a part of what may be written:
# where each is another one, writing all of them slows everybody and wears out the disk.
_OTHERS_PART = 16

_log = logging.getLogger(__name__)


class _File(NamedTuple):
    listed: files.Listed
    tokens: list[int]

    @property
    def n_bytes(self) -> int:
        return self.listed.offset + self.listed.head.n_bytes


class StateDisk:
    """One model's files. `engine` names the build and the number format that reads them."""

    def __init__(self, tiers: KvTiers, engine: str, *, has_parts: bool, clock: Clock) -> None:
        self._folder = Path(tiers.folder) / tiers.fingerprint
        self._key = tiers.key
        self._engine = engine
        self._limit_bytes = tiers.disk_bytes
        self._has_parts = has_parts
        self._room = Room(self._folder.parent, tiers.disk_bytes)
        self._budget = WriteBudget(tiers.write_bytes_per_hour, clock)
        self._budget_of_others = WriteBudget(tiers.write_bytes_per_hour // _OTHERS_PART, clock)
        self._lock = threading.Lock()
        self._index: PrefixIndex[int] = PrefixIndex()
        self._files: OrderedDict[int, _File] = OrderedDict()
        self._numbers: dict[Path, int] = {}
        self._in_memory: set[int] = set()
        self._number = 0
        self._is_listed = threading.Event()
        # Nobody is to miss what another thread has read and not handed over yet.
        self._one_at_a_time = threading.Lock()
        self._deliver: Callable[[list[Kept]], None] | None = None
        self._waiting: queue.SimpleQueue[Kept | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._thread = threading.Thread(target=self._run, name="states", daemon=True)

    def start(self, deliver: Callable[[list[Kept]], None] | None = None) -> None:
        """List the files, beside whatever else is done, and deliver the newest ones."""
        self._deliver = deliver
        self._thread.start()

    def fetch(self, tokens: list[int], space: str) -> list[Kept]:
        """What is on disk of the beginning of these tokens and was not fetched before.

        Files that cannot be used are removed, and what was to follow them is not read.
        """
        self._is_listed.wait(LISTING_LIMIT_S)
        with self._one_at_a_time:
            return self._fetched(tokens, space)

    def _fetched(self, tokens: list[int], space: str) -> list[Kept]:
        fetched: list[Kept] = []
        for number, file in self._wanted(tokens, space):
            try:
                state = files.read_state(file.listed)
            except (files.Unusable, OSError) as error:
                self._remove(number, str(error))
                break
            with self._lock:
                self._in_memory.add(number)
            self._touch(number, file)
            head = file.listed.head
            fetched.append(Kept(file.tokens, head.start, state, head.space))
        return fetched

    def offer(self, kept: Kept) -> None:
        """Cells leave memory: have them written, unless they are on disk or that lags behind."""
        with self._lock:
            if self._waiting_bytes + kept.n_bytes > MAX_WAITING_BYTES:
                _log.info("saved cells are not written: the disk is too slow")
                return
            self._waiting_bytes += kept.n_bytes
        self._waiting.put(kept)

    @property
    def waiting_bytes(self) -> int:
        """What is still in memory until it is written."""
        return self._waiting_bytes

    def close(self, last: Iterable[Kept], *, limit_s: float) -> None:
        """Write what waits and what is still in memory, as far as the time goes."""
        for kept in last:
            self._waiting.put(kept)
        self._waiting.put(None)
        self._thread.join(limit_s)

    def entries(self) -> list[files.Listed]:
        """All files, the oldest first."""
        with self._lock:
            return [file.listed for file in self._files.values()]

    def clear(self) -> None:
        """Remove all files that are listed."""
        with self._lock:
            paths = [file.listed.path for file in self._files.values()]
            for number in list(self._files):
                self._forget(number)
        for path in paths:
            files.remove(path)

    def reach(self, tokens: list[int], space: str) -> int:
        """How many of the first tokens are there."""
        with self._lock:
            links = self._chain(tokens, space)
        return links[-1][1] if links else 0

    def _chain(self, tokens: list[int], space: str) -> list[tuple[int, int]]:
        matches = self._index.matches(tokens, space)
        starts = {match.holder: self._start_of(match.holder) for match in matches}
        return chain(matches, starts, has_parts=self._has_parts)

    def _wanted(self, tokens: list[int], space: str) -> list[tuple[int, _File]]:
        with self._lock:
            numbers = [number for number, _ in self._chain(tokens, space)]
            wanted = [(n, self._files[n]) for n in numbers if n not in self._in_memory]
        room = MAX_FETCH_BYTES
        taken = []
        for number, file in wanted:
            room -= file.n_bytes
            if room < 0:
                break
            taken.append((number, file))
        return taken

    def _start_of(self, number: int) -> int:
        return self._files[number].listed.head.start

    def _number_of(self, kept: Kept) -> int | None:
        n_tokens = len(kept.tokens)
        for number, length, total in self._index.matches(kept.tokens, kept.space):
            if n_tokens == length == total and self._start_of(number) <= kept.start:
                return number
        return None

    def _run(self) -> None:
        """The tier's own thread."""
        try:
            self._list()
        except OSError as error:
            _log.warning("saved cells in %s cannot be listed: %s", self._folder, error)
        self._is_listed.set()
        self._read_ahead()
        while (kept := self._waiting.get()) is not None:
            if not self._is_there(kept):
                self._write(kept)
            with self._lock:
                self._waiting_bytes -= kept.n_bytes

    def _read_ahead(self) -> None:
        if self._deliver is None:
            return
        with self._lock:
            newest = list(reversed(self._files.values()))
        room = MAX_AHEAD_BYTES
        for file in newest:
            room -= file.n_bytes
            if room < 0:
                return
            with self._one_at_a_time:
                self._deliver(self._fetched(file.tokens, file.listed.head.space))

    def _list(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(self._folder.iterdir(), key=_last_used_s):
            if path.suffix == files.SUFFIX:
                self._list_one(path)
            elif path.suffix == files.PART_SUFFIX:
                files.remove(path)
        for number in self._cut_off():
            self._remove(number, "what it goes on from is gone")
        self._forget_paths(self._room.count())

    def _list_one(self, path: Path) -> None:
        try:
            listed = files.read_head(path, self._engine, self._key)
        except (files.Unusable, OSError) as error:
            _log.info("saved cells in %s are not used: %s", path.name, error)
            files.remove(path)
            return
        self._add(listed)

    def _cut_off(self) -> list[int]:
        """Files whose cells have no beginning any more, those that build on others last."""
        with self._lock:
            return [n for n, file in self._files.items() if not self._is_reached(file)]

    def _is_reached(self, file: _File) -> bool:
        links = self._chain(file.tokens, file.listed.head.space)
        return bool(links) and links[-1][1] == len(file.tokens)

    def _add(self, listed: files.Listed) -> None:
        with self._lock:
            self._number += 1
            self._files[self._number] = file = _File(listed, listed.tokens)
            self._numbers[listed.path] = self._number
            self._index.insert(self._number, file.tokens, listed.head.space)

    def _is_there(self, kept: Kept) -> bool:
        """Whether these cells are on disk; they are no longer in memory then."""
        with self._lock:
            number = self._number_of(kept)
            if number is not None:
                self._in_memory.discard(number)
            return number is not None

    def _write(self, kept: Kept) -> None:
        if kept.state.nbytes > self._limit_bytes:
            return
        if not kept.is_wanted and not self._budget_of_others.take(kept.state.nbytes):
            return
        if not self._budget.take(kept.state.nbytes):
            _log.info("saved cells are not written: this hour's budget is spent")
            return
        try:
            listed = files.write(
                self._folder, self._engine, self._key, space=kept.space, start=kept.start,
                tokens=kept.tokens, state=kept.state,
            )  # fmt: skip
        except OSError as error:
            _log.warning("saved cells cannot be written: %s", error)
            return
        self._add(listed)
        self._forget_paths(self._room.add(listed.path))

    def _forget_paths(self, paths: Iterable[Path]) -> None:
        for path in paths:
            with self._lock:
                number = self._numbers.get(path)
                if number is not None:
                    self._forget(number)

    def _remove(self, number: int, reason: str) -> None:
        with self._lock:
            file = self._files.get(number)
            if file is None:
                return
            self._forget(number)
        _log.info("saved cells in %s are not used: %s", file.listed.path.name, reason)
        files.remove(file.listed.path)

    def _forget(self, number: int) -> None:
        del self._numbers[self._files.pop(number).listed.path]
        self._index.remove(number)
        self._in_memory.discard(number)

    def _touch(self, number: int, file: _File) -> None:
        """It was useful: it becomes the newest."""
        with self._lock:
            if number in self._files:
                self._files.move_to_end(number)
        try:
            os.utime(file.listed.path)
        except OSError as error:
            _log.info("the time of %s cannot be set: %s", file.listed.path.name, error)


def _last_used_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
