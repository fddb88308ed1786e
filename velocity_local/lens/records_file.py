"""Every record of a run as a line of a file, while the run goes on."""

from collections.abc import Callable
from typing import BinaryIO

from velocity_local.lens.gathering import spilled
from velocity_local.lens.results import RequestRecord


class RecordsFile:
    """Writes until the disk does not take any more; that ends the file, never the run.

    `fault` says what went wrong, if something did.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.fault: str | None = None

    def write(self, record: RequestRecord) -> None:
        """Lines reach the disk as they are written: a run that is killed has left them."""
        if self.fault is None:
            self._try(lambda: self._file.write(spilled(record)))
            self._try(self._file.flush)

    def close(self) -> None:
        self._try(self._file.close)

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OSError as error:
            self.fault = self.fault or error.strerror or str(error)
