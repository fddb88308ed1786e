"""What a worker writes to standard error: the last lines in memory, the rest in a capped file."""

from collections import deque
from pathlib import Path

KEPT_LINES = 100
LINE_BYTES = 4096
FILE_BYTES = 5 * 1024 * 1024


class WorkerLog:
    """One model's log; a full file becomes `.1` and replaces the one before.

    Writing never raises and never waits for room: lines that the disk refuses are counted.
    """

    def __init__(self, path: Path, *, file_bytes: int = FILE_BYTES) -> None:
        self._path = path
        self._file_bytes = file_bytes
        self._lines: deque[bytes] = deque(maxlen=KEPT_LINES)
        self._open_line = b""
        self.lost_writes = 0

    def write(self, data: bytes) -> None:
        *whole, rest = (self._open_line + data).split(b"\n")
        self._lines.extend(line[:LINE_BYTES] for line in whole[-KEPT_LINES:])
        self._open_line = rest[:LINE_BYTES]
        try:
            self._append(data)
        except OSError:
            self.lost_writes += 1

    def note(self, text: str) -> None:
        """A line of ours, set apart from the worker's."""
        self.write(f"-- {text}\n".encode(errors="replace"))

    def tail(self) -> tuple[str, ...]:
        """The last lines, oldest first, safe to print."""
        lines = [*self._lines, self._open_line] if self._open_line else list(self._lines)
        return tuple(_printable(line) for line in lines)

    def last_words(self) -> str:
        """The last line that the worker itself wrote, or nothing."""
        own = (line for line in reversed(self.tail()) if line and not line.startswith("-- "))
        return next(own, "")

    def clear_tail(self) -> None:
        """Forget the lines in memory: a new process begins."""
        self._lines.clear()
        self._open_line = b""

    def _append(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(data[-self._file_bytes :])
            is_full = file.tell() >= self._file_bytes
        if is_full:
            self._path.replace(self._path.with_suffix(self._path.suffix + ".1"))


def _printable(line: bytes) -> str:
    text = line.decode(errors="replace").rstrip()
    return "".join(char if char.isprintable() or char == "\t" else "?" for char in text)
