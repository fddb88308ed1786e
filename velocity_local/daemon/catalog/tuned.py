"""What measurements found best, by model and machine: a file that outlives the daemon.

It can be measured again, so a file that cannot be read is written over.
"""

import logging
from pathlib import Path

import msgspec

from velocity_local.config.atomic import write_atomic
from velocity_local.core.errors import DiskFull
from velocity_local.core.tuning import TunedValues

MAX_KEPT = 1000
_log = logging.getLogger(__name__)


class TunedModel(msgspec.Struct, frozen=True):
    """The values found for the model of a fingerprint on a machine; `model` was its id then.

    `cost` is the time needed with them as a share of the time without.
    """

    fingerprint: str
    machine: str
    model: str
    values: TunedValues
    cost: float
    tuned_s: float


class _Document(msgspec.Struct, frozen=True):
    tuned: tuple[TunedModel, ...] = ()
    version: int = 1


class TunedStore:
    """Values for one machine. Those of others, whose home this may be as well, are kept."""

    def __init__(self, file: Path, *, machine: str) -> None:
        self._file = file
        self._machine = machine
        self._known = {(one.fingerprint, one.machine): one for one in _read(file)}

    def find(self, fingerprint: str) -> TunedModel | None:
        return self._known.get((fingerprint, self._machine))

    def put(
        self, fingerprint: str, model: str, values: TunedValues, *, cost: float, now_s: float
    ) -> TunedModel:
        """Keep what was found; it is on disk when this returns.

        Raises:
            DiskFull: if it cannot be written; it is known until the daemon ends all the same.
        """
        tuned = TunedModel(fingerprint, self._machine, model, values, cost, now_s)
        self._known.pop((fingerprint, self._machine), None)
        self._known[fingerprint, self._machine] = tuned
        for key in list(self._known)[: max(len(self._known) - MAX_KEPT, 0)]:
            del self._known[key]
        self._write()
        return tuned

    def forget(self, fingerprint: str) -> bool:
        """False if there was nothing to forget."""
        if self._known.pop((fingerprint, self._machine), None) is None:
            return False
        self._write()
        return True

    def _write(self) -> None:
        document = _Document(tuple(self._known.values()))
        try:
            write_atomic(self._file, msgspec.json.format(msgspec.json.encode(document), indent=2))
        except OSError as error:
            raise DiskFull(f"{self._file} cannot be written: {error.strerror}") from error


def _read(file: Path) -> tuple[TunedModel, ...]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Document).tuned
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("%s cannot be used and is begun anew: %s", file, error)
        return ()
