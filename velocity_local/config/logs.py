"""The process's own log: one line for each record, written by a thread of its own.

Callers only put a record in a queue. It is redacted there, before any handler sees it; a full
queue or a full disk drops records, counted, and never makes a caller wait.
"""

import copy
import logging
import logging.handlers
import queue
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from velocity_local.config.logfile import RotatingFile, printable
from velocity_local.config.redact import Redactor
from velocity_local.config.settings import LogSettings

QUEUE_RECORDS = 10_000
MAX_MESSAGE_CHARS = 32_768

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The request that the current task works for; every record carries it."""


class Log:
    """The running log. `close` writes what is queued and gives the root logger back.

    `also` is a second place for the same lines, such as a terminal's standard error.
    """

    def __init__(
        self,
        path: Path,
        settings: LogSettings,
        redactor: Redactor,
        *,
        also: logging.Handler | None = None,
    ) -> None:
        self._file = RotatingFile(path, max_bytes=settings.file_bytes, count=settings.file_count)
        self._level = settings.level.upper()
        self._queue: queue.Queue[logging.LogRecord] = queue.Queue()
        self._handler = _Redacting(self._queue, redactor)
        handlers: list[logging.Handler] = [_ToFile(self._file)]
        if also is not None:
            handlers.append(also)
        for handler in handlers:
            handler.setFormatter(LineFormatter())
        self._listener = logging.handlers.QueueListener(self._queue, *handlers)

    def open(self) -> None:
        """Take over the root logger."""
        self._listener.start()
        root = logging.getLogger()
        root.addHandler(self._handler)
        root.setLevel(self._level)

    def close(self) -> None:
        logging.getLogger().removeHandler(self._handler)
        self._listener.stop()
        self._file.close()

    @property
    def lost_records(self) -> int:
        """Records dropped since the start, by a full queue or a full disk."""
        return self._handler.dropped + self._file.lost


class LineFormatter(logging.Formatter):
    """`2026-01-31T23:59:59.999Z warning logger [request] message`, on one printable line."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        request = getattr(record, "request", "-")
        line = (
            f"{when.removesuffix('+00:00')}Z {record.levelname.lower():7} {record.name} "
            f"[{request}] {record.getMessage()}"
        )
        return printable(line)


class _Redacting(logging.handlers.QueueHandler):
    """Makes a record plain text without secrets, in the context that emitted it."""

    def __init__(self, records: "queue.Queue[logging.LogRecord]", redactor: Redactor) -> None:
        super().__init__(records)
        self._records = records
        self._redactor = redactor
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        text = self._redactor.redact(self.format(record))
        if len(text) > MAX_MESSAGE_CHARS:
            text = f"{text[:MAX_MESSAGE_CHARS]}... ({len(text)} characters)"
        plain = copy.copy(record)
        plain.msg = plain.message = text
        plain.args = plain.exc_info = plain.exc_text = plain.stack_info = None
        plain.request = request_id.get()
        return plain

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._records.qsize() >= QUEUE_RECORDS:
            self.dropped += 1
        else:
            self._records.put_nowait(record)


class _ToFile(logging.Handler):
    def __init__(self, file: RotatingFile) -> None:
        super().__init__()
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        self._file.write(self.format(record).encode(errors="backslashreplace") + b"\n")
