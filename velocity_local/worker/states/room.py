"""What the files of all models may take together: the ones not used for longest go first.

Files are stat'ed when they are counted, which is rare, and not at every write: with thousands of
them that would cost more than the prompts they save.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from velocity_local.worker.states import files

# Workers of other models write as well. All is counted again after this share of the limit.
_COUNTS_PER_LIMIT = 16


class _Found(NamedTuple):
    path: Path
    n_bytes: int
    used_s: float


class Room:
    """Keeps the files below `root` within `limit_bytes`. Used by one thread.

    Between two counts, what other workers write is not seen: the limit may be passed by a sixteenth
    for each of them.
    """

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self._root = root
        self._limit_bytes = limit_bytes
        self._oldest: deque[_Found] = deque()
        self._n_bytes = 0
        self._until_count_bytes = 0

    def count(self) -> Iterator[Path]:
        """Look at all files, and tell those that are removed for want of room."""
        paths = self._root.glob(f"*/*{files.SUFFIX}")
        found = [one for path in paths if (one := _found(path)) is not None]
        self._oldest = deque(sorted(found, key=lambda one: one.used_s))
        self._n_bytes = sum(one.n_bytes for one in found)
        self._until_count_bytes = self._limit_bytes // _COUNTS_PER_LIMIT
        return self._make()

    def add(self, path: Path) -> Iterator[Path]:
        """A file was written: tell those that are removed for it."""
        one = _found(path)
        if one is None:
            return iter(())
        self._until_count_bytes -= one.n_bytes
        if self._until_count_bytes < 0:
            return self.count()
        self._oldest.append(one)
        self._n_bytes += one.n_bytes
        return self._make()

    def _make(self) -> Iterator[Path]:
        while self._n_bytes > self._limit_bytes and self._oldest:
            oldest = self._oldest.popleft()
            now = _found(oldest.path)
            if now is not None and now.used_s > oldest.used_s:
                self._oldest.append(now)
                continue
            files.remove(oldest.path)
            self._n_bytes -= oldest.n_bytes
            yield oldest.path


def _found(path: Path) -> _Found | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return _Found(path, state.st_size, state.st_mtime)
